/** Between two browsers of different makers, and between two of the less forgiving one. */

import { makeFile, makeFiles } from "./fixtures/files.ts";
import { expect, test, type Engine } from "./fixtures/index.ts";
import { readZip } from "./fixtures/zip.ts";

const MB = 1_000_000;
// Each pair once: the project that belongs to its sender runs it.
const PAIRS: [Engine, Engine][] = [
  ["chromium", "firefox"],
  ["firefox", "chromium"],
  ["firefox", "firefox"],
];

for (const [from, to] of PAIRS) {
  test(`${from} to ${to}: one file`, async ({ folder, owner, recipient, engine }) => {
    test.skip(engine !== from, "runs in its sender's project");
    const file = await makeFile(folder, "across.bin", 24 * MB + 7);
    const sent = await owner([file.path], { engine: from });
    const one = await recipient(sent.link, { engine: to });
    expect(await one.download()).toMatchObject({ name: "across.bin", sha256: file.sha256 });
    await expect(sent.owner.recipients).toContainText("complete");
  });

  test(`${from} to ${to}: several files, with a password`, async ({ folder, owner, recipient, engine }) => {
    test.skip(engine !== from, "runs in its sender's project");
    const files = await makeFiles(folder, { "a.bin": 2 * MB, "b.txt": 0, "ü.bin": MB });
    const sent = await owner(files.map((file) => file.path), { engine: from, password: "pass word" });
    const one = await recipient(sent.link, { engine: to });
    await one.unlock("pass word");
    const saved = await readZip((await one.download()).path);
    expect(saved.map((entry) => entry.sha256)).toEqual(files.map((file) => file.sha256));
  });
}

test("a recipient of each kind at once", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "for all.bin", 16 * MB);
  const sent = await owner([file.path]);
  const both = [
    await recipient(sent.link, { engine: "chromium" }),
    await recipient(sent.link, { engine: "firefox" }),
  ];
  const saved = await Promise.all(both.map((one) => one.download()));
  expect(saved.map((one) => one.sha256)).toEqual([file.sha256, file.sha256]);
});

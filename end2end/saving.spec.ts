/** Files on the recipient's disk: under which names, with which dates, and what becomes of those that were there. */

import { utimes } from "node:fs/promises";
import path from "node:path";
import { chooses, opens, readChosen, refuses } from "./fixtures/chosen_folder.ts";
import { makeFile, makeFiles, type KnownFile } from "./fixtures/files.ts";
import { expect, test, type Recipient } from "./fixtures/index.ts";
import { readDates, readZip } from "./fixtures/zip.ts";

const paths = (files: KnownFile[]) => files.map((file) => file.path);
const hashes = (files: KnownFile[]) => Object.fromEntries(files.map((file) => [file.name, file.sha256]));

const intoFolder = async (someone: Recipient) => {
  await someone.page.getByRole("button", { name: "Download into a folder…" }).click();
  await someone.expectPhase(/complete|seeding/);
};
const otherNames = (someone: Recipient) =>
  someone.page.getByRole("list", { name: "Saved under other names" }).getByRole("listitem");

test.describe("into a folder", () => {
  test.skip(({ engine }) => engine !== "chromium", "only Chromium has a dialogue for folders");

  test("nothing of the person's is replaced, and the page says what has another name", async ({ folder, owner, recipient }) => {
    const files = await makeFiles(folder, { "a.txt": 1000, "a (2).txt": 1001, "b.txt": 1002, "c.txt": 1003 });
    const someone = await recipient((await owner(paths(files))).link, {
      initScript: chooses({ "a.txt": "MINE", "b.txt": null, "b.txt/inside": "MINE TOO" }),
    });
    await intoFolder(someone);
    await expect(someone.page.getByText("Saved in the folder “chosen”. 2 names were taken or not allowed there:")).toBeVisible();
    await expect(otherNames(someone)).toHaveText(["a.txt is there as a (3).txt", "b.txt is there as b (2).txt"]);
    const sent = hashes(files);
    expect(await readChosen(someone.page)).toEqual({
      "a.txt": "MINE",
      "b.txt": null,
      "b.txt/inside": "MINE TOO",
      "a (3).txt": sent["a.txt"],
      "a (2).txt": sent["a (2).txt"],
      "b (2).txt": sent["b.txt"],
      "c.txt": sent["c.txt"],
    });
  });

  test("folders are gone into where they are, and get another name where a file is", async ({ folder, owner, recipient }) => {
    const tree = path.join(folder, "tree");
    const files = await makeFiles(tree, { "taken/x.bin": 900, "taken/deep/y.bin": 901, "there/z.bin": 902 });
    const someone = await recipient((await owner(tree)).link, {
      initScript: chooses({ "tree/taken": "MINE", "tree/there/z.bin": "MINE", "tree/there/own": "STAYS" }),
    });
    await intoFolder(someone);
    await expect(otherNames(someone)).toHaveText([
      "tree/taken/ is there as tree/taken (2)/",
      "tree/there/z.bin is there as tree/there/z (2).bin",
    ]);
    const sent = hashes(files);
    expect(await readChosen(someone.page)).toEqual({
      tree: null,
      "tree/taken": "MINE",
      "tree/taken (2)": null,
      "tree/taken (2)/x.bin": sent["taken/x.bin"],
      "tree/taken (2)/deep": null,
      "tree/taken (2)/deep/y.bin": sent["taken/deep/y.bin"],
      "tree/there": null,
      "tree/there/z.bin": "MINE",
      "tree/there/own": "STAYS",
      "tree/there/z (2).bin": sent["there/z.bin"],
    });
  });

  test("a refused name ends nothing: it is replaced, or named if no name will do", async ({ folder, owner, recipient }) => {
    const long = `${"x".repeat(246)}.bin`;
    const files = await makeFiles(folder, {
      "first.bin": 500,
      "settings.local": 501,
      "zero\u200bwidth.bin": 502,
      "old~.bin": 503,
      [long]: 504,
      "never.bin": 505,
      "last.bin": 506,
    });
    const swapFile = opens(`
      const tooLong = new TextEncoder().encode(handle.name + ".crswap").length > 255;
      return tooLong ? Promise.reject(new DOMException("", "InvalidStateError")) : really();`);
    const refused = refuses("return /[~\\u200b]|[.](local|lnk)$|never/.test(name)");
    const someone = await recipient((await owner(paths(files))).link, {
      initScript: [chooses({}), refused, swapFile],
    });
    await intoFolder(someone);
    await expect(someone.page.getByRole("alert")).toContainText("“never.bin” could not be written into the folder “chosen”");
    await expect(someone.page.getByText("Saved 6 of 7 files in the folder “chosen”.")).toBeVisible();
    const sent = hashes(files);
    expect(await readChosen(someone.page)).toEqual({
      "first.bin": sent["first.bin"],
      "settings.local.download": sent["settings.local"],
      "zero_width.bin": sent["zero\u200bwidth.bin"],
      "old_.bin": sent["old~.bin"],
      [`${"x".repeat(235)}.bin`]: sent[long],
      "last.bin": sent["last.bin"],
    });
    await expect(otherNames(someone)).toHaveCount(4);
  });

  test("a full disk ends it with what is there, and nothing half written", async ({ folder, owner, recipient }) => {
    const tree = path.join(folder, "tree");
    const files = await makeFiles(tree, { "a.bin": 700, "b.bin": 701, "deep/c.bin": 702, "d.bin": 703 });
    const full = opens(`
      if (handle.name !== "c.bin") return really();
      const full = () => { throw new DOMException("", "QuotaExceededError"); };
      return Promise.resolve(new WritableStream({ write: full }));`);
    const someone = await recipient((await owner(tree)).link, { initScript: [chooses({ mine: "MINE" }), full] });
    await intoFolder(someone);
    const told = someone.page.getByRole("alert");
    await expect(told).toContainText(/The disk is full: \d of 4 files are in the folder “chosen”/);
    const { mine, tree: made, ...found } = await readChosen(someone.page);
    expect(mine).toBe("MINE");
    // A browser lists a folder's files in an order of its own: those before the one that did not fit are there.
    const sent = hashes(files);
    for (const [name, hash] of Object.entries(found)) expect(hash, name).toBe(sent[name.replace("tree/", "")]);
    const count = Object.keys(found).length;
    expect(Object.keys(found)).not.toContain("tree/deep");
    await expect(told).toContainText(`The disk is full: ${count} of 4 files`);
    expect(made).toBe(count > 0 ? null : undefined);
    // The whole of it is still to be had.
    const again = someone.saved();
    await someone.page.getByRole("link", { name: "Save again" }).click();
    expect(await readZip((await again).path)).toHaveLength(4);
  });

  test("two downloads into one folder at once keep apart", async ({ folder, owner, recipient }) => {
    const rooms = [];
    for (const room of ["1", "2"]) {
      const files = await makeFiles(path.join(folder, room), { "same.bin": 2_000_000, "also.bin": 50 });
      rooms.push({ files, link: (await owner(paths(files))).link });
    }
    const first = await recipient(rooms[0]!.link, { initScript: chooses({}) });
    const page = await first.page.context().newPage();
    await page.goto(rooms[1]!.link);
    const buttons = [first.page, page].map((tab) => tab.getByRole("button", { name: "Download into a folder…" }));
    await Promise.all(buttons.map((button) => button.click()));
    for (const tab of [first.page, page]) await expect(tab.getByText("Saved in the folder “chosen”.")).toBeVisible();
    const found = await readChosen(page);
    expect(Object.keys(found).sort()).toEqual(["also (2).bin", "also.bin", "same (2).bin", "same.bin"]);
    expect(new Set(Object.values(found))).toEqual(new Set(rooms.flatMap(({ files }) => files.map((file) => file.sha256))));
  });
});

for (const [own, kept] of [
  [".env", "env"],
  ["settings.local", "settings.local.download"],
  ["old~1.txt", "old_1.txt"],
  ["100% sure.txt", "100_ sure.txt"],
  ["zero\u200bwidth.txt", "zero_width.txt"],
  ["two  spaces.txt", "two spaces.txt"],
  [`${"x".repeat(246)}.txt`, `${"x".repeat(235)}.txt`],
] as const) {
  test(`the page tells the name that the browser saves ${own.slice(0, 20)} under`, async ({ folder, owner, recipient }) => {
    const file = await makeFile(folder, own, 1234);
    const one = await recipient((await owner([file.path])).link);
    const saved = await one.download();
    expect(saved).toMatchObject({ name: kept, sha256: file.sha256 });
    await expect(one.page.getByText(`Saved as “${kept}”, because browsers save no file as “${own}”.`)).toBeVisible();
  });
}

test("an archive has the files' own dates, by the recipient's clock and exactly", async ({ folder, owner, recipient }) => {
  const files = await makeFiles(folder, { "winter.bin": 10, "summer.bin": 11 });
  const dates = [new Date("2024-02-29T12:34:57Z"), new Date("2021-07-15T23:59:59Z")];
  for (const [index, file] of files.entries()) await utimes(file.path, dates[index]!, dates[index]!);
  const one = await recipient((await owner(paths(files))).link);
  const local = await one.page.evaluate(
    (times) =>
      times.map((time) => {
        const at = new Date(time);
        const seconds = Math.floor(at.getSeconds() / 2) * 2;
        return [at.getFullYear(), at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes(), seconds].join(" ");
      }),
    dates.map(Number),
  );
  const saved = await readDates((await one.download()).path);
  expect(saved).toEqual(
    files.map(({ name }, index) => ({ name, local: local[index]!, unix: Number(dates[index]) / 1000 })),
  );
});

test("names that are one on macOS part in the archive", async ({ folder, owner, recipient }) => {
  const files = [];
  for (const [at, name] of ["caf\u00e9.txt", "cafe\u0301.txt", "CAFE\u0301.TXT"].entries()) {
    files.push(await makeFile(path.join(folder, `${at}`), name, 100 + at));
  }
  const one = await recipient((await owner(paths(files))).link);
  const saved = await readZip((await one.download()).path);
  const keys = saved.map(({ name }) => name.normalize().toLowerCase());
  expect(new Set(keys).size).toBe(3);
  expect(saved.map(({ sha256 }) => sha256).sort()).toEqual(files.map(({ sha256 }) => sha256).sort());
});

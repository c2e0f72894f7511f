/**
 * Large rooms: every byte right, and memory that does not grow with them. Chromium to Chromium, two processes with
 * ordinary profiles: off the record Chromium keeps a site's files in memory, and a save of 2 GiB was cut at 1.5 GB there.
 *
 * `T4M_BENCH_MIB` sets the large file (2048); a file of 128 MiB goes first, for comparison.
 */

import type { Browser, BrowserContext } from "@playwright/test";
import path from "node:path";
import { Browsers } from "./fixtures/browsers.ts";
import { makeFile, makeFiles, type KnownFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";
import { RendererMemory } from "./fixtures/memory.ts";
import { Owner, Recipient } from "./fixtures/room.ts";
import { readZip } from "./fixtures/zip.ts";
import type { Saved } from "./fixtures/downloads.ts";

const MIB = 1 << 20;
const LARGE = Number(process.env.T4M_BENCH_MIB ?? 2048);
const PATIENCE = 25 * 60_000;

async function transfer(
  url: string,
  choose: (owner: Owner) => Promise<void>,
  what: string,
  check: (saved: Saved) => Promise<void>,
): Promise<void> {
  const [here, there] = [new Browsers(), new Browsers()];
  const [near, far] = [await here.ordinaryChromium(), await there.ordinaryChromium()];
  const owner = new Owner(await near.newPage(), "chromium");
  await owner.page.goto(url);
  await choose(owner);
  const recipient = new Recipient(await far.newPage(), "chromium");
  await recipient.page.goto(await owner.share());
  await expect(recipient.button("Download")).toBeEnabled();
  const memory = [new RendererMemory(browserOf(near)), new RendererMemory(browserOf(far))] as const;
  const began = performance.now();
  const saved = await recipient.download(PATIENCE);
  const seconds = (performance.now() - began) / 1000;
  const [sender, receiver] = [await memory[0].stop(), await memory[1].stop()];
  console.log(
    `${what}: ${seconds.toFixed(1)} s from the click to the saved file; renderers, MB before and at most: ` +
      `sender ${sender.before} and ${sender.peak}, recipient ${receiver.before} and ${receiver.peak}`,
  );
  // What a browser saved goes with it.
  await check(saved);
  await here.close();
  await there.close();
}

function browserOf(context: BrowserContext): Browser {
  const browser = context.browser();
  if (!browser) throw new Error("a Chromium that does not tell of itself");
  return browser;
}

for (const mebibytes of [128, LARGE]) {
  test(`one file of ${mebibytes} MiB`, async ({ server, folder }) => {
    const file = await makeFile(folder, "large.bin", mebibytes * MIB);
    await transfer(
      server.url,
      (owner) => owner.chooseFiles.setInputFiles(file.path),
      `${mebibytes} MiB`,
      async (saved) => expect({ bytes: saved.bytes, sha256: saved.sha256 }).toEqual({ bytes: file.bytes, sha256: file.sha256 }),
    );
  });
}

test("a folder of ten thousand files, 200 MB in all", async ({ server, folder }) => {
  const sizes: Record<string, number> = {};
  for (let n = 0; n < 10_000; n++) sizes[`many/${n % 100}/file ${n}.bin`] = 10_000 + (n % 1000) * 20;
  const files: KnownFile[] = await makeFiles(folder, sizes);
  await transfer(
    server.url,
    (owner) => owner.chooseFolder.setInputFiles(path.join(folder, "many")),
    `${files.length} files, ${Math.round(files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6)} MB`,
    async (saved) => {
      const byName = (one: { name: string }, other: { name: string }) => (one.name < other.name ? -1 : 1);
      const arrived = (await readZip(saved.path)).sort(byName);
      const sent = files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })).sort(byName);
      expect(arrived).toEqual(sent);
    },
  );
});

/**
 * What a transfer costs beyond the wire: ours (read, hashed, signed, sent, verified, stored) divided by a bare data
 * channel that pushes zeros between the same two browser processes, before and after: what a shared machine has to give
 * changes from minute to minute. For Chromium also what processor time each took, which is what the rest is spent on
 * where all of it runs on one machine.
 *
 * `T4M_BENCH_MIB` sets the size (1024), `T4M_BENCH_ROUNDS` the rounds (3), `T4M_BENCH_PAIRS` the pairs.
 */

import type { Page } from "@playwright/test";
import { closeBareChannels, pushZeros, secondsOfZeros } from "./fixtures/bare_channel.ts";
import { Browsers, type Engine } from "./fixtures/browsers.ts";
import { cpuSeconds, type CpuSeconds } from "./fixtures/cpu.ts";
import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";
import { Owner, Recipient } from "./fixtures/room.ts";

const MIB = 1024 * 1024;
const SIZE = Number(process.env.T4M_BENCH_MIB ?? 1024) * MIB;
const ROUNDS = Number(process.env.T4M_BENCH_ROUNDS ?? 3);
const PAIRS = (process.env.T4M_BENCH_PAIRS ?? "chromium-chromium,firefox-firefox")
  .split(",")
  .map((pair) => pair.split("-") as [Engine, Engine]);

for (const [sending, receiving] of PAIRS) {
  test(`${sending} to ${receiving}`, async ({ server, folder }) => {
    const [here, there] = [new Browsers(), new Browsers()];
    const file = await makeFile(folder, "measured.bin", SIZE);
    const rows: { bare: number; ours: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const pages = [await openPage(here, sending), await openPage(there, receiving)] as const;
      for (const page of pages) await page.goto(server.url);
      const spent = async () => {
        if (sending !== "chromium" || receiving !== "chromium") return undefined;
        return Promise.all(pages.map(async (page) => cpuSeconds(page.context().browser()!)));
      };
      const start = await spent();
      const before = await bareChannel(...pages, SIZE);
      const afterBare = await spent();
      const owner = new Owner(pages[0], sending);
      await owner.chooseFiles.setInputFiles(file.path);
      const recipient = new Recipient(pages[1], receiving);
      await recipient.page.goto(await owner.share());
      await expect(recipient.button("Download")).toBeEnabled();
      const beforeOurs = await spent();
      const ours = SIZE / (await downloadSeconds(recipient, SIZE)) / 1e6;
      const afterOurs = await spent();
      const after = await bareChannel(...pages, SIZE);
      const bare = (before + after) / 2;
      rows.push({ bare, ours });
      console.log(
        `${sending} to ${receiving}, round ${round + 1}: bare ${before.toFixed(1)} and ${after.toFixed(1)} MB/s, ` +
          `ours ${ours.toFixed(1)} MB/s, ratio ${(ours / bare).toFixed(2)}`,
      );
      if (start && afterBare && beforeOurs && afterOurs) {
        console.log(`  processor seconds, bare: ${told(start, afterBare)}; ours: ${told(beforeOurs, afterOurs)}`);
      }
      for (const page of pages) await page.context().close();
    }
    const ratios = rows.map(({ bare, ours }) => ours / bare).sort((a, b) => a - b);
    const [lower, upper] = [ratios[Math.floor((ROUNDS - 1) / 2)]!, ratios[Math.floor(ROUNDS / 2)]!];
    const median = ((lower + upper) / 2).toFixed(2);
    console.log(`${sending} to ${receiving}, ${SIZE / MIB} MiB: median ratio ${median} of ${ROUNDS} rounds`);
    await here.close();
    await there.close();
  });
}

/** Seconds of both sides between two looks. */
function told(before: CpuSeconds[], after: CpuSeconds[]): string {
  const took = (side: number, kind: keyof CpuSeconds) => (after[side]![kind] - before[side]![kind]).toFixed(1);
  return ["sender", "recipient"]
    .map((name, side) => `${name}'s page ${took(side, "pages")} and its browser ${took(side, "rest")}`)
    .join(", ");
}

async function openPage(browsers: Browsers, engine: Engine): Promise<Page> {
  // Off the record Chromium would keep the site's files in memory, and hand each through another process.
  const context = engine === "chromium" ? await browsers.ordinaryChromium() : await browsers.context(engine);
  return context.newPage();
}

/** Seconds from the click to the moment at which the page knows that all is stored and verified. */
async function downloadSeconds(recipient: Recipient, bytes: number): Promise<number> {
  const saved = recipient.saved(20 * 60_000);
  await recipient.page.evaluate(() => {
    const root = document.documentElement;
    const times = window as unknown as { began: number; took: Promise<number> };
    times.took = new Promise((resolve) => {
      const button = [...document.querySelectorAll("button")].find((b) => b.textContent?.trim() === "Download");
      button?.addEventListener("click", () => (times.began = performance.now()), { capture: true });
      new MutationObserver(() => {
        if (/complete|seeding/.test(root.dataset.phase ?? "")) resolve((performance.now() - times.began) / 1000);
      }).observe(root, { attributes: true, attributeFilter: ["data-phase"] });
    });
  });
  await recipient.button("Download").click();
  const seconds = await recipient.page.evaluate(() => (window as unknown as { took: Promise<number> }).took);
  expect((await saved).bytes).toBe(bytes);
  return seconds;
}

/** MB/s of one data channel without any of ours. */
async function bareChannel(sender: Page, receiver: Page, bytes: number): Promise<number> {
  await pushZeros(sender, receiver, bytes);
  const seconds = await secondsOfZeros(receiver, bytes);
  await closeBareChannels(sender, receiver);
  return bytes / seconds / 1e6;
}

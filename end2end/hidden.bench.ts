/**
 * What a transfer loses where nobody looks: the same transfer with both pages in front, and then with both behind another
 * tab, in ordinary Chromium. Browsers slow the timers of hidden pages down, and nothing on the way of a block waits for one.
 *
 * `T4M_HIDDEN_SECONDS` sets how long it stays hidden (300). The pages are visible for a fifth of that before and after,
 * because the machine itself is not equally fast all the time.
 */

import { truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "@playwright/test";
import { Browsers } from "./fixtures/browsers.ts";
import { expect, test } from "./fixtures/index.ts";
import { Owner, Recipient } from "./fixtures/room.ts";
import { countBlocks, receivedBytes } from "./fixtures/wan_browsers.ts";

const SECONDS = Number(process.env.T4M_HIDDEN_SECONDS ?? 300);
/** More than any machine moves in that time. */
const SIZE = 16 * 1024 ** 3;

test("a transfer behind another tab", async ({ server, folder }) => {
  const file = path.join(folder, "measured.bin");
  await writeFile(file, "");
  await truncate(file, SIZE);
  const [here, there] = [new Browsers(), new Browsers()];
  const owner = new Owner(await newPage(here), "chromium");
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file);
  const page = await newPage(there);
  await page.addInitScript(countBlocks);
  const recipient = new Recipient(page, "chromium");
  await page.goto(await owner.share());
  await recipient.button("Download").click();
  await recipient.expectPhase("downloading", 30_000);
  const covers = [await newPage(here, owner.page), await newPage(there, page)];
  const rate = async (hidden: boolean) => {
    for (const front of hidden ? covers : [owner.page, page]) await front.bringToFront();
    for (const one of [owner.page, page]) {
      await expect.poll(() => one.evaluate(() => document.visibilityState)).toBe(hidden ? "hidden" : "visible");
    }
    const before = await receivedBytes(page);
    await page.waitForTimeout(1000 * (hidden ? SECONDS : SECONDS / 5));
    const after = await receivedBytes(page);
    return (after.bytes - before.bytes) / (after.at - before.at) / 1000;
  };
  const rates = { visible: [] as number[], hidden: [] as number[] };
  for (const hidden of [false, true, false]) {
    const one = await rate(hidden);
    rates[hidden ? "hidden" : "visible"].push(one);
    console.log(`${hidden ? "hidden" : "visible"}: ${one.toFixed(1)} MB/s`);
  }
  const visible = rates.visible.reduce((sum, one) => sum + one, 0) / rates.visible.length;
  console.log(`hidden over visible: ${(rates.hidden[0]! / visible).toFixed(2)}`);
  await here.close();
  await there.close();
});

/** A tab in an ordinary window, or one more in that of another page, which really is hidden when it is behind. */
async function newPage(browsers: Browsers, beside?: Page): Promise<Page> {
  const context = beside?.context() ?? (await browsers.ordinaryChromium());
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  // Playwright makes every page believe that it is in front.
  await session.send("Emulation.setFocusEmulationEnabled", { enabled: false });
  return page;
}

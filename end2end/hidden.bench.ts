/**
 * What a transfer loses where nobody looks: the same transfer with both pages in front, and then with both behind another
 * tab, in ordinary Chromium. Browsers slow the timers of hidden pages down, and nothing on the way of a block waits for one.
 *
 * The browsers are started as a person would: Playwright tells each page of its own browsers that it is in front, and has
 * them slow nothing down.
 *
 * `T4M_HIDDEN_SECONDS` sets how long it stays hidden (300). The pages are visible for a fifth of that before and after,
 * because the machine itself is not equally fast all the time.
 */

import { chromium, type Browser, type Page } from "@playwright/test";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { CHROMIUM_ARGUMENTS } from "./fixtures/browsers.ts";
import { expect, test } from "./fixtures/index.ts";
import { Owner, Recipient } from "./fixtures/room.ts";
import { countBlocks, receivedBytes } from "./fixtures/wan_browsers.ts";

const SECONDS = Number(process.env.T4M_HIDDEN_SECONDS ?? 300);
/** More than two cores move in that time. */
const SIZE = 45e6 * SECONDS * 1.4;

test("a transfer behind another tab", async ({ server, folder }) => {
  const file = path.join(folder, "measured.bin");
  await writeFile(file, "");
  await truncate(file, SIZE);
  const [here, there] = [await Window.open(folder), await Window.open(folder)];
  try {
    const owner = new Owner(here.page, "chromium");
    await owner.page.goto(server.url);
    await owner.chooseFiles.setInputFiles(file);
    await there.page.addInitScript(countBlocks);
    const recipient = new Recipient(there.page, "chromium");
    await there.page.goto(await owner.share());
    await recipient.button("Download").click();
    await recipient.expectPhase("downloading", 30_000);
    const rate = async (hidden: boolean) => {
      for (const { page, cover } of [here, there]) {
        await (hidden ? cover : page).bringToFront();
        await expect.poll(() => page.evaluate(() => document.visibilityState)).toBe(hidden ? "hidden" : "visible");
      }
      const before = await receivedBytes(there.page);
      await there.page.waitForTimeout(1000 * (hidden ? SECONDS : SECONDS / 5));
      const after = await receivedBytes(there.page);
      await recipient.expectPhase("downloading", 1);
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
  } finally {
    await here.close();
    await there.close();
  }
});

/** A Chromium with a window of two tabs, which Playwright drives and did not start. */
class Window {
  private constructor(
    private readonly child: ChildProcess,
    private readonly browser: Browser,
    readonly page: Page,
    /** The tab that hides the other when it is in front. */
    readonly cover: Page,
  ) {}

  static async open(folder: string): Promise<Window> {
    const profile = await mkdtemp(path.join(folder, "profile-"));
    // Chromium tells a site of 10 GiB that are left, whatever there is.
    const own = ["--headless", "--unlimited-storage", `--user-data-dir=${profile}`, "--remote-debugging-port=0"];
    const child = spawn("/usr/bin/chromium", [...CHROMIUM_ARGUMENTS, ...own, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
    for await (const line of createInterface({ input: child.stderr })) {
      const [, address] = /DevTools listening on (\S+)/.exec(line) ?? [];
      if (!address) continue;
      // What it says from now on is of no interest, but has to go somewhere.
      child.stderr.resume();
      const browser = await chromium.connectOverCDP(address, { noDefaults: true, isLocal: true });
      const context = browser.contexts()[0]!;
      const page = context.pages()[0] ?? (await context.newPage());
      const cover = await context.newPage();
      // Playwright waits for frames before it clicks, and a hidden page has none.
      await page.bringToFront();
      return new Window(child, browser, page, cover);
    }
    throw new Error("Chromium did not start");
  }

  async close(): Promise<void> {
    const ended = once(this.child, "exit");
    await this.browser.close();
    this.child.kill();
    await ended;
  }
}

/**
 * What one transfer leaves to another on the same line: two pairs of browsers, 50 Mbit/s with a queue of 100 ms and 20 ms
 * there and back. The second begins once the first is up to speed; then both are measured, and how long the line takes.
 *
 * `T4M_WAN_SECONDS` sets the time that is measured, `T4M_WAN_DILATION` how much slower the hosts' clocks are.
 */

import { truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Browser, Page } from "@playwright/test";
import { expect, Server, test } from "./fixtures/index.ts";
import type { Host } from "./fixtures/network.ts";
import { Owner, Recipient } from "./fixtures/room.ts";
import { countBlocks, launchOn, receivedBytes } from "./fixtures/wan_browsers.ts";
import { DILATION, roundTrips, Wan, whyNoWan } from "./fixtures/wan.ts";

const SECONDS = Number(process.env.T4M_WAN_SECONDS ?? 20);
const LINE = { rttMs: 20, rateMbit: 50, queueMs: 100 };

const missing = whyNoWan(DILATION);

test("two pairs on one line", async ({ folder }) => {
  test.skip(missing !== undefined, missing);
  const file = path.join(folder, "measured.bin");
  await writeFile(file, "");
  await truncate(file, 1024 ** 3);
  const wan = await Wan.create(2, 2, DILATION);
  const [server, browsers]: [Server, Browser[]] = [
    await Server.start({ LISTEN: `${wan.right[0]!.address}:0` }, wan.right[0]!.launcher(Server.binary, folder)),
    [],
  ];
  const port = Number(new URL(server.url).port);
  const median = async (seconds: number) => {
    const trips = await roundTrips(wan.left[1]!, wan.right[0]!.address, port, seconds);
    return trips.sort((a, b) => a - b)[Math.floor(trips.length / 2)]!;
  };
  try {
    const start = async (near: Host, far: Host): Promise<Page> => {
      const [here, there] = [await launchOn(near, "chromium", folder, server.url), await launchOn(far, "chromium", folder, server.url)];
      browsers.push(here, there);
      const owner = new Owner(await (await here.newContext()).newPage(), "chromium");
      await owner.page.goto(server.url);
      await owner.chooseFiles.setInputFiles(file);
      const context = await there.newContext();
      await context.addInitScript(countBlocks);
      const recipient = new Recipient(await context.newPage(), "chromium");
      await recipient.page.goto(await owner.share());
      await expect(recipient.button("Download")).toBeEnabled();
      await recipient.button("Download").click();
      await recipient.expectPhase("downloading", 30_000);
      return recipient.page;
    };
    await wan.set(LINE);
    const idle = await median(3);
    const first = await start(wan.left[0]!, wan.right[0]!);
    await wan.wait(15);
    const before = await receivedBytes(first);
    const alone = await median(SECONDS);
    const then = await receivedBytes(first);
    const second = await start(wan.left[1]!, wan.right[1]!);
    await wan.wait(15);
    const from = await Promise.all([first, second].map(receivedBytes));
    const both = await median(SECONDS);
    const to = await Promise.all([first, second].map(receivedBytes));
    const rates = to.map((end, n) => (end.bytes - from[n]!.bytes) / (end.at - from[n]!.at) / 1000);
    const fair = (rates[0]! + rates[1]!) / 2;
    console.log(
      `alone ${((then.bytes - before.bytes) / (then.at - before.at) / 1000).toFixed(2)} MB/s; together ` +
        `${rates.map((rate) => rate.toFixed(2)).join(" and ")} MB/s, the second ${(rates[1]! / fair).toFixed(2)} of its share; ` +
        `median round trip ${idle.toFixed(1)} ms idle, ${alone.toFixed(1)} ms with one, ${both.toFixed(1)} ms with two`,
    );
  } finally {
    for (const browser of browsers) await browser.close();
    await server.remove();
    await wan.remove();
  }
});

/**
 * Our lanes against one connection over lines of every length and loss: MB/s and CPU of a real transfer, each cell over
 * a fixed time once it is up to speed. Both sides are hosts of their own; see `fixtures/wan.ts`. The figures go into
 * `docs/wan.md` and a plot beside it.
 *
 * `T4M_WAN_PAIRS`, `T4M_WAN_RTT` (ms) and `T4M_WAN_LOSS` (per cent) take some rows; the others stay as last measured.
 * `T4M_WAN_SLOT` (ms) is how long packets wait for each other, as on an access network; by default none does.
 * `T4M_WAN_DILATION` is how much slower the hosts' clocks are, that is, how much faster their machine is to them.
 * `T4M_WAN_SECONDS` and `T4M_WAN_WARM_UP` set how long each takes, by those clocks.
 */

import { truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Browser } from "@playwright/test";
import type { Engine } from "./fixtures/browsers.ts";
import { expect, Server, test } from "./fixtures/index.ts";
import type { Host } from "./fixtures/network.ts";
import { Owner, Recipient } from "./fixtures/room.ts";
import { countBlocks, launchOn, onlyOneConnection, receivedBytes } from "./fixtures/wan_browsers.ts";
import { cpuSeconds, DILATION, Wan, whyNoWan, type LineSettings } from "./fixtures/wan.ts";
import { keep, publish, type Measured } from "./fixtures/wan_report.ts";

const list = (name: string, standard: string) => (process.env[name] ?? standard).split(",");
const PAIRS = list("T4M_WAN_PAIRS", "chromium-chromium,firefox-firefox,chromium-firefox").map((pair) => pair.split("-") as [Engine, Engine]);
const ROUND_TRIPS = list("T4M_WAN_RTT", "1,20,50,100,200").map(Number);
const LOSSES = list("T4M_WAN_LOSS", "0,0.1,1").map(Number);
const SLOT_MS = Number(process.env.T4M_WAN_SLOT ?? 0);
const SECONDS = Number(process.env.T4M_WAN_SECONDS ?? 8);
const WARM_UP = Number(process.env.T4M_WAN_WARM_UP ?? 20);
/** More than any line takes in that time. */
const SIZE = 2 * 1024 ** 3;

for (const [sending, receiving] of PAIRS) {
  test(`${sending} to ${receiving}`, async ({ folder }) => {
    const missing = whyNoWan(DILATION, [sending, receiving]);
    test.skip(missing !== undefined, missing);
    const file = path.join(folder, "measured.bin");
    await writeFile(file, "");
    await truncate(file, SIZE);
    const wan = await Wan.create(1, 1, DILATION);
    const [near, far] = [wan.left[0]!, wan.right[0]!];
    const server = await Server.start({ LISTEN: `${far.address}:0` }, far.launcher(Server.binary, folder));
    const browsers = [await launchOn(near, sending, folder, server.url), await launchOn(far, receiving, folder, server.url)] as const;
    try {
      for (const rttMs of ROUND_TRIPS) {
        for (const loss of LOSSES) {
          const slotMs = Math.min(SLOT_MS, rttMs / 2);
          const line = { rttMs, loss: loss / 100, slotMs };
          const one = await measure(wan, line, server, browsers, file, true);
          const ours = await measure(wan, line, server, browsers, file, false);
          keep({ pair: `${sending} to ${receiving}`, rttMs, loss, slotMs, dilation: DILATION, one, ours });
          console.log(
            `${sending} to ${receiving}, ${rttMs} ms, ${loss} %, dilation ${DILATION}: one ${show(one)}, ours ${show(ours)}, ` +
              `${(ours.rate / one.rate).toFixed(2)} times`,
          );
        }
      }
    } finally {
      for (const browser of browsers) await browser.close();
      await server.remove();
      await wan.remove();
    }
  });
}

test.afterAll(publish);

const show = ({ rate, cores, lanes }: Measured) => `${rate.toFixed(2)} MB/s on ${lanes} with ${cores.toFixed(2)} cores`;

/** One transfer on that line, with one connection or as many as it takes. */
async function measure(
  wan: Wan,
  line: LineSettings,
  server: Server,
  [here, there]: readonly [Browser, Browser],
  file: string,
  alone: boolean,
): Promise<Measured> {
  // The sender's page loads on a short line. A link knows only the line that is measured: it may be there before the click.
  await wan.set({ rttMs: 1 });
  const [sender, receiver] = [await here.newContext(), await there.newContext()];
  try {
    if (alone) await sender.addInitScript(onlyOneConnection);
    await receiver.addInitScript(countBlocks);
    const owner = new Owner(await sender.newPage(), "chromium");
    await owner.page.goto(server.url);
    await owner.chooseFiles.setInputFiles(file);
    const recipient = new Recipient(await receiver.newPage(), "chromium");
    const link = await owner.share();
    await wan.set(line);
    await recipient.page.goto(link);
    await expect(recipient.button("Download")).toBeEnabled();
    await recipient.button("Download").click();
    await recipient.expectPhase("downloading", 30_000);
    await wan.wait(WARM_UP);
    const hosts: Host[] = [...wan.left, ...wan.right];
    const [before, used] = [await receivedBytes(recipient.page), await cpuSeconds(hosts)];
    await wan.wait(SECONDS);
    const [after, usedThen] = [await receivedBytes(recipient.page), await cpuSeconds(hosts)];
    // Connections are closed when all is there.
    expect(after.lanes, "the transfer outlasts the measurement").toBeGreaterThan(0);
    const seconds = (after.at - before.at) / 1000;
    return { rate: (after.bytes - before.bytes) / seconds / 1e6, cores: (usedThen - used) / seconds, lanes: after.lanes };
  } finally {
    await wan.set({ rttMs: 1 });
    await receiver.close();
    await sender.close();
  }
}

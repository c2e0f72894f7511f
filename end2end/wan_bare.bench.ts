/**
 * What data channels without any of ours carry over a line, by how many connections: the most that lanes can make on
 * this machine, where both browsers, the server and the line share the cores.
 *
 * `T4M_WAN_PAIRS`, `T4M_WAN_RTT`, `T4M_WAN_LOSS`, `T4M_WAN_SLOT` and `T4M_WAN_DILATION` as for `wan.bench.ts`; `T4M_WAN_CONNECTIONS` how many.
 */

import type { Browser } from "@playwright/test";
import { closeBareChannels, pushZeros, zerosSoFar } from "./fixtures/bare_channel.ts";
import type { Engine } from "./fixtures/browsers.ts";
import { Server, test } from "./fixtures/index.ts";
import { launchOn } from "./fixtures/wan_browsers.ts";
import { cpuSeconds, DILATION, Wan, whyNoWan } from "./fixtures/wan.ts";

const list = (name: string, standard: string) => (process.env[name] ?? standard).split(",");
const PAIRS = list("T4M_WAN_PAIRS", "chromium-chromium,firefox-firefox").map((pair) => pair.split("-") as [Engine, Engine]);
const ROUND_TRIPS = list("T4M_WAN_RTT", "1,20,50").map(Number);
const LOSSES = list("T4M_WAN_LOSS", "0").map(Number);
const SLOTS = list("T4M_WAN_SLOT", "2,0").map(Number);
const CONNECTIONS = list("T4M_WAN_CONNECTIONS", "1,4,16").map(Number);
const [WARM_UP, SECONDS] = [15, 6];

for (const [sending, receiving] of PAIRS) {
  test(`bare channels, ${sending} to ${receiving}`, async ({ folder }) => {
    const missing = whyNoWan(DILATION, [sending, receiving]);
    test.skip(missing !== undefined, missing);
    const wan = await Wan.create(1, 1, DILATION);
    const hosts = [wan.left[0]!, wan.right[0]!] as const;
    const server = await Server.start({ LISTEN: `${hosts[1].address}:0` }, hosts[1].launcher(Server.binary, folder));
    const browsers: Browser[] = [];
    try {
      browsers.push(await launchOn(hosts[0], sending, folder, server.url), await launchOn(hosts[1], receiving, folder, server.url));
      const [here, there] = [await browsers[0]!.newPage(), await browsers[1]!.newPage()];
      for (const page of [here, there]) await page.goto(server.url);
      for (const rttMs of ROUND_TRIPS) {
        for (const loss of LOSSES) {
          for (const slot of SLOTS) {
            const rates: string[] = [];
            for (const connections of CONNECTIONS) {
              const slotMs = Math.min(slot, rttMs / 2);
              await wan.set({ rttMs, loss: loss / 100, slotMs });
              for (let n = 0; n < connections; n++) await pushZeros(here, there);
              await wan.wait(WARM_UP);
              const [from, used] = [await zerosSoFar(there), await cpuSeconds([...hosts])];
              await wan.wait(SECONDS);
              const [to, usedThen] = [await zerosSoFar(there), await cpuSeconds([...hosts])];
              const seconds = (to.at - from.at) / 1000;
              const rate = (to.bytes - from.bytes) / seconds / 1e6;
              rates.push(`${connections}: ${rate.toFixed(2)} MB/s with ${((usedThen - used) / seconds).toFixed(2)} cores`);
              await closeBareChannels(here, there);
              await wan.set({ rttMs: 1 });
            }
            console.log(`${sending} to ${receiving}, ${rttMs} ms, ${loss} %, slots of ${slot} ms, dilation ${DILATION}: ${rates.join(", ")}`);
          }
        }
      }
    } finally {
      for (const browser of browsers) await browser.close();
      await server.remove();
      await wan.remove();
    }
  });
}

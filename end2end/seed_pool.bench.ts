/**
 * The seed pool against serving everyone oneself: one owner whose upload is capped, eight recipients at once, the same
 * file under each topology. Time runs from the first click on Download to the last page that is complete.
 *
 * `T4M_BENCH_MB` sets the size (40), `T4M_BENCH_MBIT` the owner's cap (16), `T4M_BENCH_USERS` the recipients (8),
 * `T4M_BENCH_TOPOLOGIES` the topologies (swarm,direct).
 */

import type { Browser } from "@playwright/test";
import { makeFile } from "./fixtures/files.ts";
import { expect, Server, test } from "./fixtures/index.ts";
import { Network, whyNoNamespaces, type Host } from "./fixtures/network.ts";
import { Owner, Recipient } from "./fixtures/room.ts";

const BYTES = Number(process.env.T4M_BENCH_MB ?? 40) * 1e6;
const MEGABITS = Number(process.env.T4M_BENCH_MBIT ?? 16);
const USERS = Number(process.env.T4M_BENCH_USERS ?? 8);
const TOPOLOGIES = (process.env.T4M_BENCH_TOPOLOGIES ?? "swarm,direct").split(",");
const PATIENCE = 15 * 60_000;

const missing = whyNoNamespaces();

test("eight recipients and one capped owner", async ({ folder }) => {
  test.skip(missing !== undefined, missing);
  const file = await makeFile(folder, "measured.bin", BYTES);
  const network = await Network.create(2);
  const [near, far] = network.hosts as [Host, Host];
  const results = new Map<string, Measured>();
  try {
    await near.capUpload(MEGABITS);
    for (const topology of TOPOLOGIES) {
      const server = await Server.start({ TOPOLOGY: topology, LISTEN: `${far.address}:0` }, far.launcher(Server.binary, folder));
      const browsers = [await near.chromium(folder, server.url), await far.chromium(folder, server.url)] as const;
      try {
        results.set(topology, await measure(server, near, browsers, file));
      } finally {
        for (const browser of browsers) await browser.close();
        await server.remove();
      }
      const { seconds, blocks, sent } = results.get(topology)!;
      console.log(
        `${topology}: last of ${USERS} complete after ${seconds.toFixed(1)} s, ` +
          `the owner sent ${(blocks / BYTES).toFixed(2)} times the file, ` +
          `${(sent / BYTES).toFixed(2)} with every header and repetition`,
      );
    }
    const [swarm, direct] = [results.get("swarm"), results.get("direct")];
    if (swarm && direct) {
      console.log(`direct takes ${(direct.seconds / swarm.seconds).toFixed(2)} times as long as swarm`);
    }
  } finally {
    await network.remove();
  }
});

type Measured = {
  seconds: number;
  /** Bytes that the owner's page handed to its data channels. */
  blocks: number;
  /** Bytes that left the owner's network interface. */
  sent: number;
};

/** Counts what a page hands to its data channels. */
const countBlocks = () => {
  const counted = window as unknown as { blocks: number };
  counted.blocks = 0;
  const send = RTCDataChannel.prototype.send as (this: RTCDataChannel, data: ArrayBuffer) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: ArrayBuffer) {
    counted.blocks += data.byteLength;
    send.call(this, data);
  } as RTCDataChannel["send"];
};

async function measure(
  server: Server,
  near: Host,
  [here, there]: readonly [Browser, Browser],
  file: { path: string; sha256: string },
): Promise<Measured> {
  const owner = new Owner(await (await here.newContext()).newPage(), "chromium");
  await owner.page.addInitScript(countBlocks);
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file.path);
  const link = await owner.share();
  const recipients: Recipient[] = [];
  for (let n = 0; n < USERS; n++) {
    const context = await there.newContext({ acceptDownloads: true });
    const one = new Recipient(await context.newPage(), "chromium");
    await one.page.goto(link);
    await expect(one.button("Download")).toBeEnabled();
    recipients.push(one);
  }
  const before = await near.sentBytes();
  const began = performance.now();
  const saved = recipients.map((one) => one.saved(PATIENCE));
  for (const one of recipients) await one.button("Download").click();
  await Promise.all(recipients.map((one) => one.expectPhase(/complete|seeding/, PATIENCE)));
  const seconds = (performance.now() - began) / 1000;
  const sent = (await near.sentBytes()) - before;
  const blocks = await owner.page.evaluate(() => (window as unknown as { blocks: number }).blocks);
  for (const one of saved) expect((await one).sha256).toBe(file.sha256);
  return { seconds, blocks, sent };
}

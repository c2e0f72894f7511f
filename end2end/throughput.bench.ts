/**
 * What a transfer costs beyond the wire: ours (read, hashed, signed, sent, verified, stored) divided by a bare data
 * channel that pushes zeros between the same two browser processes in the same run. For Chromium also what processor time
 * each took, which is what the rest is spent on where all of it runs on one machine.
 *
 * `T4M_BENCH_MIB` sets the size (1024), `T4M_BENCH_ROUNDS` the rounds (3), `T4M_BENCH_PAIRS` the pairs.
 */

import type { Page } from "@playwright/test";
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
      const bare = await bareChannel(...pages, SIZE);
      const afterBare = await spent();
      const owner = new Owner(pages[0], sending);
      await owner.chooseFiles.setInputFiles(file.path);
      const recipient = new Recipient(pages[1], receiving);
      await recipient.page.goto(await owner.share());
      await expect(recipient.button("Download")).toBeEnabled();
      const beforeOurs = await spent();
      const ours = SIZE / (await downloadSeconds(recipient, SIZE)) / 1e6;
      rows.push({ bare, ours });
      console.log(
        `${sending} to ${receiving}, round ${round + 1}: bare ${bare.toFixed(1)} MB/s, ` +
          `ours ${ours.toFixed(1)} MB/s, ratio ${(ours / bare).toFixed(2)}`,
      );
      const afterOurs = await spent();
      if (start && afterBare && beforeOurs && afterOurs) {
        console.log(`  processor seconds, bare: ${told(start, afterBare)}; ours: ${told(beforeOurs, afterOurs)}`);
      }
      for (const page of pages) await page.context().close();
    }
    const ratios = rows.map(({ bare, ours }) => ours / bare).sort((a, b) => a - b);
    console.log(
      `${sending} to ${receiving}, ${SIZE / MIB} MiB: median ratio ` +
        `${ratios[Math.floor(ratios.length / 2)]?.toFixed(2)} of ${ROUNDS} rounds`,
    );
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

/** MB/s of one data channel with 64 KiB messages and at most 4 MiB waiting. */
async function bareChannel(sender: Page, receiver: Page, bytes: number): Promise<number> {
  type Side = { connection: RTCPeerConnection; done?: Promise<number> };
  const offer = await sender.evaluate(async () => {
    const connection = new RTCPeerConnection();
    const channel = connection.createDataChannel("zeros", { negotiated: true, id: 0 });
    Object.assign(window, { bare: { connection, channel } });
    await connection.setLocalDescription();
    if (connection.iceGatheringState !== "complete") {
      await new Promise<void>((resolve) =>
        connection.addEventListener("icegatheringstatechange", () => {
          if (connection.iceGatheringState === "complete") resolve();
        }),
      );
    }
    return { sdp: connection.localDescription?.sdp ?? "" };
  });
  const answer = await receiver.evaluate(
    async ({ sdp, bytes }) => {
      const connection = new RTCPeerConnection();
      const channel = connection.createDataChannel("zeros", { negotiated: true, id: 0 });
      channel.binaryType = "arraybuffer";
      const done = new Promise<number>((resolve) => {
        let [had, began] = [0, 0];
        channel.addEventListener("message", ({ data }: MessageEvent<ArrayBuffer>) => {
          began ||= performance.now();
          had += data.byteLength;
          if (had >= bytes) resolve((performance.now() - began) / 1000);
        });
      });
      Object.assign(window, { bare: { connection, channel, done } });
      await connection.setRemoteDescription({ type: "offer", sdp });
      await connection.setLocalDescription();
      if (connection.iceGatheringState !== "complete") {
        await new Promise<void>((resolve) =>
          connection.addEventListener("icegatheringstatechange", () => {
            if (connection.iceGatheringState === "complete") resolve();
          }),
        );
      }
      return { sdp: connection.localDescription?.sdp ?? "" };
    },
    { sdp: offer.sdp, bytes },
  );
  await sender.evaluate(
    async ({ sdp, bytes }) => {
      const { connection, channel } = (
        window as unknown as { bare: { connection: RTCPeerConnection; channel: RTCDataChannel } }
      ).bare;
      await connection.setRemoteDescription({ type: "answer", sdp });
      if (channel.readyState !== "open") await new Promise((resolve) => (channel.onopen = resolve));
      const message = new Uint8Array(64 * 1024);
      channel.bufferedAmountLowThreshold = 1024 * 1024;
      let left = bytes;
      const push = () => {
        while (left > 0 && channel.bufferedAmount < 4 * 1024 * 1024) {
          channel.send(message);
          left -= message.byteLength;
        }
      };
      channel.addEventListener("bufferedamountlow", push);
      push();
    },
    { sdp: answer.sdp, bytes },
  );
  const seconds = await receiver.evaluate(
    () => (window as unknown as { bare: { done: Promise<number> } }).bare.done,
  );
  for (const page of [sender, receiver]) {
    await page.evaluate(() => (window as unknown as { bare: Side }).bare.connection.close());
  }
  return bytes / seconds / 1e6;
}

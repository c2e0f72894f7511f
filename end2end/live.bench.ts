/**
 * How far apart those are who listen together, and many who listen live.
 *
 * Thirty listen live to one owner, all in one browser, where the Firefox of 2016 lost every one. As many as there are
 * seats hear it, the rest stand in line. Loss and what was made up for it are the browser's own figures.
 *
 * `T4M_BENCH_USERS` sets the listeners (30), `T4M_BENCH_ENGINE` their browser (chromium); the owner's is Chromium.
 */

import { chromium, type Page } from "@playwright/test";
import { CHROMIUM_ARGUMENTS, type Engine } from "./fixtures/browsers.ts";
import { allCpuSeconds } from "./fixtures/cpu.ts";
import { expect, test } from "./fixtures/index.ts";
import { makeMedia, offset } from "./fixtures/media.ts";
import { Owner, Recipient } from "./fixtures/room.ts";

const USERS = Number(process.env.T4M_BENCH_USERS ?? 30);
const ENGINE = (process.env.T4M_BENCH_ENGINE ?? "chromium") as Engine;
const SEATS = Math.min(USERS, 16);
const SECONDS = 20;

type Heard = { packets: number; lost: number; samples: number; concealed: number; bytes: number };

/** Keeps the page's connections, whose figures are asked for later. */
const keepConnections = () => {
  const kept: RTCPeerConnection[] = ((window as unknown as { kept: RTCPeerConnection[] }).kept = []);
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      kept.push(this);
    }
  };
};

const heard = (page: Page): Promise<Heard> =>
  page.evaluate(async () => {
    const sum = { packets: 0, lost: 0, samples: 0, concealed: 0, bytes: 0 };
    for (const connection of (window as unknown as { kept: RTCPeerConnection[] }).kept) {
      if (connection.connectionState !== "connected") continue;
      for (const entry of (await connection.getStats()).values() as Iterable<Record<string, unknown>>) {
        if (entry.type !== "inbound-rtp" || entry.kind !== "audio") continue;
        sum.packets += Number(entry.packetsReceived);
        sum.lost += Number(entry.packetsLost);
        sum.samples += Number(entry.totalSamplesReceived);
        sum.concealed += Number(entry.concealedSamples);
        sum.bytes += Number(entry.bytesReceived);
      }
    }
    return sum;
  });

const isHeard = (page: Page) =>
  page.evaluate(() => {
    const element = document.querySelector("video");
    return !!element?.srcObject && element.currentTime > 0.2;
  });

test("thirty listen live in one browser", async ({ server, folder, browsers }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const args = { executablePath: "/usr/bin/chromium", args: CHROMIUM_ARGUMENTS };
  const here = await chromium.launch(args);
  const there = ENGINE === "firefox" ? await browsers.browser(ENGINE) : await chromium.launch(args);
  const owner = new Owner(await (await here.newContext()).newPage(), "chromium");
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(song.path);
  const link = await owner.share();
  await owner.playLive.getByRole("button", { name: "Play live" }).click();
  const listeners: Recipient[] = [];
  for (let n = 0; n < USERS; n++) {
    const context = await there.newContext();
    await context.addInitScript(keepConnections);
    const one = new Recipient(await context.newPage(), ENGINE);
    await one.page.goto(link);
    await expect(one.listenLive).toBeVisible();
    listeners.push(one);
  }
  const all = <T>(what: (page: Page) => Promise<T>) => Promise.all(listeners.map(({ page }) => what(page)));
  const began = performance.now();
  await all((page) => page.getByRole("button", { name: "Listen live" }).click());
  const count = async () => (await all(isHeard)).filter(Boolean).length;
  await expect.poll(count, { timeout: 60_000, intervals: [100] }).toBe(SEATS);
  const took = (performance.now() - began) / 1000;
  await expect(owner.playLive).toContainText(USERS > SEATS ? `${SEATS} people listen, ${USERS - SEATS} wait for a place.` : `${SEATS} people listen.`);

  const spent = () => Promise.all([allCpuSeconds(here, "chromium"), allCpuSeconds(there, ENGINE)]);
  const [before, cpu] = [await all(heard), await spent()];
  await owner.page.waitForTimeout(SECONDS * 1000);
  const [after, cpuAfter] = [await all(heard), await spent()];
  const sum = (which: keyof Heard) => after.reduce((total, one, n) => total + one[which] - before[n]![which], 0);
  const [sends, hears] = cpuAfter.map((now, side) => now - cpu[side]!);
  console.log(
    `${USERS} pressed Listen live in ${ENGINE}: ${SEATS} heard it ${took.toFixed(1)} s after the first click, ${USERS - SEATS} stand in line; ` +
      `in ${SECONDS} s: ${sum("packets")} packets, ${sum("lost")} lost, ` +
      `${((sum("concealed") / sum("samples")) * 100).toFixed(2)} % of the sound made up, ` +
      `${((sum("bytes") * 8) / SECONDS / SEATS / 1000).toFixed(0)} kbit/s each; ` +
      `cores of the sender's browser ${(sends! / SECONDS).toFixed(2)}, of the listeners' ${(hears! / SECONDS).toFixed(2)}`,
  );
  expect(await count()).toBe(SEATS);

  // One who goes lets the next one in.
  const first = (await Promise.all(listeners.map(async (one) => ((await isHeard(one.page)) ? one : undefined)))).find(Boolean);
  await first!.page.getByRole("button", { name: "Stop listening" }).click();
  await expect.poll(count, { timeout: 20_000 }).toBe(Math.min(SEATS, USERS - 1));
  await here.close();
  await there.close();
});

test("how far apart those are who listen together", async ({ owner, recipient, folder }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const { link } = await owner([song.path]);
  const leader = await recipient(link);
  const followers = [await recipient(link), await recipient(link, { engine: "firefox" })];
  const everyone = [leader, ...followers];
  for (const { page } of everyone) await page.getByRole("button", { name: "Listen together" }).click();
  await expect(leader.together).toContainText("with you: 2 others");
  await leader.play();
  for (const { player } of followers) await expect(player).toContainText("song.mp3");
  // A look a second for a minute, after a quarter of one to come together.
  await leader.page.waitForTimeout(15_000);
  const apart: number[][] = followers.map(() => []);
  for (let look = 0; look < 60; look++) {
    const [lead, ...rest] = await Promise.all(everyone.map(({ page }) => offset(page)));
    rest.forEach((place, n) => apart[n]!.push(Math.abs(place - lead!) * 1000));
    await leader.page.waitForTimeout(1000);
  }
  for (const [n, times] of apart.entries()) {
    expect(times.filter(Number.isNaN), "looks at which somebody did not play").toEqual([]);
    const sorted = [...times].sort((one, other) => one - other);
    const at = (part: number) => sorted[Math.floor((sorted.length - 1) * part)]!.toFixed(0);
    console.log(`${followers[n]!.engine} behind chromium: median ${at(0.5)} ms, 95 % within ${at(0.95)} ms, most ${at(1)} ms`);
  }
});

/**
 * How soon a large file is heard over a line of 10 Mbit/s: from Play to sound, and from a seek to sound, beside the same
 * file through the WebTorrent package (its own service worker, its own defaults) in the same run.
 *
 * Then a minute of music whose line carries 1.3 times what it takes, and many listeners at once: 30 pages in one browser on
 * one owner, whose line is not capped.
 *
 * `T4M_BENCH_MB` sets the size (500), `T4M_BENCH_MBIT` the line (10), `T4M_BENCH_TIMES` how often (5), `T4M_BENCH_READING`
 * the seconds before the click (2), `T4M_BENCH_USERS` the listeners (30) and `T4M_BENCH_ENGINE` their browser
 * (chromium). WebTorrent is installed below `end2end/results` when it is missing there.
 */

import { chromium, type Browser, type BrowserContext, type Page } from "@playwright/test";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { CHROMIUM_ARGUMENTS, type Engine } from "./fixtures/browsers.ts";
import { allCpuSeconds } from "./fixtures/cpu.ts";
import { expect, Server, test } from "./fixtures/index.ts";
import { makeMedia } from "./fixtures/media.ts";
import { Network, whyNoNamespaces, type Host } from "./fixtures/network.ts";
import { Owner, Recipient } from "./fixtures/room.ts";

const run = promisify(execFile);
const BYTES = Number(process.env.T4M_BENCH_MB ?? 500) * 1e6;
const MEGABITS = Number(process.env.T4M_BENCH_MBIT ?? 10);
const TIMES = Number(process.env.T4M_BENCH_TIMES ?? 5);
const USERS = Number(process.env.T4M_BENCH_USERS ?? 30);
const ENGINE = (process.env.T4M_BENCH_ENGINE ?? "chromium") as Engine;
/** Seconds after which nobody waits any more; what takes longer counts as that. */
const PATIENCE = 30;
/** The same where many pages share the processors. */
const PATIENCE_OF_MANY = 300;
/** Seconds between a page that is ready and the click: what a browser does in its first ones is not the page's doing. */
const READING = Number(process.env.T4M_BENCH_READING ?? 2);
const WEBTORRENT = path.resolve("end2end/results/webtorrent");
const PACKAGES = ["webtorrent@2.8.5", "bittorrent-tracker@11.2.3"];

const missing = whyNoNamespaces();

/** Song after song until the file is as large as is asked: an MP3 is frames, one behind the other. */
async function longSong(folder: string): Promise<string> {
  const part = path.join(folder, "part.mp3");
  const noise = "anoisesrc=d=300:c=pink:a=0.3";
  await run("ffmpeg", ["-y", "-v", "error", "-f", "lavfi", "-i", noise, "-c:a", "libmp3lame", "-b:a", "320k", "-write_xing", "0", "-id3v2_version", "0", part]);
  const bytes = await readFile(part);
  const file = path.join(folder, "long.mp3");
  const out = await open(file, "w");
  for (let size = 0; size < BYTES; size += bytes.length) await out.write(bytes);
  await out.close();
  return file;
}

/** A Chromium on that host, to which these origins are secure. */
function settings(host: Host, folder: string, origins: string[]) {
  return {
    executablePath: host.launcher("/usr/bin/chromium", folder),
    args: [...CHROMIUM_ARGUMENTS, `--unsafely-treat-insecure-origin-as-secure=${origins.join(",")}`],
  };
}

/** A first visit in an ordinary profile: off the record Chromium keeps a site's files in memory, and a seek makes them long. */
async function firstVisit(host: Host, folder: string, origin: string): Promise<BrowserContext> {
  const profile = await mkdtemp(path.join(folder, "profile-"));
  const visit = await chromium.launchPersistentContext(profile, settings(host, folder, [origin]));
  await visit.addInitScript(stopwatch, PATIENCE);
  return visit;
}

const median = (times: number[]) => [...times].sort((one, other) => one - other)[Math.floor(times.length / 2)]!;
const told = (times: number[]) =>
  `${median(times).toFixed(2)} s (${Math.min(...times).toFixed(2)} to ${Math.max(...times).toFixed(2)})`;

/**
 * Keeps the time of the click and that of the first sound after it: the element's clock runs, not only its promise. Looks by
 * a timer: frames that nobody sees would take more of the processor than the page does.
 */
const stopwatch = (patience: number) => {
  const watch = window as unknown as { pressed: number; heard: Promise<number>; start: () => void };
  watch.start = () => {
    watch.pressed = performance.now();
    watch.heard = new Promise((resolve) => {
      const look = () => {
        const media = document.querySelector<HTMLMediaElement>("audio, video");
        const before = media?.currentTime ?? -1;
        setTimeout(() => {
          if (media && !media.paused && !media.seeking && media.readyState >= 3 && media.currentTime > before && before >= 0) {
            resolve((performance.now() - watch.pressed) / 1000);
          } else look();
        }, 10);
      };
      look();
      setTimeout(() => resolve(patience), patience * 1000);
    });
  };
};

async function seekBy(page: Page, part: number): Promise<number> {
  return page.evaluate(async (part) => {
    const watch = window as unknown as { heard: Promise<number>; start: () => void };
    const media = document.querySelector<HTMLMediaElement>("audio, video")!;
    watch.start();
    media.currentTime = (Number.isFinite(media.duration) ? media.duration : 0) * part;
    return watch.heard;
  }, part);
}

/** From the click to the sound. */
async function press(page: Page, button: string): Promise<number> {
  await page.evaluate((name) => {
    const found = [...document.querySelectorAll("button")].find((one) => one.textContent === name)!;
    found.addEventListener("click", () => (window as unknown as { start: () => void }).start(), { capture: true, once: true });
  }, button);
  await page.getByRole("button", { name: button, exact: true }).click();
  return page.evaluate(() => (window as unknown as { heard: Promise<number> }).heard);
}

const SEEKS = [0.8, 0.3, 0.55];

test("from Play to sound", async ({ folder }) => {
  test.skip(missing !== undefined, missing);
  const song = await longSong(folder);
  const network = await Network.create(2);
  const [near, far] = network.hosts as [Host, Host];
  await near.capUpload(MEGABITS);
  const server = await Server.start({ LISTEN: `${far.address}:0` }, far.launcher(Server.binary, folder));
  const other = await WebTorrentSite.start(far, folder);
  const sender = await chromium.launch(settings(near, folder, [server.url, other.url]));
  try {
    const ours: [number[], number[]] = [[], []];
    const theirs: [number[], number[]] = [[], []];
    const owner = new Owner(await (await sender.newContext()).newPage(), "chromium");
    await owner.page.goto(server.url);
    await owner.chooseFiles.setInputFiles(song);
    const link = await owner.share();
    const magnet = await other.seed(sender, song);
    console.log(`both senders are ready; what takes more than ${PATIENCE} s counts as that`);
    for (let time = 0; time < TIMES; time++) {
      const visit = await firstVisit(far, folder, server.url);
      const one = await visit.newPage();
      await one.goto(link);
      await expect(one.getByRole("button", { name: "Play", exact: true })).toBeEnabled();
      await one.waitForFunction(() => navigator.serviceWorker.controller);
      await one.waitForTimeout(READING * 1000);
      ours[0].push(await press(one, "Play"));
      for (const part of SEEKS) ours[1].push(await seekBy(one, part));
      await visit.close();

      const torrent = await firstVisit(far, folder, other.url);
      const page = await torrent.newPage();
      await page.goto(`${other.url}/#${encodeURIComponent(magnet)}`);
      await page.waitForFunction(() => document.querySelector("button")?.disabled === false);
      await page.waitForTimeout(READING * 1000);
      theirs[0].push(await press(page, "Play"));
      for (const part of SEEKS) theirs[1].push(await seekBy(page, part));
      await torrent.close();
      const last = (times: number[], count: number) => times.slice(-count).map((time) => time.toFixed(2)).join(" ");
      console.log(`play ${last(ours[0], 1)}, seeks ${last(ours[1], 3)}; WebTorrent ${last(theirs[0], 1)}, seeks ${last(theirs[1], 3)}`);
    }
    const size = ((await stat(song)).size / 1e6).toFixed(0);
    console.log(`${size} MB over ${MEGABITS} Mbit/s, median of ${TIMES}, pressed ${READING} s after the page was ready, seeks to ${SEEKS.length} places each:`);
    console.log(`Play to sound: ${told(ours[0])}; WebTorrent ${told(theirs[0])}; ${(median(theirs[0]) / median(ours[0])).toFixed(1)} times as long`);
    console.log(`seek to sound: ${told(ours[1])}; WebTorrent ${told(theirs[1])}; ${(median(theirs[1]) / median(ours[1])).toFixed(1)} times as long`);
  } finally {
    await sender.close();
    await other.stop();
    await server.remove();
    await network.remove();
  }
});

/** Keeps at which seconds of the file the player has to wait once it was heard. */
const noteSilences = () => {
  const noted = window as unknown as { silences: number[] };
  noted.silences = [];
  let heard = false;
  document.addEventListener("playing", () => (heard = true), { capture: true });
  const silent = ({ target }: Event) => heard && noted.silences.push((target as HTMLMediaElement).currentTime);
  document.addEventListener("waiting", silent, { capture: true });
};
const silences = (page: Page) => page.evaluate(() => (window as unknown as { silences: number[] }).silences);
const playedSeconds = (page: Page) => page.evaluate(() => document.querySelector("audio")!.currentTime);

test("music whose line carries little more than it takes", async ({ folder }) => {
  test.skip(missing !== undefined, missing);
  const song = await makeMedia(folder, "song.wav", 120, ["-ac", "2"]);
  const megabits = (song.bytes * 8) / 120 / 1e6;
  const network = await Network.create(2);
  const [near, far] = network.hosts as [Host, Host];
  await near.capUpload(Number((1.3 * megabits).toFixed(3)));
  const server = await Server.start({ LISTEN: `${far.address}:0` }, far.launcher(Server.binary, folder));
  const sender = await chromium.launch(settings(near, folder, [server.url]));
  const visit = await firstVisit(far, folder, server.url);
  try {
    await visit.addInitScript(noteSilences);
    const owner = new Owner(await (await sender.newContext()).newPage(), "chromium");
    await owner.page.goto(server.url);
    await owner.chooseFiles.setInputFiles(song.path);
    const page = await visit.newPage();
    await page.goto(await owner.share());
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    const sound = await press(page, "Play");
    const before = await playedSeconds(page);
    await page.waitForTimeout(60_000);
    const played = (await playedSeconds(page)) - before;
    console.log(
      `${megabits.toFixed(2)} Mbit/s over ${(1.3 * megabits).toFixed(2)}: sound after ${sound.toFixed(2)} s, ` +
        `${played.toFixed(1)} s heard in the next 60, silences at second: ${(await silences(page)).join(", ") || "none"}`,
    );
    expect(await silences(page)).toEqual([]);
  } finally {
    await visit.close();
    await sender.close();
    await server.remove();
    await network.remove();
  }
});

/** How a download ends, by the page's own word; asked for in the page, so that asking takes nothing from the others. */
async function ended(page: Page): Promise<string> {
  const phase = await page.waitForFunction(
    () => /complete|seeding|failed/.exec(document.documentElement.dataset.phase ?? "")?.[0],
    undefined,
    { polling: 200, timeout: 10 * 60_000 },
  );
  return (await phase.jsonValue()) ?? "";
}

test("many listeners in one browser on one owner", async ({ server, folder, browsers }) => {
  const part = path.join(folder, "song.mp3");
  const tone = "aevalsrc=0.5*sin(2*PI*t*440):d=240";
  await run("ffmpeg", ["-y", "-v", "error", "-f", "lavfi", "-i", tone, "-c:a", "libmp3lame", "-b:a", "192k", part]);
  const args = { executablePath: "/usr/bin/chromium", args: CHROMIUM_ARGUMENTS };
  const here = await chromium.launch(args);
  const there = ENGINE === "firefox" ? await browsers.browser(ENGINE) : await chromium.launch(args);
  const owner = new Owner(await (await here.newContext()).newPage(), "chromium");
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(part);
  const link = await owner.share();
  const listeners: Recipient[] = [];
  for (let n = 0; n < USERS; n++) {
    const context = await there.newContext();
    await context.addInitScript(stopwatch, PATIENCE_OF_MANY);
    await context.addInitScript(noteSilences);
    const one = new Recipient(await context.newPage(), ENGINE);
    await one.page.goto(link);
    await expect(one.page.getByRole("button", { name: "Play", exact: true })).toBeEnabled();
    await one.page.waitForFunction(() => navigator.serviceWorker.controller);
    listeners.push(one);
  }
  const all = <T>(what: (page: Page) => Promise<T>) => Promise.all(listeners.map(({ page }) => what(page)));
  const spent = () => Promise.all([allCpuSeconds(here, "chromium"), allCpuSeconds(there, ENGINE)]);
  const [began, cpu] = [performance.now(), await spent()];
  const [sounds, ends] = await Promise.all([
    all((page) => press(page, "Play")),
    all(async (page) => {
      const phase = await ended(page);
      return { phase, seconds: (performance.now() - began) / 1000 };
    }),
  ]);
  const cpuAfter = await spent();
  const failed = ends.filter(({ phase }) => phase === "failed").length;
  expect(failed, "listeners that failed").toBe(0);
  const arrived = ends.map(({ seconds }) => seconds);
  const before = await all(playedSeconds);
  await listeners[0]!.page.waitForTimeout(10_000);
  const after = await all(playedSeconds);
  const played = after.map((time, n) => time - before[n]!);
  const quiet = await all(silences);
  const bytes = (await stat(part)).size;
  const [sending, listening] = cpuAfter.map((now, side) => now - cpu[side]!);
  console.log(
    `${USERS} listeners in ${ENGINE}: each heard after ${told(sounds)}, failed: ${failed}; ` +
      `silences of all: ${quiet.flat().length}; ` +
      `all of ${(bytes / 1e6).toFixed(1)} MB was there after ${told(arrived)}: ` +
      `${((USERS * bytes) / Math.max(...arrived) / 1e6).toFixed(1)} MB/s in all; ` +
      `processor seconds of the sender's browser ${sending!.toFixed(1)}, of the listeners' ${listening!.toFixed(1)}; ` +
      `in 10 s then each played ${Math.min(...played).toFixed(1)} to ${Math.max(...played).toFixed(1)} s`,
  );
  expect(Math.max(...sounds)).toBeLessThan(PATIENCE_OF_MANY);
  expect(Math.min(...played)).toBeGreaterThan(8);
  await here.close();
  await there.close();
});

/** A page that seeds and plays by WebTorrent, and the tracker by which its browsers meet. */
class WebTorrentSite {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {}

  static async start(host: Host, folder: string): Promise<WebTorrentSite> {
    if (!existsSync(path.join(WEBTORRENT, "node_modules/webtorrent"))) {
      await mkdir(WEBTORRENT, { recursive: true });
      await writeFile(path.join(WEBTORRENT, "package.json"), "{}");
      await run("npm", ["install", "--no-save", "--ignore-scripts", "--no-fund", "--no-audit", ...PACKAGES], { cwd: WEBTORRENT });
    }
    const script = path.join(WEBTORRENT, "site.mjs");
    await writeFile(script, SITE);
    const child = spawn(host.launcher(process.execPath, folder), [script, host.address], { stdio: ["ignore", "pipe", "inherit"] });
    const failed = once(child, "exit").then(() => {
      throw new Error("the WebTorrent site did not start");
    });
    const said = once(child.stdout!.setEncoding("utf8"), "data") as Promise<[string]>;
    const [line] = await Promise.race([said, failed]);
    failed.catch(() => {});
    return new WebTorrentSite(child, line.trim());
  }

  /** Seeds a file; answers its magnet link. */
  async seed(browser: Browser, file: string): Promise<string> {
    const page = await (await browser.newContext()).newPage();
    await page.goto(this.url);
    await page.setInputFiles("input", file);
    await page.waitForFunction(() => document.title.startsWith("magnet:"), undefined, { timeout: 10 * 60_000 });
    return page.title();
  }

  async stop(): Promise<void> {
    this.child.kill();
    await once(this.child, "exit");
  }
}

/** Serves the package as it comes, and one page around it. */
const SITE = `
import http from "node:http";
import { readFile } from "node:fs/promises";
import Server from "bittorrent-tracker/server";
const [, , host] = process.argv;
const tracker = new Server({ udp: false, http: false, ws: true, stats: false });
const page = (announce) => \`<!doctype html><input type="file"><button disabled>Play</button><audio></audio>
<script type="module">
import WebTorrent from "/webtorrent.min.js";
const options = { tracker: { rtcConfig: { iceServers: [] } } };
const client = new WebTorrent(options);
const announce = ["\${announce}"];
document.querySelector("input").onchange = (event) =>
  client.seed(event.target.files[0], { announce }, (torrent) => { document.title = torrent.magnetURI; });
if (location.hash.length > 1) {
  const magnet = decodeURIComponent(location.hash.slice(1));
  await navigator.serviceWorker.register("/sw.min.js", { scope: "/" });
  const ready = await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) await new Promise((done) => (navigator.serviceWorker.oncontrollerchange = done));
  // It refuses a worker that is only just being activated.
  const worker = ready.active;
  if (worker.state !== "activated") await new Promise((done) => (worker.onstatechange = () => worker.state === "activated" && done()));
  client.createServer({ controller: ready });
  const button = document.querySelector("button");
  button.onclick = () => client.add(magnet, { announce }, (torrent) => {
    const audio = document.querySelector("audio");
    torrent.files[0].streamTo(audio);
    audio.play();
  });
  button.disabled = false;
}
</script>\`;
const server = http.createServer(async (request, answer) => {
  const name = new URL(request.url, "http://x").pathname;
  if (name === "/") {
    answer.writeHead(200, { "content-type": "text/html" });
    answer.end(page("ws://" + host + ":" + tracker.ws.address().port));
    return;
  }
  try {
    const body = await readFile(new URL("node_modules/webtorrent/dist" + name, import.meta.url));
    answer.writeHead(200, { "content-type": "text/javascript", "service-worker-allowed": "/" });
    answer.end(body);
  } catch {
    answer.writeHead(404).end();
  }
});
tracker.listen(0, host, () => server.listen(0, host, () => console.log("http://" + host + ":" + server.address().port)));
`;

/** Audio and video play while they arrive, in every place, and go on after whatever happens. */

import { open } from "node:fs/promises";
import { makeFile, makeFiles } from "./fixtures/files.ts";
import { hear, listen, makeMedia, slowReading, STEP, toneAt } from "./fixtures/media.ts";
import { expect, test, type Recipient } from "./fixtures/index.ts";

/** Sounds right: the tone is the one of that second of the file. */
async function expectRightTone(listener: Recipient, from: number): Promise<void> {
  const heard = async () => {
    const { hertz, seconds } = await hear(listener.page);
    // Near a change of tone the ear may still be on the other side of it.
    const near = seconds % STEP;
    if (seconds < from || seconds > from + STEP || near < 0.5 || near > STEP - 0.2) return `second ${seconds}`;
    return Math.abs(hertz - toneAt(seconds)) < 12 ? "right" : `${hertz} Hz at second ${seconds}`;
  };
  await expect.poll(heard, { timeout: 45_000, intervals: [100] }).toBe("right");
}

const element = (listener: Recipient) => listener.page.locator("audio, video");

const seconds = (listener: Recipient) =>
  element(listener).evaluate((media: HTMLMediaElement) => media.currentTime);

/** What the seek bar draws: parts of the whole that are here, or that the browser has fetched. */
const drawn = (listener: Recipient, part: "here" | "buffered") =>
  listener.player.locator(`.player-${part} path`).getAttribute("d");
const WHOLE = "M0 0H1000V1H0z";

for (const kind of ["mp3", "flac", "ogg", "opus", "m4a", "wav", "webm", "mp4"]) {
  test(`${kind}: heard while it arrives, right at five places, pauses`, async ({ folder, owner, recipient }) => {
    const media = await makeMedia(folder, `media.${kind}`, 300);
    const sent = await owner([media.path], { initScript: slowReading });
    // The whole takes half a minute on any machine, and playing it five.
    await sent.owner.limitUpload(String(media.bytes * 8 / 30e6));
    const one = await recipient(sent.link);
    await one.play();
    await expect(one.player).toContainText(media.name);
    await expect(element(one)).toHaveCount(1);
    await listen(one.page);
    await expectRightTone(one, 0);
    expect(await one.phase(), "the rest is on its way").toBe("downloading");
    // Some of the seek bar is here, and not all of it.
    expect(await drawn(one, "here")).not.toBe("");
    expect(await drawn(one, "here")).not.toBe(WHOLE);
    await expect.poll(() => drawn(one, "buffered")).not.toBe("");
    await one.seek(200);
    await expectRightTone(one, 200);
    // It was fetched before what is in between.
    expect(Number(await one.progress.getAttribute("aria-valuenow"))).toBeLessThan(60);
    await sent.owner.limitUpload("");
    for (let time = 0; time < 5; time++) {
      const place = Math.floor(5 + Math.random() * 280);
      await one.seek(place);
      await expectRightTone(one, place);
    }
    await one.player.getByRole("button", { name: "Pause" }).click();
    const stopped = await seconds(one);
    await expect(one.player.getByRole("button", { name: "Play", exact: true })).toBeVisible();
    expect(await seconds(one)).toBe(stopped);
    await one.expectPhase(/complete|seeding/);
    await expect(one.page.getByText("Everything is here")).toBeVisible();
    await expect.poll(() => drawn(one, "here")).toBe(WHOLE);
  });
}

test("playing goes on where it was, after a reload", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const { link } = await owner([song.path]);
  const one = await recipient(link);
  await one.play();
  await listen(one.page);
  await one.seek(123);
  await expectRightTone(one, 123);
  let saves = 0;
  one.page.on("download", () => saves++);
  await one.page.reload();
  await one.play();
  await listen(one.page);
  await expectRightTone(one, 120);
  expect(await seconds(one)).toBeLessThan(140);
  // Whoever listens did not ask for a file.
  await one.expectPhase(/complete|seeding/);
  expect(saves).toBe(0);
  const saved = one.saved();
  await one.page.getByRole("link", { name: "Save to your disk" }).click();
  expect((await saved).sha256).toBe(song.sha256);
});

test("a page that goes does not hold up the next one", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const { link } = await owner([song.path]);
  const one = await recipient(link, {
    // As if it were too busy for what its player asks for while it goes.
    initScript: () => {
      let goes = false;
      addEventListener("beforeunload", () => (goes = true));
      navigator.serviceWorker?.addEventListener("message", (event) => goes && event.stopImmediatePropagation());
    },
  });
  for (let time = 0; time < 6; time++) {
    await one.play();
    await listen(one.page);
    await one.seek(123);
    await expectRightTone(one, 123);
    // The service worker looks for a page that answers for 20 s; a reload takes a fifth of one.
    await one.page.reload({ timeout: 10_000 });
  }
});

test("a second tab plays the same room", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const { link } = await owner([song.path], { initScript: slowReading });
  const one = await recipient(link);
  await one.play();
  const page = await one.page.context().newPage();
  await page.goto(link);
  const second = Object.assign(Object.create(Object.getPrototypeOf(one) as object) as Recipient, one, { page });
  await second.play();
  await listen(page);
  await second.seek(250);
  await expectRightTone(second, 250);
  // Its own player goes on, whoever else had the store.
  await one.page.close();
  await second.seek(150);
  await expectRightTone(second, 150);
  await second.seek(20);
  await expectRightTone(second, 20);
});

test("without a service worker it plays when everything is here, and says so", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const { link } = await owner([song.path], { initScript: slowReading });
  const one = await recipient(link, {
    initScript: () => Object.defineProperty(Navigator.prototype, "serviceWorker", { get: () => undefined }),
  });
  await one.play();
  await expect(one.player).toContainText("It plays when everything is here");
  await one.expectPhase(/complete|seeding/);
  await expect(one.player).not.toContainText("It plays when everything is here");
  await listen(one.page);
  await one.seek(222);
  await expectRightTone(one, 222);
});

test("a service worker that is stopped again and again is not missed", async ({
  folder,
  owner,
  recipient,
  engine,
  allowErrors,
}) => {
  test.skip(engine === "firefox", "only Chromium lets a test stop service workers");
  // What the player asked for and a worker had not begun to answer when it was stopped; the player asks again.
  allowErrors(/ERR_FAILED.*\/media\//);
  const song = await makeMedia(folder, "song.flac", 300);
  const { link } = await owner([song.path], { initScript: slowReading });
  const one = await recipient(link);
  await one.play();
  await listen(one.page);
  const devtools = await one.page.context().newCDPSession(one.page);
  await devtools.send("ServiceWorker.enable");
  // Also before the head of the file is here, when a browser takes what broke off for a file that it does not know.
  for (const place of [100, 20, 250]) {
    await devtools.send("ServiceWorker.stopAllWorkers");
    await one.seek(place);
    await devtools.send("ServiceWorker.stopAllWorkers");
    await expectRightTone(one, place);
    await devtools.send("ServiceWorker.stopAllWorkers");
    await expectRightTone(one, place);
  }
});

test("whoever only listened is then the only seed", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const sent = await owner([song.path]);
  const one = await recipient(sent.link);
  await one.play();
  await listen(one.page);
  await one.seek(299);
  await expect(one.player.getByRole("button", { name: "Play", exact: true })).toBeVisible();
  await one.expectPhase(/complete|seeding/);
  await sent.owner.page.close();
  const newcomer = await recipient(sent.link);
  expect((await newcomer.download()).sha256).toBe(song.sha256);
});

test("an album plays through in the order in which people count", async ({ folder, owner, recipient }) => {
  const names = ["10 last.mp3", "2 second.mp3", "1 first.mp3"];
  const tracks = await Promise.all(names.map((name) => makeMedia(folder, name, 12)));
  const notes = await makeFile(folder, "notes.txt", 1000);
  const { link } = await owner([...tracks, notes].map((file) => file.path));
  const one = await recipient(link);
  await one.play();
  const rows = one.player.getByRole("list", { name: "Playlist" }).getByRole("button");
  await expect(rows).toHaveText(["1 first.mp3", "2 second.mp3", "10 last.mp3"]);
  await expect(rows.nth(0)).toHaveAttribute("aria-current", "true");
  await listen(one.page);
  await expectRightTone(one, 0);
  await one.player.getByRole("button", { name: "Next" }).click();
  await expect(rows.nth(1)).toHaveAttribute("aria-current", "true");
  await expectRightTone(one, 0);
  await one.player.getByRole("button", { name: "Previous" }).click();
  await expect(rows.nth(0)).toHaveAttribute("aria-current", "true");
  // By the keyboard, and by itself at the end of each track.
  await one.page.locator("h1").click();
  await one.page.keyboard.press("9");
  await expect(rows.nth(1)).toHaveAttribute("aria-current", "true", { timeout: 45_000 });
  await one.page.keyboard.press("m");
  await expect(one.player.getByRole("button", { name: "Mute" })).toHaveAttribute("aria-pressed", "true");
  await one.page.keyboard.press("n");
  await expect(rows.nth(2)).toHaveAttribute("aria-current", "true");
  await one.page.keyboard.press(" ");
  await expect(one.player.getByRole("button", { name: "Play", exact: true })).toBeVisible();
});

/** Keeps what the page does at each key of the lock screen. */
const keepMediaKeys = () => {
  const kept = window as unknown as { keys: Record<string, (details: object) => void> };
  kept.keys = {};
  const set = MediaSession.prototype.setActionHandler;
  MediaSession.prototype.setActionHandler = function (this: MediaSession, action, handler) {
    set.call(this, action, handler);
    if (handler) kept.keys[action] = handler as (details: object) => void;
    else delete kept.keys[action];
  };
};

test("the keys of the lock screen, the volume and the speed do what they say", async ({ folder, owner, recipient }) => {
  const [first, second] = [await makeMedia(folder, "1 first.mp3", 60), await makeMedia(folder, "2 second.mp3", 60)];
  const { link } = await owner([first.path, second.path]);
  const one = await recipient(link, { initScript: keepMediaKeys });
  const press = (action: string, details: object = {}) =>
    one.page.evaluate(
      ([name, more]) => {
        const { keys } = window as unknown as { keys: Record<string, (details: object) => void> };
        keys[name]!({ action: name, ...more });
      },
      [action, details] as const,
    );
  const state = () =>
    element(one).evaluate((media: HTMLMediaElement) => {
      const { volume, muted, playbackRate, paused } = media;
      return { volume, muted, playbackRate, paused };
    });
  const current = one.player.locator("[aria-current=true]");
  await one.play();
  await listen(one.page);
  await expectRightTone(one, 0);
  await press("pause");
  await expect(one.player.getByRole("button", { name: "Play", exact: true })).toBeVisible();
  expect((await state()).paused).toBe(true);
  await press("play");
  await expect(one.player.getByRole("button", { name: "Pause" })).toBeVisible();
  await press("seekto", { seekTime: 31 });
  await expectRightTone(one, 31);
  await press("seekforward", { seekOffset: 15 });
  await expectRightTone(one, 46);
  await press("seekbackward");
  await expect.poll(() => seconds(one)).toBeLessThan(46);
  expect(await seconds(one)).toBeGreaterThanOrEqual(35);
  await press("nexttrack");
  await expect(current).toHaveText("2 second.mp3");
  await press("previoustrack");
  await expect(current).toHaveText("1 first.mp3");

  await one.player.getByRole("slider", { name: "Volume" }).fill("40");
  await one.player.getByRole("button", { name: "Mute" }).click();
  await one.player.getByRole("combobox", { name: "Speed" }).selectOption("1.5×");
  await expect.poll(state).toEqual({ volume: 0.4, muted: true, playbackRate: 1.5, paused: false });
  // They stay what they are for the next track.
  await one.player.getByRole("button", { name: "Next" }).click();
  await expect(current).toHaveText("2 second.mp3");
  await expect.poll(state).toEqual({ volume: 0.4, muted: true, playbackRate: 1.5, paused: false });

  await one.player.getByRole("button", { name: "Close player" }).click();
  await expect(element(one)).toHaveCount(0);
  const left = () => one.page.evaluate(() => Object.keys((window as unknown as { keys: object }).keys));
  expect(await left()).toEqual([]);
});

test("what a film says of itself is read without walking through it", async ({ folder, owner, recipient }) => {
  const film = await makeMedia(folder, "film.webm", 300, ["-metadata", "title=Three Tones"]);
  const { owner: sender, link } = await owner([film.path]);
  await sender.limitUpload(String((film.bytes * 8) / 30e6));
  const one = await recipient(link);
  const asked: string[] = [];
  one.page.context().on("request", (request) => {
    const range = request.url().includes("/media/") ? request.headers()["range"] : undefined;
    // A player asks for all that follows; a reader of tags says how far.
    if (range && /^bytes=\d+-\d+$/.test(range)) asked.push(range);
  });
  await one.play();
  await expect(one.player).toContainText("Three Tones");
  await one.seek(250);
  await expect.poll(() => seconds(one)).toBeGreaterThan(251);
  expect(asked.length, asked.join(" ")).toBeGreaterThan(0);
  expect(asked.length, asked.join(" ")).toBeLessThan(8);
});

test("a song shows what it says of itself, also to the lock screen", async ({ folder, owner, recipient }) => {
  const cover = await makeMedia(folder, "cover.png", 1);
  const tags = ["-metadata", "title=Night <b>Train</b>", "-metadata", "artist=The Testers", "-metadata", "album=Tones"];
  const picture = ["-i", cover.path, "-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic"];
  const song = await makeMedia(folder, "song.mp3", 30, [...tags], picture);
  const { link } = await owner([song.path]);
  const one = await recipient(link);
  await one.play();
  await expect(one.player).toContainText("Night <b>Train</b>");
  await expect(one.player).toContainText("The Testers");
  await expect(one.player.locator(".player-artwork")).toHaveJSProperty("complete", true);
  const shown = await one.page.evaluate(() => {
    const { title, artist, album, artwork } = navigator.mediaSession.metadata!;
    return { title, artist, album, pictures: artwork.length };
  });
  expect(shown).toEqual({ title: "Night <b>Train</b>", artist: "The Testers", album: "Tones", pictures: 1 });
  await one.player.getByRole("button", { name: "Close player" }).click();
  await one.play();
  await expect(one.player).toContainText("The Testers");
  await expect(one.player.locator(".player-artwork")).toBeVisible();
});

test("when the rest cannot be had any more, that is said, and Play can be pressed", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  // The room is gone, and whoever asks for the song is told that it is not here.
  allowErrors(/status of (404|410)/);
  const song = await makeMedia(folder, "song.wav", 600);
  const sent = await owner([song.path], { initScript: slowReading });
  // Half as much again as playing takes: little of it is ever here, on any machine.
  await sent.owner.limitUpload(String((song.bytes * 8) / 400e6));
  const one = await recipient(sent.link);
  await one.play();
  // Later than the place that is remembered first.
  await expect.poll(() => seconds(one)).toBeGreaterThan(6);
  // Before the end: a player that has noticed has no place to go to.
  await one.seek(400);
  await sent.owner.stopSharing();
  await expect(one.player).toContainText("The rest of song.wav cannot be had now.");
  const play = one.player.getByRole("button", { name: "Play", exact: true });
  await expect(play).toBeVisible();
  await play.click();
  await expect(one.player).toContainText("The rest of song.wav cannot be had now.");
  await expect(play).toBeVisible();
});

test("a file that is damaged in its middle is played up to there, and that is said", async ({ folder, owner, recipient }) => {
  const film = await makeMedia(folder, "film.mp4", 60);
  const file = await open(film.path, "r+");
  await file.write(Buffer.alloc(film.bytes * 0.4, 0xa5), 0, undefined, Math.floor(film.bytes * 0.3));
  await file.close();
  const { link } = await owner([film.path]);
  const one = await recipient(link);
  await one.play();
  await expect.poll(() => seconds(one)).toBeGreaterThan(6);
  await one.seek(17);
  await expect(one.player).toContainText("This browser cannot play film.mp4: it is damaged");
  await expect(one.player.getByRole("button", { name: "Play", exact: true })).toBeVisible();
});

test("what was left out is not played, and not called damaged", async ({ folder, owner, recipient }) => {
  const [first, second] = [await makeMedia(folder, "1 first.mp3", 30), await makeMedia(folder, "2 second.mp3", 30)];
  const { link } = await owner([first.path, second.path]);
  const one = await recipient(link);
  await one.page.getByRole("checkbox", { name: "1 first.mp3" }).uncheck();
  await one.download();
  await one.play();
  await expect(one.player).toContainText("2 second.mp3");
  await expect.poll(() => seconds(one)).toBeGreaterThan(1);
  await one.player.getByRole("list", { name: "Playlist" }).getByRole("button", { name: "1 first.mp3" }).click();
  await expect(one.player).toContainText("1 first.mp3 was left out of this download.");
});

test("pictures open in a viewer, and close again", async ({ folder, owner, recipient }) => {
  const pictures = [await makeMedia(folder, "a.png", 1), await makeMedia(folder, "b.jpg", 1)];
  const [svg] = await makeFiles(folder, { "c.svg": 0 });
  const { link } = await owner([...pictures, svg!].map((file) => file.path));
  const one = await recipient(link);
  await expect(one.page.getByRole("button", { name: "Play", exact: true })).toHaveCount(0);
  await one.page.getByRole("button", { name: "View pictures" }).click();
  const viewer = one.page.getByRole("dialog");
  await expect(viewer.getByRole("img", { name: "a.png" })).toHaveJSProperty("naturalWidth", 192);
  await one.page.keyboard.press("ArrowRight");
  await expect(viewer.getByRole("img", { name: "b.jpg" })).toHaveJSProperty("naturalWidth", 192);
  await viewer.getByRole("button", { name: "Next picture" }).click();
  await expect(viewer.getByRole("img", { name: "b.jpg" })).toBeVisible();
  await one.page.keyboard.press("Escape");
  await expect(viewer).toHaveCount(0);
});

/** The player by the keyboard of any layout, as its person left it, and on the lock screen. */

import { expect, test, type Recipient } from "./fixtures/index.ts";
import { makeMedia } from "./fixtures/media.ts";

const element = (one: Recipient) => one.page.locator("audio, video");
const current = (one: Recipient) => one.player.locator("[aria-current=true]");
const button = (one: Recipient, name: string) => one.player.getByRole("button", { name, exact: true });
const state = (one: Recipient) =>
  element(one).evaluate((media: HTMLMediaElement) => {
    const { volume, muted, playbackRate, defaultPlaybackRate } = media;
    return { volume, muted, playbackRate, defaultPlaybackRate };
  });

/** A key of another layout, which a test cannot press. */
const press = (one: Recipient, key: string, code: string, more: Record<string, boolean> = {}) =>
  one.page.evaluate(
    ([key, code, more]) => {
      const event = new KeyboardEvent("keydown", { key, code, bubbles: true, cancelable: true, ...more });
      document.body.dispatchEvent(event);
      return event.defaultPrevented;
    },
    [key, code, more] as const,
  );

test("keys do what they say under Caps Lock, on every layout, and only where they are the player's", async ({
  folder,
  owner,
  recipient,
}) => {
  const songs = await Promise.all(["1.mp3", "2.mp3", "3.mp3"].map((name) => makeMedia(folder, name, 100)));
  const one = await recipient((await owner(songs.map((song) => song.path))).link);
  await one.play();
  await expect(current(one)).toHaveText("1.mp3");
  const mute = button(one, "Mute");
  const muted = (is: boolean) => expect(mute).toHaveAttribute("aria-pressed", String(is));
  // Caps Lock, Russian, Greek, and French, which has the letter elsewhere.
  expect(await press(one, "N", "KeyN")).toBe(true);
  await expect(current(one)).toHaveText("2.mp3");
  await press(one, "т", "KeyN");
  await expect(current(one)).toHaveText("3.mp3");
  await press(one, "Π", "KeyP");
  await expect(current(one)).toHaveText("2.mp3");
  await press(one, "m", "Semicolon");
  await muted(true);
  await press(one, "Ь", "KeyM");
  await muted(false);
  await expect(one.player.getByRole("slider", { name: "Seek" })).toHaveAttribute("aria-valuetext", /of 1:40$/);
  // The French row of numbers.
  await press(one, "(", "Digit5");
  await expect.poll(() => element(one).evaluate((media: HTMLMediaElement) => media.currentTime)).toBeGreaterThan(49);
  await press(one, "Б", "Comma", { shiftKey: true });
  await expect.poll(async () => (await state(one)).playbackRate).toBe(0.75);
  await press(one, ">", "Period", { shiftKey: true });
  await expect.poll(async () => (await state(one)).playbackRate).toBe(1);

  // Not the player's: commands of the browser, and what is being written.
  for (const held of ["ctrlKey", "metaKey", "altKey", "isComposing"]) {
    expect(await press(one, "m", "KeyM", { [held]: true }), held).toBe(false);
  }
  expect(await press(one, "Process", "KeyM")).toBe(false);
  await muted(false);

  // With the focus on a slider the letters still work; what moves it is the slider's.
  await one.player.getByRole("slider", { name: "Volume" }).focus();
  await one.page.keyboard.press("m");
  await muted(true);
  await one.page.keyboard.press("Home");
  await expect.poll(async () => (await state(one)).volume).toBe(0);
  await one.page.keyboard.press("k");
  await expect(button(one, "Play")).toBeVisible();
  // A button that Space presses is pressed once.
  await button(one, "Play").focus();
  await one.page.keyboard.press(" ");
  await expect(button(one, "Pause")).toBeVisible();
  await expect.poll(() => element(one).evaluate((media: HTMLMediaElement) => media.paused)).toBe(false);
  // Held down it switches once.
  await one.page.locator("h1").click();
  await muted(false);
  for (let time = 0; time < 4; time++) await one.page.keyboard.down("m");
  await one.page.keyboard.up("m");
  await muted(true);
});

test("volume, silence and speed are as they were left, after a reload", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 100);
  const { owner: sender, link } = await owner([song.path]);
  const one = await recipient(link);
  await one.play();
  await one.player.getByRole("slider", { name: "Volume" }).fill("40");
  await button(one, "Mute").click();
  await one.page.locator("h1").click();
  for (let time = 0; time < 3; time++) await one.page.keyboard.press(">");
  const left = { volume: 0.4, muted: true, playbackRate: 1.75, defaultPlaybackRate: 1.75 };
  await expect.poll(() => state(one)).toEqual(left);
  await expect(one.player.getByRole("combobox", { name: "Speed" })).toHaveValue("175");
  await one.page.reload();
  await one.play();
  await expect.poll(() => state(one)).toEqual(left);
  await expect(button(one, "Mute")).toHaveAttribute("aria-pressed", "true");
  await expect(one.player.getByRole("slider", { name: "Volume" })).toHaveValue("40");
  await expect(one.player.getByRole("combobox", { name: "Speed" })).toHaveValue("175");

  // Live has a loudness of its own.
  await sender.playLive.getByRole("button", { name: "Play live" }).click();
  await one.listenLive.click();
  await expect(one.live).toContainText("Live: ");
  const heard = () =>
    one.live.locator("video").evaluate(({ volume, muted }: HTMLVideoElement) => ({ volume, muted }));
  expect(await heard()).toEqual({ volume: 1, muted: false });
  await one.live.getByRole("slider", { name: "Volume" }).fill("30");
  await one.live.getByRole("button", { name: "Mute" }).click();
  await expect.poll(heard).toEqual({ volume: 0.3, muted: true });
  await one.page.reload();
  await one.listenLive.click();
  await expect(one.live).toContainText("Live: ");
  expect(await heard()).toEqual({ volume: 0.3, muted: true });
  await expect(one.live.getByRole("slider", { name: "Volume" })).toHaveValue("30");
  await expect(one.live.getByRole("button", { name: "Mute" })).toHaveAttribute("aria-pressed", "true");
});

test("nonsense in the storage, or none at all, is what it is for a newcomer", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 100);
  const { link } = await owner([song.path]);
  const usual = { volume: 1, muted: false, playbackRate: 1, defaultPlaybackRate: 1 };
  const nonsense = await recipient(link, {
    initScript: () => {
      if (location.protocol === "http:") localStorage.setItem("transfer4me.sound", "NaN 1 -Infinity \u0000");
    },
  });
  await nonsense.play();
  await expect.poll(() => state(nonsense)).toEqual(usual);
  const refused = await recipient(link, {
    initScript: () =>
      Object.defineProperty(window, "localStorage", {
        get() {
          throw new DOMException("no", "SecurityError");
        },
      }),
  });
  await refused.play();
  await expect.poll(() => state(refused)).toEqual(usual);
  await refused.player.getByRole("slider", { name: "Volume" }).fill("40");
  await expect.poll(async () => (await state(refused)).volume).toBe(0.4);
});

/** Keeps what the page tells the lock screen, and does as browsers do. */
const keepPlaces = () => {
  const kept = window as unknown as { places: unknown[]; refused: string[]; keys: Set<string> };
  kept.places = [];
  kept.refused = [];
  kept.keys = new Set();
  const set = MediaSession.prototype.setPositionState;
  MediaSession.prototype.setPositionState = function (this: MediaSession, place) {
    kept.places.push({ ...place });
    try {
      set.call(this, place);
    } catch (error) {
      kept.refused.push(String(error));
      throw error;
    }
  };
  const take = MediaSession.prototype.setActionHandler;
  MediaSession.prototype.setActionHandler = function (this: MediaSession, action, handler) {
    take.call(this, action, handler);
    if (handler) kept.keys.add(action);
    else kept.keys.delete(action);
  };
};

test("the lock screen knows whether it plays and where it is, and nothing once the player is closed", async ({
  folder,
  owner,
  recipient,
}) => {
  const song = await makeMedia(folder, "1 song.mp3", 100);
  // Its length is nowhere: browsers call it infinite.
  const film = await makeMedia(folder, "2 film.webm", 20, ["-live", "1"]);
  const one = await recipient((await owner([song.path, film.path])).link, { initScript: keepPlaces });
  type Place = { duration?: number; position?: number; playbackRate?: number };
  const told = () =>
    one.page.evaluate(() => {
      const { places, refused, keys } = window as unknown as { places: Place[]; refused: string[]; keys: Set<string> };
      return { state: navigator.mediaSession.playbackState, place: places.at(-1) ?? {}, refused, keys: keys.size };
    });
  expect(await told()).toEqual({ state: "none", place: {}, refused: [], keys: 0 });
  await one.play();
  await expect.poll(async () => (await told()).state).toBe("playing");
  await expect.poll(async () => Math.round((await told()).place.duration ?? 0)).toBe(100);
  expect((await told()).keys).toBe(8);
  await one.seek(50);
  await expect.poll(async () => Math.floor((await told()).place.position ?? 0)).toBe(50);
  await one.player.getByRole("combobox", { name: "Speed" }).selectOption("1.5×");
  await expect.poll(async () => (await told()).place.playbackRate).toBe(1.5);
  await button(one, "Pause").click();
  await expect.poll(async () => (await told()).state).toBe("paused");
  await button(one, "Next").click();
  await expect(current(one)).toHaveText("2 film.webm");
  await expect.poll(async () => (await told()).state).toBe("playing");
  await expect.poll(() => element(one).evaluate((media: HTMLMediaElement) => media.currentTime)).toBeGreaterThan(1);
  const known = await element(one).evaluate((media: HTMLMediaElement) => Number.isFinite(media.duration));
  if (!known) expect((await told()).place).toEqual({});
  await button(one, "Close player").click();
  expect(await told()).toEqual({ state: "none", place: {}, refused: [], keys: 0 });
  expect(await one.page.evaluate(() => navigator.mediaSession.metadata)).toBeNull();
});

test("the lock screen shows what is heard live, without a place, and who plays last has it", async ({
  folder,
  owner,
  recipient,
}) => {
  const song = await makeMedia(folder, "song.mp3", 100);
  const sent = await owner([song.path]);
  const one = await recipient(sent.link, { initScript: keepPlaces });
  const told = () =>
    one.page.evaluate(() => {
      const { places, refused, keys } = window as unknown as { places: object[]; refused: string[]; keys: Set<string> };
      const { playbackState: state, metadata } = navigator.mediaSession;
      return { state, title: metadata?.title, place: places.at(-1) ?? {}, refused, keys: [...keys].sort() };
    });
  const live = { title: "song.mp3", place: {}, refused: [], keys: ["pause", "play", "stop"] };
  await one.play();
  await expect.poll(async () => (await told()).keys.length).toBe(8);
  await one.listenLive.click();
  await expect.poll(async () => (await told()).state).toBe("none");
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  await expect.poll(told).toEqual({ state: "playing", ...live });
  await sent.owner.playLive.getByRole("button", { name: "Pause" }).click();
  await expect.poll(told).toEqual({ state: "paused", ...live });
  // The player that was there before has it back once it plays.
  await button(one, "Play").click();
  await expect.poll(async () => (await told()).keys.length).toBe(8);
  await expect.poll(async () => (await told()).state).toBe("playing");
  expect((await told()).place).toHaveProperty("duration");
  await button(one, "Close player").click();
  expect(await told()).toEqual({ state: "none", title: undefined, place: {}, refused: [], keys: [] });
});

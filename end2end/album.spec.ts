/** An album goes on after a track that does not play and says which it was, also when it leads others, and ends well. */

import { randomBytes } from "node:crypto";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test, type Recipient } from "./fixtures/index.ts";
import { makeMedia, slowReading } from "./fixtures/media.ts";

/** What Firefox writes into the console of what it cannot decode. */
const UNDECODABLE = /Media resource|could not be decoded|Cannot play media/i;

/** Files of these names, in the order of the names: noise, nothing, or a tone of six seconds. */
async function makeAlbum(folder: string, tracks: Record<string, "tone" | "noise" | "empty">): Promise<string[]> {
  const paths: string[] = [];
  for (const [name, kind] of Object.entries(tracks)) {
    if (kind === "tone") await makeMedia(folder, name, 6);
    else await writeFile(path.join(folder, name), kind === "empty" ? "" : randomBytes(60_000));
    paths.push(path.join(folder, name));
  }
  return paths;
}

const element = (one: Recipient) => one.page.locator("audio, video");
const current = (one: Recipient) => one.player.locator("[aria-current=true]");
const plays = (one: Recipient) =>
  element(one).evaluate((media: HTMLMediaElement) => !media.paused && media.currentTime > 0 && media.error === null);
const ended = (one: Recipient) => element(one).evaluate((media: HTMLMediaElement) => media.ended);
const playButton = (one: Recipient) => one.player.getByRole("button", { name: "Play", exact: true });

test("an album goes on after damaged and empty tracks, says which, and begins with its first again", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  allowErrors(UNDECODABLE);
  const { link } = await owner(
    await makeAlbum(folder, { "1.mp3": "tone", "2.mp3": "noise", "3.mp3": "empty", "4.mp3": "tone" }),
  );
  const one = await recipient(link);
  await one.play();
  await expect(current(one)).toHaveText("1.mp3");
  await expect.poll(() => plays(one)).toBe(true);
  // By itself, at the end of the first.
  await expect(current(one)).toHaveText("4.mp3");
  await expect.poll(() => plays(one)).toBe(true);
  await expect(one.player.locator(".problem")).toContainText(["This browser cannot play 2.mp3: it is damaged"]);
  await expect(one.player.locator(".problem")).toContainText(["3.mp3 is empty"]);

  // Back over both.
  await one.player.getByRole("button", { name: "Previous" }).click();
  await expect(current(one)).toHaveText("1.mp3");
  await expect.poll(() => plays(one)).toBe(true);
  await one.player.getByRole("button", { name: "Next" }).click();
  await expect(current(one)).toHaveText("4.mp3");

  // It came to its end: Play begins it anew, in the open player …
  await expect.poll(() => ended(one)).toBe(true);
  await playButton(one).click();
  await expect(current(one)).toHaveText("1.mp3");
  await expect.poll(() => plays(one)).toBe(true);
  await expect(one.player.locator(".problem")).toHaveCount(0);
  // … and after a reload.
  await one.player.getByRole("button", { name: "Next" }).click();
  await expect(current(one)).toHaveText("4.mp3");
  await expect.poll(() => ended(one)).toBe(true);
  await one.page.reload();
  await one.play();
  await expect(current(one)).toHaveText("1.mp3");
});

test("the first and the last may be the damaged ones, and two in a row", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  allowErrors(UNDECODABLE);
  const { link } = await owner(
    await makeAlbum(folder, { "1.mp3": "noise", "2.mp4": "noise", "3.mp3": "tone", "4.mp3": "noise" }),
  );
  const one = await recipient(link);
  await one.play();
  await expect(current(one)).toHaveText("3.mp3");
  await expect(one.player.locator(".problem")).toContainText(["This browser cannot play 1.mp3 and 2.mp4"]);
  await expect.poll(() => plays(one)).toBe(true);
  await expect(one.player.locator(".problem")).toContainText(["This browser cannot play 1.mp3, 2.mp4 and 4.mp3"]);
  await expect(playButton(one)).toBeVisible();
  // Not the damaged one again.
  await playButton(one).click();
  await expect(current(one)).toHaveText("3.mp3");
  await expect.poll(() => plays(one)).toBe(true);
});

test("if none of them plays it stops, names them, and does not go on for ever", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  allowErrors(UNDECODABLE);
  const { link } = await owner(await makeAlbum(folder, { "1.mp3": "noise", "2.mp3": "empty", "3.mp3": "noise" }));
  const one = await recipient(link);
  await one.play();
  await expect(one.player.locator(".problem")).toContainText(["1.mp3 and 3.mp3: they are damaged"]);
  await expect(one.player.locator(".problem")).toContainText(["2.mp3 is empty"]);
  await expect(playButton(one)).toBeVisible();
  const loads = await element(one).evaluate(async (media: HTMLMediaElement) => {
    let begun = 0;
    media.addEventListener("loadstart", () => begun++);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    return begun;
  });
  expect(loads).toBe(0);
});

test("whatever is wrong with a file, the next one is reached", async ({ folder, owner, recipient, allowErrors }) => {
  allowErrors(UNDECODABLE);
  const paths: string[] = [];
  const put = async (name: string, content: Buffer | string) => {
    paths.push(path.join(folder, name));
    await writeFile(paths.at(-1)!, content);
  };
  await put("01 zeros.mp3", Buffer.alloc(100_000));
  await put("02 words.mp3", "hello ".repeat(10_000));
  // So many bytes of each, of which the index of the MP4 is not one.
  for (const [name, bytes] of [["03.mp4", 20_000], ["04.wav", 44], ["05.ogg", 1], ["06.flac", 9000], ["07.webm", 300], ["08.mp3", 60]] as const) {
    const whole = await makeMedia(folder, `whole${path.extname(name)}`, 6);
    await put(name, (await readFile(whole.path)).subarray(0, bytes));
  }
  await put("09 picture.mp3", await readFile((await makeMedia(folder, "a.jpg", 1)).path));
  // A tag that claims more than the file has, and nothing behind it.
  await put("10 tag.mp3", Buffer.concat([Buffer.from("ID3\x03\0\0\0\x7f\x7f\x7f", "latin1"), Buffer.alloc(100)]));
  paths.push((await makeMedia(folder, "11.mp3", 6)).path);
  const one = await recipient((await owner(paths)).link);
  await one.play();
  await expect(current(one)).toHaveText("11.mp3", { timeout: 60_000 });
  await expect.poll(() => plays(one)).toBe(true);
  await expect(one.player.locator(".problem")).toContainText([/01 zeros.mp3, 02 words.mp3, 03.mp4, 04.wav, 05.ogg and \d more/]);
});

test("a song that breaks in its middle is left for the next, and a second tab passes over it as well", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  allowErrors(UNDECODABLE);
  const film = await makeMedia(folder, "1.mp4", 60);
  const file = await open(film.path, "r+");
  await file.write(Buffer.alloc(film.bytes * 0.4, 0xa5), 0, undefined, Math.floor(film.bytes * 0.3));
  await file.close();
  const rest = await makeAlbum(folder, { "2.mp3": "noise", "3.mp3": "tone" });
  const { link } = await owner([film.path, ...rest]);
  const one = await recipient(link);
  await one.play();
  await expect.poll(() => plays(one)).toBe(true);
  await one.seek(17);
  await expect(current(one)).toHaveText("3.mp3");
  await expect.poll(() => plays(one)).toBe(true);
  await expect(one.player.locator(".problem")).toContainText(["This browser cannot play 1.mp4 and 2.mp3"]);

  const page = await one.page.context().newPage();
  await page.goto(link);
  const second = Object.assign(Object.create(Object.getPrototypeOf(one) as object) as Recipient, one, { page });
  await second.play();
  await second.player.getByRole("button", { name: "2.mp3" }).click();
  await expect(current(second)).toHaveText("3.mp3");
  await expect(second.player.locator(".problem")).toContainText(["This browser cannot play 2.mp3"]);
});

test("a song that the sender has no more is passed over", async ({ folder, owner, recipient }) => {
  const songs = [await makeMedia(folder, "1.mp3", 30), await makeMedia(folder, "2.wav", 300), await makeMedia(folder, "3.mp3", 6)];
  const sent = await owner(songs.map((song) => song.path), { initScript: slowReading });
  const one = await recipient(sent.link);
  await rm(songs[1]!.path);
  await one.play();
  await expect.poll(() => plays(one)).toBe(true);
  await one.player.getByRole("button", { name: "Next" }).click();
  await expect(current(one)).toHaveText("3.mp3");
  await expect(one.player.locator(".problem")).toContainText(["2.wav cannot be had any more"]);
  await expect.poll(() => plays(one)).toBe(true);
});

test("whoever leads goes on, and those who hear it do as well", async ({ folder, owner, recipient, allowErrors }) => {
  allowErrors(UNDECODABLE, /ERR_FILE_NOT_FOUND/);
  const paths = await makeAlbum(folder, { "1.mp3": "tone", "2.mp3": "noise", "3.mp3": "empty", "4.mp3": "tone" });
  const gone = await makeMedia(folder, "5.mp3", 6);
  const last = await makeMedia(folder, "6.mp3", 60);
  const sent = await owner([...paths, gone.path, last.path]);
  const leader = await recipient(sent.link);
  const follower = await recipient(sent.link);
  for (const one of [leader, follower]) await one.page.getByRole("button", { name: "Listen together" }).click();
  await expect(leader.together).toContainText("You lead; with you: 1 other.");
  await leader.play();
  await expect(current(follower)).toHaveText("1.mp3");
  await expect(current(leader)).toHaveText("4.mp3");
  await expect(current(follower)).toHaveText("4.mp3");
  await expect.poll(() => plays(follower)).toBe(true);
  await expect(leader.player.locator(".problem")).toContainText(["2.mp3"]);
  await leader.page.close();
  await follower.page.close();

  // Live: the sender's own files, one of which is deleted meanwhile.
  const listener = await recipient(sent.link);
  await listener.listenLive.click();
  await expect(sent.owner.playLive).toContainText("1 person listens.");
  await rm(gone.path);
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  await expect(listener.live).toContainText("Live: 1.mp3");
  await expect(listener.live).toContainText("Live: 4.mp3");
  await expect(sent.owner.playLive.locator(".problem")).toContainText(["2.mp3"]);
  await expect(listener.live).toContainText("Live: 6.mp3");
  await expect(sent.owner.playLive.locator(".problem")).toContainText(["5.mp3 cannot be had any more"]);
  const hears = (video: HTMLVideoElement) => !video.paused && video.currentTime > 0;
  await expect.poll(() => listener.page.locator("video").evaluate(hears)).toBe(true);
});

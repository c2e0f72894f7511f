/** What songs say of themselves: shown as one harmless line, whatever else is in the file, and harmless to listeners. */

import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test, type Recipient } from "./fixtures/index.ts";
import { makeMedia } from "./fixtures/media.ts";

/** ID3v2.3 (id3.org): a frame, and a tag of frames; `size` is what it claims. */
function frame(id: string, content: Buffer): Buffer {
  const head = Buffer.alloc(10);
  head.write(id);
  head.writeUInt32BE(content.length, 4);
  return Buffer.concat([head, content]);
}
const text = (id: string, words: string) =>
  frame(id, Buffer.concat([Buffer.from([1, 0xff, 0xfe]), Buffer.from(words, "utf16le")]));
const picture = (type: string, content: Buffer) =>
  frame("APIC", Buffer.concat([Buffer.from(`\0${type}\0\x03\0`, "latin1"), content]));
function tag(frames: Buffer[], size?: number): Buffer {
  const body = Buffer.concat(frames);
  const claim = size ?? body.length;
  return Buffer.concat([Buffer.from([0x49, 0x44, 0x33, 3, 0, 0]), Buffer.from([21, 14, 7, 0].map((bits) => (claim >> bits) & 127)), body]);
}
const names = [text("TIT2", "Night Train"), text("TPE1", "The Testers"), text("TALB", "Tones")];
const noise = (bytes: number) => picture("image/png", Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), randomBytes(bytes)]));

/** A song whose own tags are taken away, behind these. */
async function makeSong(folder: string, name: string, ...tags: Buffer[]): Promise<string> {
  const song = await makeMedia(folder, "plain.mp3", 12, ["-id3v2_version", "0", "-write_xing", "0"]);
  const file = path.join(folder, name);
  await writeFile(file, Buffer.concat([...tags, await readFile(song.path)]));
  return file;
}

const onLockScreen = (one: Recipient) =>
  one.page.evaluate(() => {
    const { title, artist, album, artwork } = navigator.mediaSession.metadata!;
    return { title, artist, album, pictures: artwork.length };
  });

test("a picture of 8 MB, many, lyrics of 20 MB and sizes that lie cost neither title nor artist", async ({
  folder,
  owner,
  recipient,
}) => {
  const still = await makeMedia(folder, "cover.png", 1);
  const cover = picture("image/jpg", await readFile(still.path));
  const lyrics = frame("USLT", Buffer.concat([Buffer.from("\0eng\0", "latin1"), Buffer.alloc(20_000_000, "la ")]));
  const songs: Record<string, [Buffer, number]> = {
    "1 large picture.mp3": [tag([noise(8_000_000), ...names]), 0],
    "2 large and small.mp3": [tag([noise(8_000_000), cover, ...names]), 1],
    "3 many.mp3": [tag([...Array.from({ length: 24 }, () => noise(300_000)), ...names]), 1],
    "4 lyrics.mp3": [tag([lyrics, ...names, cover]), 1],
    "5 claims too much.mp3": [tag(names, 250_000_000), 0],
    "6 broken picture.mp3": [tag([names[0]!, frame("APIC", Buffer.from([1, 2])), names[1]!, names[2]!]), 0],
    "7 page as picture.mp3": [tag([picture("image/png", Buffer.from("<svg onload='top.ran = true'>")), ...names]), 0],
    "8 page.mp3": [tag([picture("text/html", Buffer.from("<script>top.ran = true</script>")), ...names]), 0],
  };
  const paths = [];
  for (const [name, [tags]] of Object.entries(songs)) paths.push(await makeSong(folder, name, tags));
  const one = await recipient((await owner(paths)).link);
  await one.play();
  const rows = one.player.getByRole("list", { name: "Playlist" }).getByRole("button");
  for (const [index, [name, [, pictures]]] of Object.entries(songs).entries()) {
    await rows.nth(index).click();
    await expect(one.player.locator(".player-title"), name).toHaveText("Night TrainThe Testers");
    const shown = { title: "Night Train", artist: "The Testers", album: "Tones", pictures };
    await expect.poll(() => onLockScreen(one), name).toEqual(shown);
  }
  expect(await one.page.evaluate(() => "ran" in window)).toBe(false);
});

test("a picture of 8 MB in a FLAC or an M4A costs nothing either", async ({ folder, owner, recipient }) => {
  // Pictures of noise do not get smaller.
  const large = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", "1700x1600", "-i", path.join(folder, "noise")];
  await writeFile(path.join(folder, "noise"), randomBytes(1700 * 1600 * 3));
  const attached = ["-map", "0:a", "-map", "1:v", "-c:v", "png", "-disposition:v", "attached_pic"];
  const said = ["-metadata", "title=Night Train", "-metadata", "artist=The Testers"];
  const songs = [];
  for (const name of ["song.flac", "song.m4a"]) {
    songs.push(await makeMedia(folder, name, 12, said, [...large, ...attached]));
    expect(songs.at(-1)!.bytes).toBeGreaterThan(8_000_000);
  }
  for (const song of songs) {
    const one = await recipient((await owner([song.path])).link);
    await one.play();
    await expect(one.player.locator(".player-title")).toHaveText("Night TrainThe Testers");
  }
});

test("text of tags and names turns nothing around, on the page, on the lock screen, and for those who listen", async ({
  folder,
  owner,
  recipient,
}) => {
  const turned = [
    text("TIT2", "Night\u202e3pm.exe\u2066\r\n\u001b[31m\u200bTrain\u2028" + "\u0301".repeat(300)),
    text("TPE1", `\u2067The\u061c Testers\u{e0041}\u{e0042}\ufeff`),
    text("TALB", "Tones \u200f" + "!".repeat(1000)),
  ];
  const song = await makeSong(folder, "a\u202e3pm.mp3", tag(turned));
  const sent = await owner([song]);
  const one = await recipient(sent.link);
  await expect(one.files.first()).toContainText("a3pm.mp3");
  await one.play();
  await expect(one.player.locator(".player-title")).toHaveText("Night3pm.exe [31mTrainThe Testers");
  const album = `Tones ${"!".repeat(194)}…`;
  const shown = { title: "Night3pm.exe [31mTrain", artist: "The Testers", album, pictures: 0 };
  await expect.poll(() => onLockScreen(one)).toEqual(shown);

  const listener = await recipient(sent.link);
  await listener.listenLive.click();
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  await expect(sent.owner.playLive.locator(".player-title")).toContainText("Night3pm.exe [31mTrain");
  await expect(listener.live.locator(".player-title")).toHaveText("Live: Night3pm.exe [31mTrain");
});

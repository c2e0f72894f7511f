/** Files that are not what they say: nothing runs, and the page says what is wrong. */

import { writeFile } from "node:fs/promises";
import path from "node:path";
import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const SCRIPT = "<!doctype html><script>parent.ran = opener = top.ran = true</script><img src=x onerror='top.ran = true'>";

/** A header that promises three gigabytes of sound, before one megabyte of it. */
function boastingWav(): Buffer {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(3_000_000_036, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(44_100, 24);
  header.writeUInt32LE(88_200, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(3_000_000_000, 40);
  return Buffer.concat([header, Buffer.alloc(1_000_000, 7)]);
}

/** What Firefox writes into the console of what it cannot decode. */
const UNDECODABLE = /Media resource|could not be decoded|Cannot play media/i;

test("pages, pictures and noise under the name of a song are not played, and nothing runs", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  allowErrors(UNDECODABLE);
  const files: Record<string, string | Buffer> = {
    "1 page.mp3": SCRIPT,
    "2 picture.mp3": `<svg xmlns="http://www.w3.org/2000/svg" onload="top.ran = true"><script>top.ran = true</script></svg>`,
    "3 empty.mp3": "",
    "4 page.mp4": SCRIPT,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(folder, name), content);
  const noise = await makeFile(folder, "5 noise.flac", 600_000);
  const paths = [...Object.keys(files).map((name) => path.join(folder, name)), noise.path];
  const { link } = await owner(paths);
  const one = await recipient(link);
  await one.play();
  const rows = one.player.getByRole("list", { name: "Playlist" }).getByRole("button");
  for (const [index, name] of [...Object.keys(files), noise.name].entries()) {
    await rows.nth(index).click();
    const words = name.includes("empty") ? "is empty" : "This browser cannot play";
    await expect(one.player.locator(".problem")).toContainText(words);
    await expect(one.player.locator(".problem")).toContainText(name);
  }
  expect(await one.page.evaluate(() => "ran" in window)).toBe(false);
  await expect(one.page.locator("iframe, object, embed")).toHaveCount(0);
  // It is still a room: whoever wants the files gets them.
  await one.expectPhase(/complete|seeding/);
});

test("a file that promises three gigabytes and holds one megabyte ends, and the page goes on", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  allowErrors(UNDECODABLE);
  await writeFile(path.join(folder, "boast.wav"), boastingWav());
  const { link } = await owner([path.join(folder, "boast.wav")]);
  const one = await recipient(link);
  await one.play();
  await one.expectPhase(/complete|seeding/);
  // The length is that of what there is, and not the nine hours of the claim.
  await expect(one.player.getByRole("slider", { name: "Seek" })).toHaveAttribute("aria-valuetext", /^0:\d\d of 0:11$/);
  await expect.poll(() => one.page.locator("audio").evaluate((audio: HTMLAudioElement) => audio.ended)).toBe(true);
  await expect(one.player.locator(".problem")).toHaveCount(0);
  await one.player.getByRole("button", { name: "Close player" }).click();
  await expect(one.page.getByRole("button", { name: "Play", exact: true })).toBeVisible();
});

test("a sender that claims three gigabytes and has one megabyte is found out", async ({
  folder,
  owner,
  recipient,
  allowErrors,
}) => {
  // A player that asks for the song once more is told that it is not here.
  allowErrors(/status of 404/);
  const file = await makeFile(folder, "claim.mp3", 1_000_000);
  const { link } = await owner([file.path], {
    initScript: () => Object.defineProperty(File.prototype, "size", { get: () => 3_000_000_000 }),
  });
  const one = await recipient(link);
  await one.play();
  const words = one.page.getByRole("alert").or(one.page.locator(".problem, .notice"));
  await expect(words.first()).toContainText(/changed or vanished|not enough room|cannot be had/);
});

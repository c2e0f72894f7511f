/** Files of every ending: what the browser plays or shows is played and shown, and only of the rest it is said that it is not. */

import { makeMedia } from "./fixtures/media.ts";
import { expect, test } from "./fixtures/index.ts";

/** What Firefox writes into the console of what it cannot decode. */
const UNDECODABLE = /Media resource|could not be decoded|Cannot play media/i;

test("films and songs of uncommon endings are played", async ({ folder, owner, recipient }) => {
  const names = ["1.mov", "2.MKV", "3.qt", "4.3g2", "5.mka", "6.mpga", "7.m4b", "8.Oga"];
  const files = await Promise.all(names.map((name) => makeMedia(folder, name, 30)));
  const one = await recipient((await owner(files.map((file) => file.path))).link);
  await one.play();
  const rows = one.player.getByRole("list", { name: "Playlist" }).getByRole("button");
  await expect(rows).toHaveText(names);
  for (const [index, name] of names.entries()) {
    await rows.nth(index).click();
    await expect(rows.nth(index)).toHaveAttribute("aria-current", "true");
    const media = one.page.locator("audio, video");
    await expect(media).toHaveAttribute("src", new RegExp(`/${index}$`));
    const sounds = () => media.evaluate((element: HTMLMediaElement) => !element.paused && element.currentTime > 0.3);
    await expect.poll(sounds, name).toBe(true);
    const width = await media.evaluate((element: HTMLVideoElement) => element.videoWidth ?? 0);
    expect(width, name).toBe(index < 4 ? 192 : 0);
    await expect(one.player.locator(".problem")).toHaveCount(0);
  }
});

for (const [name, plays] of [
  ["clip.3gp", ["chromium"]],
  ["film.avi", []],
] as const) {
  test(`${name} is tried, and downloaded where it does not play`, async ({ folder, owner, recipient, engine, allowErrors }) => {
    allowErrors(UNDECODABLE);
    const file = await makeMedia(folder, name, 12);
    const one = await recipient((await owner([file.path])).link);
    await one.play();
    if ((plays as readonly string[]).includes(engine)) {
      const place = () => one.page.locator("video").evaluate((video: HTMLVideoElement) => video.currentTime);
      await expect.poll(place).toBeGreaterThan(0.3);
      await expect(one.player.locator(".problem")).toHaveCount(0);
    } else {
      await expect(one.player.locator(".problem")).toContainText(`This browser cannot play ${name}`);
      await expect(one.player.locator(".problem")).toContainText("You can still download it.");
    }
    await one.expectPhase(/complete|seeding/);
    const saved = one.saved();
    await one.page.getByRole("link", { name: "Save to your disk" }).click();
    expect((await saved).sha256).toBe(file.sha256);
  });
}

test("pictures of uncommon endings are shown, and of others it is said", async ({ folder, owner, recipient }) => {
  const names = ["a.jfif", "b.jpe", "c.apng", "d.BMP", "e.tiff", "f.png"];
  const files = await Promise.all(names.map((name) => makeMedia(folder, name, 1)));
  const one = await recipient((await owner(files.map((file) => file.path))).link);
  await one.page.getByRole("button", { name: "View pictures" }).click();
  const viewer = one.page.getByRole("dialog");
  for (const name of names) {
    if (name === "e.tiff") {
      await expect(viewer).toContainText("This browser cannot show e.tiff");
    } else {
      await expect(viewer.getByRole("img", { name })).toHaveJSProperty("naturalWidth", 192);
      await expect(viewer).not.toContainText("cannot show");
    }
    await one.page.keyboard.press("ArrowRight");
  }
});

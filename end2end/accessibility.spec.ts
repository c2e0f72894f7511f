/** Everyone can use it: axe finds nothing on any page or state, and a keyboard is enough. */

import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { makeFile, makeFiles } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";
import { makeMedia } from "./fixtures/media.ts";

async function expectAccessible(page: Page, state: string) {
  // A button that has just been enabled fades from one pair of colours to the other.
  await page.evaluate(() => {
    const fading = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    return Promise.allSettled(fading.map((animation) => animation.finished));
  });
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, help, nodes }) => ({ id, help, at: nodes.map((node) => node.html) }));
  expect(found, state).toEqual([]);
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(colorScheme, () => {
    const context = { colorScheme };
    test.skip(
      ({ engine }) => engine === "firefox" && colorScheme === "dark",
      "Playwright cannot ask this Firefox for dark pages",
    );

    test("axe finds nothing on the sender's way", async ({ folder, visitor, recipient }) => {
      const files = await makeFiles(folder, { "a.txt": 100, [`${"long name ".repeat(15)}.bin`]: 2_000_000 });
      const owner = await visitor({ context });
      await expectAccessible(owner.page, "home");
      await owner.chooseFiles.setInputFiles(files.map((file) => file.path));
      await owner.protect("");
      await expect(owner.chosen).toHaveCount(2);
      await expectAccessible(owner.page, "files chosen");
      const link = await owner.share();
      await expectAccessible(owner.page, "room without recipients");
      const one = await recipient(link);
      await one.unlock(await owner.roomPassword.inputValue());
      await one.download();
      await expect(owner.recipients).toContainText("complete");
      await expectAccessible(owner.page, "room with a recipient");
      await owner.stopSharing();
      await expectAccessible(owner.page, "sharing has ended");
    });

    test("axe finds nothing on the listener's way", async ({ folder, owner, recipient }) => {
      const files = [];
      for (const name of ["a song.mp3", "a film.webm", "a picture.png"]) files.push(await makeMedia(folder, name, 20));
      const { link } = await owner(files.map((file) => file.path));
      const one = await recipient(link, { context });
      await expect(one.button("Download")).toBeEnabled();
      await expectAccessible(one.page, "something to play and to see");
      await one.play();
      await one.expectPhase(/complete|seeding/);
      await expectAccessible(one.page, "a film plays");
      await one.player.getByRole("button", { name: "a song.mp3" }).click();
      await expect(one.player.getByRole("slider", { name: "Seek" })).toBeEnabled();
      await expectAccessible(one.page, "a song plays");
      await one.player.getByRole("button", { name: "Close player" }).click();
      await one.page.getByRole("button", { name: "View pictures" }).click();
      await expect(one.page.getByRole("dialog").getByRole("img")).toBeVisible();
      await expectAccessible(one.page, "a picture is shown");
    });

    test("axe finds nothing while people listen live and together", async ({ folder, visitor, recipient }) => {
      const song = await makeMedia(folder, "a song.mp3", 60);
      const owner = await visitor({ context });
      await owner.chooseFiles.setInputFiles(song.path);
      const link = await owner.share();
      const one = await recipient(link, { context });
      await one.listenLive.click();
      await expect(one.live).toContainText("plays nothing now");
      await expectAccessible(one.page, "waiting for the sender");
      await owner.playLive.getByRole("button", { name: "Play live" }).click();
      await expect(one.live).toContainText("Live: ");
      await expectAccessible(one.page, "listening live");
      await expectAccessible(owner.page, "playing live");
      const [lead, follow] = [await recipient(link, { context }), await recipient(link, { context })];
      for (const each of [lead, follow]) await each.page.getByRole("button", { name: "Listen together" }).click();
      await lead.play();
      await expect(follow.together).toContainText("You follow");
      await expectAccessible(lead.page, "leading");
      await expectAccessible(follow.page, "following");
    });

    test("axe finds nothing on the recipient's way", async ({ folder, owner, recipient, allowErrors }) => {
      allowErrors(/status of 403/);
      const files = await makeFiles(folder, { "a.bin": 60_000_000, "b.txt": 5 });
      const { link } = await owner(files.map((file) => file.path), { password: "open sesame" });
      const one = await recipient(link, { context });
      await expectAccessible(one.page, "locked");
      await one.unlock("shut");
      await expect(one.page.getByRole("alert")).toBeVisible();
      await expectAccessible(one.page, "wrong password");
      await one.unlock("open sesame");
      await expect(one.files).toHaveCount(2);
      await expectAccessible(one.page, "files offered");
      const saved = one.saved();
      await one.button("Download").click();
      await one.button("Pause").click();
      await one.expectPhase("paused");
      await expectAccessible(one.page, "paused");
      await one.button("Resume").click();
      await saved;
      await one.expectPhase(/complete|seeding/);
      await expectAccessible(one.page, "complete");
    });

    test("axe finds nothing where there is nothing", async ({ open, allowErrors }) => {
      allowErrors(/status of 404/);
      await expectAccessible(await open("/nowhere", { context }), "no page");
      await expectAccessible(await open("/room/AAAAAAAAAAAAAAAA", { context }), "no room");
    });
  });
}

test("a keyboard is enough to send and to receive", async ({ folder, visitor, recipient, engine }) => {
  const file = await makeFile(folder, "by keyboard.bin", 1_000_000);
  const owner = await visitor();
  const { page } = owner;
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await tabTo(page, "Choose files");
  // What the system's own dialogue would do.
  await owner.chooseFiles.setInputFiles([file.path]);
  await expect(owner.chosen).toHaveCount(1);
  await tabTo(page, "Protect with a password");
  await page.keyboard.press("Space");
  await tabTo(page, "Password (leave empty to generate one)");
  await page.keyboard.type("typed by hand");
  await page.keyboard.press("Enter");
  await expect(owner.shareLink).toHaveValue(/\/room\//);

  const one = await recipient(await owner.shareLink.inputValue());
  await tabTo(one.page, "Password");
  await one.page.keyboard.type("typed by hand");
  await one.page.keyboard.press("Enter");
  await expect(one.files).toHaveCount(1);
  const saved = one.saved();
  await tabTo(one.page, "Download");
  await one.page.keyboard.press("Enter");
  expect((await saved).sha256, engine).toBe(file.sha256);
});

/** Presses Tab until the control of that name has the focus. */
async function tabTo(page: Page, name: string) {
  for (let presses = 0; presses < 40; presses++) {
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      const labels = element instanceof HTMLInputElement ? [...(element.labels ?? [])] : [];
      return [element?.getAttribute("aria-label"), ...labels.map((label) => label.textContent), element?.textContent];
    });
    if (focused.some((text) => text?.trim() === name)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`no way to ${name} by the keyboard`);
}

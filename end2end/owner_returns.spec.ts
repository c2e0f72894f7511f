/** The sender's page is reloaded: the room stays the sender's, and goes on once its files are chosen again. */

import { utimes } from "node:fs/promises";
import { makeFile, makeFiles } from "./fixtures/files.ts";
import { expect, test, type Owner } from "./fixtures/index.ts";

const MB = 1_000_000;

/** How many rooms this browser knows as its own. Looking must not create the database: that is for the page to do. */
const kept = async () => {
  const name = "transfer4me owner";
  if (!(await indexedDB.databases()).some((database) => database.name === name)) return 0;
  return new Promise<number>((resolve, reject) => {
    const opening = indexedDB.open(name);
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const database = opening.result;
      const counting = database.transaction("rooms").objectStore("rooms").count();
      counting.onsuccess = () => {
        database.close();
        resolve(counting.result);
      };
    };
  });
};

const comesBack = async (owner: Owner, link: string) => {
  // Keeping takes a moment, less than a person needs to reload.
  await expect.poll(() => owner.page.evaluate(kept)).toBe(1);
  await owner.page.reload();
  await expect(owner.page.getByRole("heading", { name: "This is your room" })).toBeVisible();
  await expect(owner.shareLink).toHaveValue(link);
};

test("a reloaded sender chooses the file again and goes on serving under the same link", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "again.bin", 5 * MB);
  const sent = await owner([file.path]);
  await comesBack(sent.owner, sent.link);
  await sent.owner.chooseFiles.setInputFiles([file.path]);
  await expect(sent.owner.copies).toContainText("Keep this tab open");
  const one = await recipient(sent.link);
  expect((await one.download()).sha256).toBe(file.sha256);
  await expect(sent.owner.recipients).toHaveCount(1);
});

test("a download that the reload interrupted ends with every byte right", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "interrupted.bin", 96 * MB);
  const sent = await owner([file.path]);
  const one = await recipient(sent.link);
  const saved = one.saved();
  await one.button("Download").click();
  await expect(one.progress).not.toHaveAttribute("aria-valuenow", "0");
  sent.owner.page.on("dialog", (dialog) => void dialog.accept());
  await comesBack(sent.owner, sent.link);
  await sent.owner.chooseFiles.setInputFiles([file.path]);
  expect((await saved).sha256).toBe(file.sha256);
});

test("files come back by parts, and what does not fit is named", async ({ folder, owner, recipient }) => {
  const files = await makeFiles(folder, { "a.bin": MB, "b.bin": 2 * MB });
  const other = await makeFile(folder, "other.bin", MB);
  const sent = await owner(files.map((file) => file.path));
  await comesBack(sent.owner, sent.link);
  const main = sent.owner.page.locator("main");
  await expect(main).toContainText("Still to choose: “a.bin” and 1 other file.");
  await sent.owner.chooseFiles.setInputFiles([files[1]!.path, other.path]);
  await expect(main).toContainText("Not a file of this room: “other.bin”.");
  await expect(main).toContainText("Still to choose: “a.bin”.");
  await sent.owner.chooseFiles.setInputFiles([files[0]!.path]);
  await expect(sent.owner.copies).toBeVisible();
  const one = await recipient(sent.link);
  expect((await one.download()).name).toMatch(/\.zip$/);
});

test("a file that was changed meanwhile is refused", async ({ folder, owner }) => {
  const file = await makeFile(folder, "edited.bin", MB);
  const sent = await owner([file.path]);
  await comesBack(sent.owner, sent.link);
  const later = new Date(Date.now() + 10_000);
  await utimes(file.path, later, later);
  await sent.owner.chooseFiles.setInputFiles([file.path]);
  await expect(sent.owner.page.locator("main")).toContainText("Not as it was when you shared it: “edited.bin”.");
  await expect(sent.owner.copies).toBeHidden();
});

test("a password neither stops the sender nor is forgotten", async ({ folder, owner }) => {
  const file = await makeFile(folder, "locked.bin", MB);
  const sent = await owner([file.path], { password: "correct horse" });
  await comesBack(sent.owner, sent.link);
  await expect(sent.owner.roomPassword).toHaveValue("correct horse");
  await expect(sent.owner.page.getByRole("button", { name: "Unlock" })).toBeHidden();
});

test("a room is stopped after a reload without choosing anything", async ({ folder, owner, allowErrors }) => {
  // The browser itself notes that the page answered 410.
  allowErrors(/status of 410/);
  const file = await makeFile(folder, "stopped.bin", MB);
  const sent = await owner([file.path]);
  await comesBack(sent.owner, sent.link);
  await sent.owner.stopSharing();
  await sent.owner.page.reload();
  await expect(sent.owner.page.getByRole("heading", { name: "This room is closed" })).toBeVisible();
});

test("a room whose page cannot be fetched says so to its sender", async ({ folder, owner, allowErrors }) => {
  // Browsers report the script that did not come.
  allowErrors(/ERR_FAILED|NetworkError|Loading failed|error loading dynamically imported module/);
  const file = await makeFile(folder, "unreached.bin", MB);
  const sent = await owner([file.path]);
  await expect.poll(() => sent.owner.page.evaluate(kept)).toBe(1);
  await sent.owner.page.route(/\/sender\.js/, (route) => route.abort());
  await sent.owner.page.reload();
  await expect(sent.owner.page.getByRole("alert")).toContainText("This is your room, but its page could not be fetched.");
  await sent.owner.page.unrouteAll();
  await comesBack(sent.owner, sent.link);
});

test("the room's lock has a name that no browser refuses", async ({ folder, owner }) => {
  const file = await makeFile(folder, "held.bin", MB);
  const sent = await owner([file.path]);
  const room = new URL(sent.link).pathname.split("/").pop();
  // A bare room is refused as a name where it begins with a hyphen, as one in 64 does.
  const held = () => sent.owner.page.evaluate(async () => (await navigator.locks.query()).held?.map((lock) => lock.name));
  await expect.poll(held).toEqual([`transfer4me room ${room}`]);
});

test("beside the tab that serves, the link shows the sender what recipients see", async ({ folder, owner }) => {
  const file = await makeFile(folder, "own.bin", MB);
  const sent = await owner([file.path]);
  const second = await sent.owner.page.context().newPage();
  await second.goto(sent.link);
  await expect(second.getByRole("list", { name: "Files" })).toContainText("own.bin");
  await expect(second.getByRole("button", { name: "Download" })).toBeVisible();
  await expect(second.getByRole("textbox", { name: "Share link" })).toHaveCount(0);
});

test("others see no sender's room behind the same link", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "theirs.bin", MB);
  const sent = await owner([file.path]);
  const one = await recipient(sent.link);
  await expect(one.files).toHaveCount(1);
  await expect(one.page.getByRole("textbox", { name: "Share link" })).toHaveCount(0);
});

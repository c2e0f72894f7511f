/** A recipient's page is reloaded, opened twice, or comes back when it is done. */

import { makeFile, makeFiles } from "./fixtures/files.ts";
import { expect, test, type Recipient } from "./fixtures/index.ts";

const MB = 1_000_000;

/** Counts in the owner's page what goes out, so that nothing is sent twice unseen. */
const countSent = () => {
  const counted = window as unknown as { sent: number };
  counted.sent = 0;
  const send = RTCDataChannel.prototype.send as (data: ArrayBufferView) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    counted.sent += (data as ArrayBufferView).byteLength;
    send.call(this, data as ArrayBufferView);
  };
};

const helps = (someone: Recipient) =>
  someone.page.getByRole("checkbox", { name: "Help others while this page is open" });

const saveAgain = (someone: Recipient) => someone.page.getByRole("link", { name: "Save again" });

test("a download goes on by itself after a reload, with what was here already", async ({
  folder,
  owner,
  recipient,
}) => {
  const file = await makeFile(folder, "half.bin", 192 * MB);
  const sent = await owner([file.path], { initScript: countSent });
  const one = await recipient(sent.link);
  await one.button("Download").click();
  await expect(one.progress).toHaveAttribute("aria-valuenow", /^[5-9]\d$/, { timeout: 90_000 });
  await one.page.reload();
  expect((await one.saved()).sha256).toBe(file.sha256);
  await one.expectPhase(/complete|seeding/);
  // At most what was on its way or not yet flushed when the page went is sent again: 24 and 32 MiB.
  const bytes = await sent.owner.page.evaluate(() => (window as unknown as { sent: number }).sent);
  expect(bytes).toBeLessThan(192 * MB * 1.4);
});

test("what was left out stays left out after a reload", async ({ folder, owner, recipient }) => {
  const files = await makeFiles(folder, { "wanted.bin": 96 * MB, "unwanted.bin": MB });
  const sent = await owner(files.map((file) => file.path));
  const one = await recipient(sent.link);
  await one.page.getByRole("checkbox", { name: "unwanted.bin" }).uncheck();
  await one.button("Download").click();
  await expect(one.progress).not.toHaveAttribute("aria-valuenow", "0");
  await one.page.reload();
  const saved = await one.saved();
  expect(saved).toMatchObject({ name: "wanted.bin", sha256: files[0]!.sha256 });
  await expect(one.page.getByRole("checkbox", { name: "unwanted.bin" })).not.toBeChecked();
});

test("a finished download is not saved twice by itself, and can be saved again", async ({
  folder,
  owner,
  recipient,
}) => {
  const file = await makeFile(folder, "done.bin", 5 * MB);
  const sent = await owner([file.path]);
  const one = await recipient(sent.link);
  await one.download();
  let saves = 0;
  one.page.on("download", () => saves++);
  await one.page.reload();
  await expect(one.page.getByText("Saved on an earlier visit.")).toBeVisible();
  await one.expectPhase(/complete|seeding/);
  expect(saves).toBe(0);
  const saved = one.saved();
  await saveAgain(one).click();
  expect((await saved).sha256).toBe(file.sha256);
});

test("a second tab neither disturbs the first nor begins a download of its own", async ({
  folder,
  owner,
  recipient,
}) => {
  const file = await makeFile(folder, "once.bin", 96 * MB);
  const sent = await owner([file.path]);
  const one = await recipient(sent.link);
  const saved = one.saved();
  await one.button("Download").click();
  await expect(one.progress).not.toHaveAttribute("aria-valuenow", "0");
  const second = await one.page.context().newPage();
  await second.goto(sent.link);
  await expect(second.getByRole("alert")).toContainText("Another tab of this browser");
  await expect(second.locator("html")).toHaveAttribute("data-phase", "failed");
  expect((await saved).sha256).toBe(file.sha256);
  await one.expectPhase(/complete|seeding/);
  // Once the first is gone the second takes over what it left.
  await one.page.close();
  await second.getByRole("button", { name: "Try again" }).click();
  await expect(second.getByText("Saved on an earlier visit.")).toBeVisible();
});

test("what was cancelled does not come back", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "cancelled.bin", 96 * MB);
  const sent = await owner([file.path]);
  const one = await recipient(sent.link);
  await one.button("Download").click();
  await expect(one.progress).not.toHaveAttribute("aria-valuenow", "0");
  await one.button("Cancel").click();
  await one.expectPhase("idle");
  const left = () =>
    one.page.evaluate(async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await root.getDirectoryHandle("downloads", { create: true });
      const names: string[] = [];
      for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
      return names;
    });
  await expect.poll(left).toEqual([]);
  await one.page.reload();
  await expect(one.button("Download")).toBeVisible();
  await one.expectPhase("idle");
});

test("helping is a choice that is remembered, and off where data is saved", async ({
  folder,
  owner,
  recipient,
}) => {
  const file = await makeFile(folder, "small.bin", MB);
  const sent = await owner([file.path]);
  const one = await recipient(sent.link);
  await one.download();
  await expect(helps(one)).toBeChecked();
  await helps(one).uncheck();
  await one.expectPhase("complete");
  await one.page.reload();
  await expect(helps(one)).not.toBeChecked();

  const sparing = await recipient(sent.link, {
    initScript: () => {
      Object.defineProperty(navigator, "connection", { value: { saveData: true } });
    },
  });
  await sparing.download();
  await expect(helps(sparing)).not.toBeChecked();
});

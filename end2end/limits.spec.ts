/** Limits of speed that a person sets: kept to, lifted, and remembered. */

import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const MEGABYTE = 1_000_000;

test("the sender limits its upload, and lifts the limit on the way", async ({ owner, recipient, folder }) => {
  const file = await makeFile(folder, "slow.bin", 6 * MEGABYTE);
  const { owner: sender, link } = await owner([file.path]);
  await sender.limitUpload("2");
  const person = await recipient(link);
  const saved = person.saved();
  const began = performance.now();
  await person.button("Download").click();
  // A tenth of the file, at a quarter of a megabyte a second.
  await expect
    .poll(async () => Number(await person.progress.getAttribute("aria-valuenow")))
    .toBeGreaterThanOrEqual(10);
  expect(performance.now() - began).toBeGreaterThan(1000);
  expect(Number(await person.progress.getAttribute("aria-valuenow"))).toBeLessThan(100);
  await sender.limitUpload("");
  expect((await saved).sha256).toBe(file.sha256);
  // Without lifting it the rest would take 20 seconds and more.
  expect(performance.now() - began).toBeLessThan(20_000);
});

test("a recipient's limits hold and are there on the next visit", async ({ owner, recipient, folder }) => {
  const file = await makeFile(folder, "slow.bin", 3 * MEGABYTE);
  const { link } = await owner([file.path]);
  const person = await recipient(link, {
    initScript: () => {
      // The empty page before the first one has no storage.
      if (location.protocol === "http:") localStorage.setItem("transfer4me.caps", " 8");
    },
  });
  const began = performance.now();
  const saved = await person.download();
  expect(saved.sha256).toBe(file.sha256);
  // One megabyte a second, and the last request may come at once.
  expect(performance.now() - began).toBeGreaterThan(2500);
  const field = (name: string) => person.page.getByRole("spinbutton", { name });
  await expect(field("Download limit (Mbit/s)")).toHaveValue("8");
  await expect(field("Upload limit (Mbit/s)")).toHaveValue("");
});

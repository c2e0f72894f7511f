/** What the server says by itself, to browsers that run no scripts. */

import type { Page } from "@playwright/test";
import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const SENDER = { context: { javaScriptEnabled: true } };

/** What is in `noscript`. Browsers that are driven believe that they could run scripts, and do not show it. */
function withoutScripts(page: Page): Promise<string | null> {
  return page.locator("noscript").evaluate((element) => element.textContent);
}

test("the home page says what is missing", async ({ open }) => {
  const page = await open("/");
  await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
  expect(await withoutScripts(page)).toContain("JavaScript is switched off");
  await expect(page.getByLabel("Choose files")).toBeAttached();
});

test("a room tells how much it holds, and no names", async ({ folder, owner, open }) => {
  const file = await makeFile(folder, "secret name.mp3", 3_000_000);
  const { link } = await owner([file.path], SENDER);
  const page = await open(link);
  await expect(page.getByRole("heading", { name: "1 file for you" })).toBeVisible();
  await expect(page.getByText("3 MB", { exact: true })).toBeVisible();
  await expect(page.getByText("Audio", { exact: true })).toBeVisible();
  await expect(page.getByText("The sender is online")).toBeVisible();
  expect(await withoutScripts(page)).toContain("JavaScript is switched off");
  await expect(page.locator("html")).toHaveAttribute("data-phase", "idle");
  expect(await page.content()).not.toContain("secret name");
});

test("a password is asked and checked", async ({ folder, owner, open, allowErrors }) => {
  allowErrors(/status of 403/);
  const file = await makeFile(folder, "locked.bin", 1000);
  const { link } = await owner([file.path], { ...SENDER, password: "sesame street" });
  const page = await open(link);
  await expect(page.locator("html")).toHaveAttribute("data-phase", "locked");
  const password = page.getByRole("textbox", { name: "Password" });
  const unlock = page.getByRole("button", { name: "Unlock" });

  await password.fill("wrong");
  await unlock.click();
  await expect(page.getByRole("alert")).toContainText(/password/i);

  await password.fill("sesame street");
  await unlock.click();
  await expect(page.locator("html")).toHaveAttribute("data-phase", "idle");
  await expect(page.getByText("Unlocked")).toBeVisible();
  // The link key stays in the address bar, for when scripts are switched on.
  expect(new URL(page.url()).hash).toBe(new URL(link).hash);
});

test("a room that never was, and an address that is none, are not found", async ({ open, allowErrors }) => {
  allowErrors(/status of 404/);
  const room = await open("/room/AAAAAAAAAAAAAAAA");
  await expect(room.getByRole("heading", { name: "Room not found" })).toBeVisible();
  const malformed = await open("/room/x");
  await expect(malformed.getByRole("heading", { name: "Room not found" })).toBeVisible();
  const page = await open("/no/such/page");
  await expect(page.getByRole("heading", { name: "There is no page here" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Send files" })).toHaveAttribute("href", "/");
});

test("a closed room says so", async ({ folder, owner, open, allowErrors }) => {
  allowErrors(/status of 410/);
  const file = await makeFile(folder, "a.bin", 10);
  const sent = await owner([file.path], SENDER);
  await sent.owner.stopSharing();
  const page = await open(sent.link);
  await expect(page.getByRole("heading", { name: "This room is closed" })).toBeVisible();
});

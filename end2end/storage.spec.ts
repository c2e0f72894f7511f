/** Where pieces go when the usual place is missing, small, full, or chosen by the person. */

import { truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "@playwright/test";
import { makeFile, makeFiles } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const MIB = 1 << 20;

/** Runs `code` in the storage worker before anything else does. */
async function inWorker(page: Page, code: string): Promise<void> {
  await page.context().route("**/storage-worker.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `${code}\n${await response.text()}` });
  });
}

const NO_FILE_SYSTEM =
  "navigator.storage.getDirectory = () => Promise.reject(new DOMException('', 'SecurityError'));";

test("without a file system for pages the download is kept in memory, and says so", async ({
  owner,
  recipient,
  folder,
}) => {
  const file = await makeFile(folder, "small.bin", 3 * MIB + 17);
  const { link } = await owner([file.path]);
  const someone = await recipient("/");
  await inWorker(someone.page, NO_FILE_SYSTEM);
  await someone.page.goto(link);
  expect(await someone.download()).toMatchObject({ name: file.name, sha256: file.sha256 });
  await expect(someone.page.getByText("held in memory")).toBeVisible();
});

test("a worker that could not start with the page starts with the download", async ({ owner, recipient, folder }) => {
  const file = await makeFile(folder, "small.bin", MIB + 3);
  const { link } = await owner([file.path]);
  const someone = await recipient("/");
  const script = "**/storage-worker.js";
  const failed = someone.page.waitForEvent("requestfailed", (request) => request.url().includes("storage-worker"));
  await someone.page.route(script, (route) => route.abort());
  await someone.page.goto(link);
  await failed;
  await someone.page.unroute(script);
  expect(await someone.download()).toMatchObject({ name: file.name, sha256: file.sha256 });
});

test("a worker whose code does not start is told, and not taken for a full disk", async ({
  owner,
  recipient,
  folder,
  allowErrors,
}) => {
  allowErrors(/no instance for you/);
  const { link } = await owner([(await makeFile(folder, "small.bin", 7)).path]);
  const someone = await recipient("/");
  await inWorker(someone.page, "WebAssembly.Instance = class { constructor() { throw new Error('no instance for you'); } };");
  await someone.page.goto(link);
  await someone.button("Download").click();
  await expect(someone.page.getByRole("alert")).toContainText("did not start");
  await someone.expectPhase("failed");
});

test("several files are packed from memory as well", async ({ owner, recipient, folder }) => {
  const files = await makeFiles(folder, { "one.bin": MIB + 1, "two.bin": 5 });
  const { link } = await owner(files.map((file) => file.path));
  const someone = await recipient("/");
  await inWorker(someone.page, NO_FILE_SYSTEM);
  await someone.page.goto(link);
  expect((await someone.download()).name).toBe("transfer4me.zip");
});

test("too little space is said before anything is fetched", async ({ owner, recipient, folder }) => {
  const file = await makeFile(folder, "large.bin", 2 * MIB);
  const { link } = await owner([file.path]);
  const someone = await recipient(link, {
    initScript: () => {
      // The empty page before the first one is no secure context and has none.
      if (!navigator.storage) return;
      navigator.storage.estimate = () => Promise.resolve({ quota: 1_000_000, usage: 0 });
      navigator.storage.persist = () => Promise.resolve(false);
    },
  });
  await someone.button("Download").click();
  await expect(someone.page.getByRole("alert")).toContainText("not enough room");
  await someone.expectPhase("failed");
});

test("what a browser does not tell is no reason to refuse a large room", async ({
  owner,
  recipient,
  folder,
  engine,
}) => {
  test.skip(engine === "firefox", "it tells what it stores");
  const file = path.join(folder, "large.bin");
  await writeFile(file, "");
  await truncate(file, 12 * 1024 ** 3);
  const { link } = await owner([file]);
  const someone = await recipient(link);
  const free = () => navigator.storage.estimate().then(({ quota, usage }) => quota! - usage!);
  expect(await someone.page.evaluate(free), "the case that is tested").toBe(10 * 1024 ** 3);
  await someone.button("Download").click();
  await someone.expectPhase("downloading");
});

test("a disk that fills up during the download ends it with a sentence", async ({
  owner,
  recipient,
  folder,
}) => {
  const file = await makeFile(folder, "large.bin", 4 * MIB);
  const { link } = await owner([file.path]);
  const someone = await recipient("/");
  await inWorker(
    someone.page,
    `const write = FileSystemSyncAccessHandle.prototype.write;
     let room = 3;
     FileSystemSyncAccessHandle.prototype.write = function (...rest) {
       if (room-- <= 0) throw new DOMException("full", "QuotaExceededError");
       return write.apply(this, rest);
     };`,
  );
  await someone.page.goto(link);
  await someone.button("Download").click();
  await expect(someone.page.getByRole("alert")).toContainText("cannot store any more");
  await someone.expectPhase("failed");
});

test("several files go into a folder that the person chooses", async ({
  owner,
  recipient,
  folder,
  engine,
}) => {
  test.skip(engine !== "chromium", "only Chromium has a dialogue for folders");
  const files = await makeFiles(folder, { "shared/a.txt": 100_000, "shared/deep/b.txt": 7 });
  const { link } = await owner(`${folder}/shared`);
  const someone = await recipient(link, {
    initScript: () => {
      // The dialogue cannot be answered by a test; a folder of the site's own stands in for the person's choice.
      Object.assign(window, {
        showDirectoryPicker: async () =>
          (await navigator.storage.getDirectory()).getDirectoryHandle("chosen", { create: true }),
      });
    },
  });
  await someone.page.getByRole("button", { name: "Download into a folder…" }).click();
  await someone.expectPhase(/complete|seeding/);
  await expect(someone.page.getByText("chosen")).toBeVisible();
  const read = await someone.page.evaluate(async () => {
    const chosen = await (await navigator.storage.getDirectory()).getDirectoryHandle("chosen");
    const shared = await chosen.getDirectoryHandle("shared");
    const deep = await shared.getDirectoryHandle("deep");
    const hash = async (of: FileSystemDirectoryHandle, name: string) => {
      const bytes = await (await (await of.getFileHandle(name)).getFile()).arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    };
    return [await hash(shared, "a.txt"), await hash(deep, "b.txt")];
  });
  expect(read).toEqual(files.map((file) => file.sha256));
});

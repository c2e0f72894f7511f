/** The home page: the words that people and tests go by, and that nothing is shared before it is asked for. */

import { makeFile, makeFiles } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

test("everything is found by its role and name", async ({ visitor }) => {
  const { page } = await visitor();
  const zone = page.getByRole("region", { name: "Drop files here" });
  await expect(zone.getByLabel("Choose files")).toHaveAttribute("type", "file");
  await expect(zone.getByLabel("Choose files")).toHaveAttribute("multiple", "");
  await expect(zone.getByLabel("Choose a folder")).toHaveAttribute("webkitdirectory", "");
  const password = page.getByRole("textbox", { name: "Password (leave empty to generate one)" });
  await expect(password).toHaveCount(0);
  await page.getByRole("checkbox", { name: "Protect with a password" }).check();
  await expect(password).toBeVisible();
  await expect(page.getByRole("button", { name: "Create link" })).toBeDisabled();
});

test("choosing shares nothing; Create link does", async ({ folder, visitor, server }) => {
  const files = await makeFiles(folder, { "one.txt": 1000, "two.txt": 2000 });
  const owner = await visitor();
  const created: string[] = [];
  owner.page.on("request", (request) => request.method() !== "GET" && created.push(request.url()));
  owner.page.on("websocket", (socket) => created.push(socket.url()));

  await owner.chooseFiles.setInputFiles(files.map((file) => file.path));
  await expect(owner.chosen).toHaveCount(2);
  await expect(owner.page.getByText("2 files, 3 kB")).toBeVisible();
  expect(created).toEqual([]);
  await expect(owner.shareLink).toHaveCount(0);

  const link = await owner.share();

  expect(link).toMatch(new RegExp(`^${server.url}/room/`));
  await expect(owner.page).toHaveURL(link);
  await expect(owner.shareLink).toHaveAttribute("readonly", "");
  await expect(owner.page.getByRole("button", { name: "Copy link" })).toBeVisible();
  await expect(owner.page.getByRole("img", { name: "QR code" })).toBeVisible();
  await expect(owner.roomPassword).toHaveCount(0);
  await expect(owner.recipients).toHaveCount(0);
  await expect(owner.copies).toContainText("Keep this tab open");
  await expect(owner.page.getByRole("button", { name: "Stop sharing" })).toBeVisible();
});

for (const part of ["sender.js", "sender.wasm"]) {
  test(`Create link says that ${part} could not be fetched, and works once it can`, async ({ folder, visitor, allowErrors }) => {
    // Browsers report each file that did not come, and Firefox the script that asked for it.
    allowErrors(/ERR_FAILED|Failed to fetch|NetworkError|Loading failed|error loading dynamically imported module/);
    const file = await makeFile(folder, "a.txt", 10);
    const owner = await visitor();
    let refused = 0;
    await owner.page.route(new RegExp(`/${part}`), async (route) => {
      refused += 1;
      await route.abort();
    });
    await owner.chooseFiles.setInputFiles([file.path]);
    await expect.poll(() => refused).toBe(1);
    await owner.createLink.click();
    await expect(owner.page.getByRole("alert")).toContainText("The rest of this page could not be fetched.");
    await expect(owner.createLink).toBeEnabled();
    await expect(owner.chosen).toHaveCount(1);
    await owner.page.unrouteAll();
    expect(await owner.share()).toContain("/room/");
    await expect(owner.page.getByRole("heading", { level: 1 })).toHaveText("Your link is ready");
    await expect(owner.page.getByRole("heading", { level: 1 })).toBeFocused();
  });
}

test("a file chosen twice over is added, and can be taken out again", async ({ folder, visitor }) => {
  const [first, second] = await makeFiles(folder, { "first.txt": 1, "second.txt": 2 });
  const owner = await visitor();
  await owner.chooseFiles.setInputFiles([first!.path]);
  await expect(owner.chosen).toHaveCount(1);
  await owner.chooseFiles.setInputFiles([second!.path]);
  await expect(owner.chosen).toHaveCount(2);
  await owner.chosen.filter({ hasText: "first.txt" }).getByRole("button", { name: /Remove/ }).click();
  await expect(owner.chosen).toHaveCount(1);
  await expect(owner.chosen).toContainText("second.txt");
  await owner.chosen.getByRole("button", { name: /Remove/ }).click();
  await expect(owner.createLink).toBeDisabled();
});

test("dropped files are chosen, wherever they land", async ({ folder, visitor }) => {
  const { path } = await makeFile(folder, "chosen.txt", 1);
  const owner = await visitor();
  // A drop is an event like others: it is lost before the page's code runs, and this shows that it does.
  await owner.chooseFiles.setInputFiles([path]);
  await expect(owner.chosen).toHaveCount(1);
  const zone = owner.page.getByRole("region", { name: "Drop files here" });
  for (const [target, name] of [[zone, "in the zone.txt"], [owner.page.locator("body"), "beside it.txt"]] as const) {
    const dataTransfer = await owner.page.evaluateHandle((name) => {
      const data = new DataTransfer();
      data.items.add(new File(["dropped"], name));
      return data;
    }, name);
    await target.dispatchEvent("drop", { dataTransfer });
    await expect(owner.chosen.filter({ hasText: name })).toHaveCount(1);
  }
  await expect(owner.chosen).toHaveCount(3);
});

test("a link is copied", async ({ folder, owner, engine }) => {
  test.skip(engine === "firefox", "Playwright cannot let a page write to this Firefox's clipboard");
  const file = await makeFile(folder, "a.txt", 10);
  const sent = await owner([file.path], {
    context: { permissions: ["clipboard-read", "clipboard-write"] },
  });
  await sent.owner.page.getByRole("button", { name: "Copy link" }).click();
  await expect(sent.owner.page.getByText("Copied")).toBeVisible();
  expect(await sent.owner.page.evaluate(() => navigator.clipboard.readText())).toBe(sent.link);
});

/** Links that were damaged on their way, and computers whose clock is wrong: neither keeps anybody out. */

import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";
import { Recipient } from "./fixtures/room.ts";

const MB = 1_000_000;
const INCOMPLETE = /The link is incomplete/;
const SENT_ON = /status of 404/;

test("what gateways put around a link does not keep anybody out", async ({ folder, owner, open, engine }) => {
  const sent = await owner([(await makeFile(folder, "sent on.bin", MB)).path]);
  const [page, key] = sent.link.split("#") as [string, string];
  const damaged = [
    ...["&utm_source=x", "?fbclid=1", ".", ")", ">", "%20", "/", "”", "%0A", "_", "\u200b"].map((junk) => `${page}#${key}${junk}`),
    `${page}#%23${key}`,
    `${page}#${key.slice(0, 9)}%0A${key.slice(9)}`,
    `${page}?fbclid=1#${key}`,
    `${page}/#${key}`,
    `${page}.#${key}`,
    `${page.replace("/room", "//room")}#${key}`,
    `${page}%23${key}`,
    `${page}%23${key}%26utm_source=x`,
  ];
  const tab = await open("/");
  for (const link of damaged) {
    // Another address with the same path and another fragment would not be loaded anew.
    await tab.goto("about:blank");
    await tab.goto(link);
    await expect(new Recipient(tab, engine).files, link).toHaveText([/sent on\.bin/]);
    expect(tab.url(), "and it is passed on as it was meant").toBe(sent.link);
  }
});

test("a link is completed in the tab that missed its end", async ({ folder, owner, recipient }) => {
  const sent = await owner([(await makeFile(folder, "completed.bin", MB)).path]);
  const [page] = sent.link.split("#") as [string];
  const one = await recipient(page);
  await expect(one.page.getByText(INCOMPLETE)).toBeVisible();
  // As a person does who puts the rest into the address bar.
  await one.page.evaluate(() => (location.hash = "#AAAA"));
  await expect(one.page.getByText(INCOMPLETE)).toBeVisible();
  await one.page.evaluate(() => (location.hash = "#AAAAAAAAAAAAAAAAAAAAAA"));
  await expect(one.page.getByText(/does not open the room/)).toBeVisible();
  await one.page.evaluate((link) => void (location.href = link), sent.link);
  await expect(one.files).toHaveText([/completed\.bin/]);
  // From now on nothing else can be meant, and nothing is interrupted.
  await one.page.evaluate(() => (location.hash = "#something"));
  await expect(one.page).toHaveURL(sent.link);
  await one.download();
  await sent.owner.page.evaluate(() => (location.hash = ""));
  await expect(sent.owner.page).toHaveURL(sent.link);
});

test("the way past the header leaves the key where it is", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "by keyboard.bin", MB);
  const sent = await owner([file.path], { password: "over the header" });
  const one = await recipient(sent.link);
  await one.page.keyboard.press("Tab");
  await expect(one.page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await one.page.keyboard.press("Enter");
  await expect(one.page.getByRole("main")).toBeFocused();
  expect(one.page.url()).toBe(sent.link);
  await one.unlock("over the header");
  await expect(one.files).toHaveText([/by keyboard\.bin/]);
});

test("the sender's own room opens when its link is completed", async ({ folder, owner }) => {
  const file = await makeFile(folder, "mine.bin", MB);
  const sent = await owner([file.path]);
  const { page } = sent.owner;
  page.on("dialog", (dialog) => void dialog.accept());
  await page.goto("about:blank");
  await page.goto(sent.link.split("#")[0] as string);
  await expect(page.getByText(INCOMPLETE)).toBeVisible();
  await page.evaluate((link) => void (location.href = link), sent.link);
  await expect(page.getByRole("heading", { name: "This is your room" })).toBeVisible();
});

for (const days of [2, -2, 3650]) {
  test(`a clock that is wrong by ${days} days costs no room and no download`, async ({ folder, owner, recipient }) => {
    const file = await makeFile(folder, "in time.bin", 2 * MB);
    const initScript = [
      new Function(`
        const Right = Date;
        window.Date = class extends Right {
          constructor(...given) { given.length ? super(...given) : super(Right.now() + ${days} * 86400000); }
          static now() { return Right.now() + ${days} * 86400000; }
        };`) as () => void,
    ];
    const sent = await owner([file.path], { initScript });
    const { page } = sent.owner;
    await expect(page.getByText(/works until/i)).toBeVisible();
    // Keeping takes a moment, and what looks at the room's record is only looked at by the page that opens it.
    await expect
      .poll(() => page.evaluate(async () => (await indexedDB.databases()).some(({ name }) => name === "transfer4me owner")))
      .toBe(true);
    await page.reload();
    await expect(page.getByRole("heading", { name: "This is your room" })).toBeVisible();
    // Once more: it was not removed by the way.
    await page.reload();
    await expect(page.getByRole("heading", { name: "This is your room" })).toBeVisible();
    await sent.owner.chooseFiles.setInputFiles([file.path]);
    const one = await recipient(sent.link, { initScript });
    expect((await one.download()).sha256).toBe(file.sha256);
  });
}

test("what the browser keeps of rooms that are over goes, by the server's word", async ({ folder, serve, visitor, allowErrors }) => {
  allowErrors(SENT_ON, /status of 410/);
  const server = await serve({ ROOM_TTL: "1m" });
  const owner = await visitor();
  const rooms = () =>
    owner.page.evaluate(
      () =>
        new Promise<number>((resolve, reject) => {
          const opening = indexedDB.open("transfer4me owner");
          opening.onerror = () => reject(opening.error);
          opening.onsuccess = () => {
            const counting = opening.result.transaction("rooms").objectStore("rooms").count();
            counting.onsuccess = () => (opening.result.close(), resolve(counting.result));
          };
        }),
    );
  const share = async (name: string) => {
    await owner.page.goto(server.url);
    await owner.chooseFiles.setInputFiles((await makeFile(folder, name, 1000)).path);
    const link = await owner.share();
    await expect(owner.page.getByRole("button", { name: "Stop sharing" })).toBeVisible();
    return link;
  };
  owner.page.on("dialog", (dialog) => void dialog.accept());
  const first = await share("first.bin");
  const token = await owner.page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        const opening = indexedDB.open("transfer4me owner");
        opening.onsuccess = () => {
          const getting = opening.result.transaction("rooms").objectStore("rooms").getAll();
          getting.onsuccess = () => (opening.result.close(), resolve(getting.result[0].token as string));
        };
      }),
  );
  await share("second.bin");
  expect(await rooms()).toBe(2);
  // Closed elsewhere: this browser does not know.
  const room = new URL(first).pathname.replace("/room/", "/api/rooms/");
  const closed = await fetch(`${server.url}${room}`, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
  expect(closed.ok).toBe(true);
  await owner.page.reload();
  await expect(owner.page.getByRole("heading", { name: "This is your room" })).toBeVisible();
  await expect.poll(rooms).toBe(1);
});

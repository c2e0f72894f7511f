/** Everyone who downloads helps, and nobody loses a byte when anyone goes: the sender, a seed, a leech, the server. */

import { readdir, readlink } from "node:fs/promises";
import type { Page } from "@playwright/test";
import { makeFile } from "./fixtures/files.ts";
import { expect, Server, SERVER_AWAY, SOCKET_LOST, test, type Owner, type Recipient } from "./fixtures/index.ts";

const MB = 1_000_000;
/** Eight pages share two cores. */
const PATIENCE = 150_000;

/** Counts the payload that leaves a page. */
const countSent = () => {
  const counted = window as unknown as { sent: number };
  counted.sent = 0;
  const send = RTCDataChannel.prototype.send as (data: ArrayBufferView) => void;
  RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
    if (this.label === "blocks") counted.sent += (data as ArrayBufferView).byteLength;
    send.call(this, data as ArrayBufferView);
  };
};
const sentBy = (page: Page) => page.evaluate(() => (window as unknown as { sent: number }).sent);

/** Notes when the page's turn came. */
const noteTurn = () => {
  const noted = window as unknown as { turn: number };
  noted.turn = 0;
  let before: string | null = null;
  const note = () => {
    const phase = document.documentElement.getAttribute("data-phase");
    if (before === "waiting" && phase !== before) noted.turn ||= Date.now();
    before = phase;
  };
  new MutationObserver(note).observe(document, { subtree: true, attributeFilter: ["data-phase"] });
};
const turnOf = (page: Page) => page.evaluate(() => (window as unknown as { turn: number }).turn);

/** The page goes without a word, as in a crash. */
const kill = (someone: Recipient | Owner) => someone.page.context().close();

/** Presses Download; what it resolves with is what the browser saves at the end. */
const begin = (someone: Recipient) => {
  const saved = someone.saved(PATIENCE);
  const both = someone.button("Download").click().then(() => saved);
  // Of those who are killed nobody asks what they saved.
  both.catch(() => {});
  return both;
};

/** Somewhere between a fifth and nine tenths. */
const midway = (someone: Recipient) =>
  expect(someone.progress).toHaveAttribute("aria-valuenow", /^[2-8]\d$/, { timeout: PATIENCE });

test("the sender may leave when its page says so, and whoever comes later is served by the others", async ({
  folder,
  owner,
  recipient,
}) => {
  const file = await makeFile(folder, "stays.bin", 8 * MB);
  const sent = await owner([file.path]);
  await expect(sent.owner.copies).toContainText("Keep this tab open");
  const first = await recipient(sent.link);
  expect((await first.download()).sha256).toBe(file.sha256);
  await first.expectPhase("seeding");
  await expect(sent.owner.copies).toContainText("You can close this tab now");
  await kill(sent.owner);
  const second = await recipient(sent.link);
  expect((await second.download()).sha256).toBe(file.sha256);
  await expect(first.page.getByRole("status").filter({ hasText: "Seeding (helped 1)" })).toBeVisible();
});

test("a seed that is killed in the middle of a piece costs nobody a byte", async ({ folder, owner, recipient }) => {
  test.setTimeout(PATIENCE);
  const file = await makeFile(folder, "killed.bin", 96 * MB);
  const sent = await owner([file.path]);
  const [one, two] = [await recipient(sent.link), await recipient(sent.link)];
  await Promise.all([one.download(PATIENCE), two.download(PATIENCE)]);
  await kill(sent.owner);
  const late = await recipient(sent.link);
  const saved = begin(late);
  await midway(late);
  await kill(one);
  expect((await saved).sha256).toBe(file.sha256);
});

test("three of eight are killed and the others end right, with little more than one copy sent", async ({
  folder,
  owner,
  recipient,
  engine,
}) => {
  test.skip(engine === "firefox", "eight pages of Firefox are too much for a small machine");
  test.setTimeout(2 * PATIENCE);
  const file = await makeFile(folder, "eight.bin", 48 * MB);
  const sent = await owner([file.path], { initScript: countSent });
  const everyone: Recipient[] = [];
  for (let n = 0; n < 8; n++) everyone.push(await recipient(sent.link));
  const saved = everyone.map(begin);
  await midway(everyone[0]!);
  const doomed = [everyone[1]!, everyone[4]!, everyone[6]!];
  await Promise.all(doomed.map(kill));
  for (const [index, one] of everyone.entries()) {
    if (!doomed.includes(one)) expect((await saved[index]!).sha256).toBe(file.sha256);
  }
  // Serving each of eight by itself the owner would send up to eight times as much.
  expect((await sentBy(sent.owner.page)) / file.bytes).toBeLessThan(4);
});

test("a server that is killed twice while everyone downloads stops nobody", async ({
  folder,
  visitor,
  recipient,
  serve,
  allowErrors,
}) => {
  test.setTimeout(PATIENCE);
  // Whoever was about to connect hears nothing more of the other.
  allowErrors(SOCKET_LOST, SERVER_AWAY, /ICE failed/);
  const server = await serve();
  const file = await makeFile(folder, "long.bin", 40 * MB);
  const owner = await visitor();
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file.path);
  const link = await owner.share();
  // Half a minute, on the fastest machine too.
  await owner.limitUpload("12");
  const both = [await recipient(link), await recipient(link)];
  const saved = both.map(begin);
  for (let restart = 0; restart < 2; restart++) {
    await expect(both[0]!.progress).toHaveAttribute("aria-valuenow", restart ? /^[3-9]\d$/ : /[1-9]/);
    await server.down("SIGKILL");
    await server.up();
  }
  await owner.limitUpload("");
  for (const one of saved) expect((await one).sha256).toBe(file.sha256);
  // The room is whole again: someone new is served by those who were there before.
  const late = await recipient(link);
  expect((await late.download(PATIENCE)).sha256).toBe(file.sha256);
});

test("a helper that alters what it passes on is found out, and the others end right", async ({
  folder,
  owner,
  recipient,
}) => {
  const file = await makeFile(folder, "target.bin", 24 * MB);
  const sent = await owner([file.path]);
  const liar = await recipient(sent.link, {
    initScript: () => {
      const altered = window as unknown as { altered: number };
      altered.altered = 0;
      const send = RTCDataChannel.prototype.send as (data: ArrayBufferView) => void;
      RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
        const bytes = new Uint8Array((data as Uint8Array).slice());
        if (this.label === "blocks") {
          bytes[bytes.length - 1]! ^= 0xff;
          altered.altered += 1;
        }
        send.call(this, bytes);
      };
    },
  });
  await liar.download();
  const others = [await recipient(sent.link), await recipient(sent.link)];
  const saved = await Promise.all(others.map(begin));
  for (const one of saved) expect(one.sha256).toBe(file.sha256);
  const altered = await liar.page.evaluate(() => (window as unknown as { altered: number }).altered);
  expect(altered, "it did try").toBeGreaterThan(0);
});

test("a pool of one slot serves six who wait, in their order", async ({
  folder,
  visitor,
  recipient,
  engine,
  serve,
}) => {
  test.skip(engine === "firefox", "the room decides, and it is the same for both");
  test.setTimeout(PATIENCE);
  const server = await serve({ TOPOLOGY: "pool" });
  // Everyone has a thin uplink: one slot, whatever the page would offer by itself.
  const oneSlot = () => {
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (this: WebSocket, data) {
      const text = String(data).replace(/"slots":\d+/, '"slots":1').replace(/"offered":\d+/, '"offered":1');
      return send.call(this, text);
    };
  };
  const file = await makeFile(folder, "one by one.bin", 16 * MB);
  const owner = await visitor({ initScript: oneSlot });
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file.path);
  const link = await owner.share();
  // Nobody is served to the end before everyone stands in line.
  await owner.limitUpload("0.1");
  const everyone: Recipient[] = [];
  for (let n = 0; n < 7; n++) everyone.push(await recipient(link, { initScript: [oneSlot, noteTurn] }));
  const saved: ReturnType<typeof begin>[] = [];
  for (const [index, one] of everyone.entries()) {
    saved.push(begin(one));
    if (index === 0) await one.expectPhase("downloading");
    else await expect(one.page.getByRole("status").filter({ hasText: `(${index - 1} ahead)` })).toBeVisible();
  }
  await owner.limitUpload("");
  for (const one of saved) expect((await one).sha256).toBe(file.sha256);
  const turns = await Promise.all(everyone.slice(1).map(({ page }) => turnOf(page)));
  expect(Math.min(...turns), "each had to wait").toBeGreaterThan(0);
  // At first it is the turn of two, by the sender and whoever has it all, and then of the four that are left.
  expect(Math.max(...turns.slice(0, 2)), `${turns}`).toBeLessThan(Math.min(...turns.slice(2)));
});

test("fifty joins and leaves leave nothing behind", async ({ folder, visitor, recipient, engine, serve }) => {
  test.skip(engine === "firefox", "only Chromium tells how large its heap is");
  test.setTimeout(2 * PATIENCE);
  const server = await serve();
  const file = await makeFile(folder, "again and again.bin", 64 * MB);
  const countConnections = () => {
    const open = window as unknown as { connections: Set<RTCPeerConnection> };
    open.connections = new Set();
    const Original = RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        open.connections.add(this);
      }
      override close() {
        open.connections.delete(this);
        super.close();
      }
    };
  };
  const owner = await visitor({ initScript: countConnections });
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file.path);
  const one = await recipient(await owner.share(), { initScript: countConnections });
  const session = await owner.page.context().newCDPSession(owner.page);
  const measure = async () => {
    await expect(owner.recipients).toHaveCount(0);
    const open = (page: Page) =>
      page.evaluate(() => (window as unknown as { connections: Set<RTCPeerConnection> }).connections.size);
    await expect.poll(() => open(owner.page)).toBe(0);
    expect(await open(one.page)).toBe(0);
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    return { heap: usedSize, sockets: await socketsOf(server) };
  };
  const joinAndLeave = async (times: number) => {
    for (let n = 0; n < times; n++) {
      await one.button("Download").click();
      await one.expectPhase("downloading");
      await one.button("Cancel").click();
      await one.expectPhase("idle");
    }
  };
  await joinAndLeave(10);
  const before = await measure();
  await joinAndLeave(40);
  const after = await measure();
  expect(after.sockets).toBeLessThanOrEqual(before.sockets);
  // A connection with its listeners is some ten kilobytes; forty of them would show.
  expect(after.heap - before.heap).toBeLessThan(400_000);
});

/** Sockets that a server holds open. */
async function socketsOf(server: Server): Promise<number> {
  const folder = `/proc/${server.pid}/fd`;
  const targets = await Promise.all((await readdir(folder)).map((fd) => readlink(`${folder}/${fd}`).catch(() => "")));
  return targets.filter((target) => target.startsWith("socket:")).length;
}

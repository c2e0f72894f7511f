/** What the sender plays is heard by everyone who listens live, at the same moment, and ends when either goes. */

import { expect, SERVER_AWAY, SOCKET_LOST, test, type Engine, type Owner, type Recipient } from "./fixtures/index.ts";
import { hear, listenLive, makeMedia, STEP, toneAt } from "./fixtures/media.ts";

const media = (owner: Owner) => owner.page.locator("audio, video");

const place = (owner: Owner) => media(owner).evaluate((element: HTMLMediaElement) => element.currentTime);

/** The listener hears the tone of the place where the sender is. */
async function expectSameTone(owner: Owner, listener: Recipient): Promise<void> {
  const heard = async () => {
    const seconds = await place(owner);
    const { hertz } = await hear(listener.page);
    // What is heard was played a moment ago.
    const near = seconds % STEP;
    if (near < 1.5 || near > STEP - 0.2) return `second ${seconds}`;
    return Math.abs(hertz - toneAt(seconds)) < 12 ? "the same" : `${hertz} Hz at second ${seconds}`;
  };
  await expect.poll(heard, { timeout: 45_000, intervals: [100] }).toBe("the same");
}

async function expectHeard(owner: Owner, listener: Recipient): Promise<void> {
  await expect(listener.live).toContainText("Live: ");
  await expect
    .poll(() => listener.page.locator("video").evaluate((element: HTMLVideoElement) => !!element.srcObject))
    .toBe(true);
  // The element itself plays, and not only what is listened to here.
  const plays = (element: HTMLVideoElement) => !element.paused && element.readyState >= 2 && element.currentTime > 0;
  await expect.poll(() => listener.page.locator("video").evaluate(plays)).toBe(true);
  await listenLive(listener.page);
  await expectSameTone(owner, listener);
}

const seek = (owner: Owner, seconds: number) =>
  owner.playLive.getByRole("slider", { name: "Seek" }).fill(String(seconds));

for (const [from, to] of [
  ["chromium", "chromium"],
  ["chromium", "firefox"],
  ["firefox", "firefox"],
  ["firefox", "chromium"],
] satisfies [Engine, Engine][]) {
  test(`${from} to ${to}: play, seek, pause, next, stop`, async ({ folder, owner, recipient, engine }) => {
    test.skip(engine !== from, "runs in its sender's project");
    const one = await makeMedia(folder, "1 first.mp3", 300);
    const two = await makeMedia(folder, "2 second.ogg", 300);
    const sent = await owner([one.path, two.path], { engine: from });
    const listener = await recipient(sent.link, { engine: to });
    await listener.listenLive.click();
    await expect(listener.live).toContainText("plays nothing now");
    await expect(sent.owner.playLive).toContainText("1 person listens.");
    await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
    await expectHeard(sent.owner, listener);
    await expect(listener.live).toContainText("Live: 1 first.mp3");

    await seek(sent.owner, 205);
    await expectSameTone(sent.owner, listener);

    await sent.owner.playLive.getByRole("button", { name: "Pause" }).click();
    await expect(listener.live).toContainText("Paused by the sender: 1 first.mp3");
    await sent.owner.playLive.getByRole("button", { name: "Play", exact: true }).click();
    await expect(listener.live).toContainText("Live: 1 first.mp3");

    await sent.owner.playLive.getByRole("button", { name: "Next" }).click();
    await expect(listener.live).toContainText("Live: 2 second.ogg");
    await seek(sent.owner, 103);
    await expectSameTone(sent.owner, listener);

    await sent.owner.playLive.getByRole("button", { name: "Close player" }).click();
    await expect(listener.live).toContainText("plays nothing now");
    expect(await listener.page.locator("video").evaluate((element: HTMLVideoElement) => element.srcObject)).toBeNull();
    await listener.page.getByRole("button", { name: "Stop listening" }).click();
    await expect(listener.listenLive).toBeVisible();
    await expect(sent.owner.playLive).toContainText("Nobody listens yet.");
  });
}

test("whoever comes late hears the present moment, mutes, and sees who else listens", async ({
  folder,
  owner,
  recipient,
}) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const sent = await owner([song.path]);
  const first = await recipient(sent.link);
  await first.listenLive.click();
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  await expectHeard(sent.owner, first);
  await seek(sent.owner, 153);
  const late = await recipient(sent.link);
  await late.listenLive.click();
  await expectHeard(sent.owner, late);
  expect(await place(sent.owner)).toBeGreaterThan(150);
  await expect(first.live).toContainText("Listening with you: 1 other.");
  await expect(first.live.getByRole("list", { name: "Listeners" }).getByRole("listitem")).toHaveText([
    "The sender",
    "You",
    "Listener 1",
  ]);

  await late.live.getByRole("button", { name: "Mute" }).click();
  const muted = () => late.page.locator("video").evaluate((element: HTMLVideoElement) => element.muted);
  expect(await muted()).toBe(true);
  await late.live.getByRole("slider", { name: "Volume" }).fill("30");
  expect(await muted()).toBe(false);

  // The sender sends one away, and the other hears on.
  const rows = sent.owner.playLive.getByRole("list", { name: "Listeners" }).getByRole("listitem");
  await rows.filter({ hasText: "Listener 2" }).getByRole("button", { name: "Remove" }).click();
  await expect(late.page.getByText("The sender removed you")).toBeVisible();
  await expect(sent.owner.playLive).toContainText("1 person listens.");
  await expectSameTone(sent.owner, first);
});

for (const from of ["Recipients", "Listeners"] as const) {
  test(`whoever is removed from ${from} gets nothing more, of files and of sound`, async ({ folder, owner, recipient }) => {
    const song = await makeMedia(folder, "song.mp3", 300);
    const sent = await owner([song.path]);
    await sent.owner.limitUpload("0.2");
    const listener = await recipient(sent.link);
    await listener.listenLive.click();
    await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
    await expectHeard(sent.owner, listener);
    await listener.button("Download").click();
    await expect(sent.owner.recipients).toHaveCount(1);
    const listeners = sent.owner.playLive.getByRole("list", { name: "Listeners" }).getByRole("listitem");
    const row = from === "Recipients" ? sent.owner.recipients.first() : listeners.filter({ hasText: "Listener 1" });
    await row.getByRole("button", { name: "Remove" }).click();
    await listener.expectPhase("failed");
    await expect(listener.live).toHaveCount(0);
    await expect(listener.page.locator("video")).toHaveCount(0);
    await expect(listener.page.getByText("The sender removed you").first()).toBeVisible();
    await expect(sent.owner.recipients).toHaveCount(0);
    await expect(sent.owner.playLive).not.toContainText("1 person listens.");
    // Nor when this page asks again.
    await listener.listenLive.click();
    await expect(listener.live).toHaveCount(0);
    await expect(sent.owner.playLive).not.toContainText("1 person listens.");
  });
}

test("Limit speed holds for what is played live, and is divided between those who listen", async ({
  folder,
  owner,
  recipient,
}) => {
  const film = await makeMedia(folder, "film.webm", 120);
  const sent = await owner([film.path], {
    initScript: () => {
      const kept = window as unknown as { connections: RTCPeerConnection[] };
      kept.connections = [];
      window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(configuration?: RTCConfiguration) {
          super(configuration);
          kept.connections.push(this);
        }
      };
    },
  });
  /** What each listener is sent at most, in bits a second of sound and picture. */
  const rates = () =>
    sent.owner.page.evaluate(() => {
      const { connections } = window as unknown as { connections: RTCPeerConnection[] };
      const open = connections.filter((one) => one.connectionState === "connected" && one.getSenders().length === 2);
      return open.map((one) =>
        one.getSenders().map((sender) => `${sender.track?.kind} ${sender.getParameters().encodings[0]?.maxBitrate}`),
      );
    });
  /** Bits a second that go out, over two seconds. */
  const sends = () =>
    sent.owner.page.evaluate(async () => {
      const { connections } = window as unknown as { connections: RTCPeerConnection[] };
      const bytes = async () => {
        let sum = 0;
        for (const one of connections.filter((each) => each.connectionState === "connected")) {
          for (const report of (await one.getStats()).values() as Iterable<{ type: string; bytesSent: number }>) {
            if (report.type === "outbound-rtp") sum += report.bytesSent;
          }
        }
        return sum;
      };
      const before = await bytes();
      await new Promise((resolve) => setTimeout(resolve, 2000));
      return ((await bytes()) - before) * 4;
    });
  await sent.owner.limitUpload("0.4");
  const first = await recipient(sent.link);
  await first.listenLive.click();
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  await expect.poll(rates).toEqual([["audio 75000", "video 225000"]]);
  await sent.owner.limitUpload("1.6");
  await expect.poll(rates).toEqual([["audio 160000", "video 1040000"]]);
  const second = await recipient(sent.link);
  await second.listenLive.click();
  const half = ["audio 150000", "video 450000"];
  await expect.poll(rates).toEqual([half, half]);
  await sent.owner.limitUpload("");
  const free = ["audio undefined", "video undefined"];
  await expect.poll(rates).toEqual([free, free]);
  await sent.owner.limitUpload("0.4");
  await expect.poll(sends, { intervals: [0] }).toBeLessThan(400_000);
});

test("one thing sounds at a time, whichever was begun last", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 300);
  const sent = await owner([song.path]);
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  const listener = await recipient(sent.link);
  await listener.play();
  const own = () => listener.page.locator("audio").evaluate((audio: HTMLAudioElement) => audio.paused);
  await expect.poll(own).toBe(false);
  await listener.listenLive.click();
  await expectHeard(sent.owner, listener);
  expect(await own()).toBe(true);
  await listener.player.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(own).toBe(false);
  await expect(listener.live).toHaveCount(0);
  await expect(listener.page.locator("video")).toHaveCount(0);
  await expect(sent.owner.playLive).toContainText("Nobody listens yet.");
});

test("a video is seen live", async ({ folder, owner, recipient }) => {
  const film = await makeMedia(folder, "film.webm", 60);
  const sent = await owner([film.path]);
  const listener = await recipient(sent.link);
  await listener.listenLive.click();
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  const width = () => listener.page.locator("video").evaluate((element: HTMLVideoElement) => element.videoWidth);
  await expect.poll(width).toBeGreaterThan(0);
  await expect(listener.page.locator("video")).toBeVisible();
});

test("sound goes on while the server is away, and when the listener downloads besides", async ({
  folder,
  owner,
  recipient,
  server,
  allowErrors,
}) => {
  allowErrors(SOCKET_LOST, SERVER_AWAY);
  const song = await makeMedia(folder, "song.mp3", 300);
  const sent = await owner([song.path]);
  const listener = await recipient(sent.link);
  await listener.listenLive.click();
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  await expectHeard(sent.owner, listener);
  expect((await listener.download()).sha256).toBe(song.sha256);
  await expectSameTone(sent.owner, listener);
  await server.down("SIGKILL");
  await server.up();
  await seek(sent.owner, 83);
  await expectSameTone(sent.owner, listener);
  // Whoever is back at the server hears of the rest.
  await expect(sent.owner.playLive).toContainText("1 person listens.");
  await sent.owner.stopSharing();
  await expect(listener.page.getByText("The sender stopped sharing.")).toBeVisible();
});

test("a browser that cannot pass on what it plays says so, on both sides", async ({ folder, owner, recipient }) => {
  const song = await makeMedia(folder, "song.mp3", 20);
  const sent = await owner([song.path], {
    initScript: () => {
      for (const name of ["captureStream", "mozCaptureStream"]) {
        delete (HTMLMediaElement.prototype as unknown as Record<string, unknown>)[name];
      }
    },
  });
  await expect(sent.owner.page.getByText("This browser cannot play live to others")).toBeVisible();
  const listener = await recipient(sent.link);
  await expect(listener.page.getByText("The sender's browser cannot play live.")).toBeVisible();
  await expect(listener.listenLive).toHaveCount(0);
});

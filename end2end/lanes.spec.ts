/** Several connections between two browsers, each on a host of its own with a long line between them. */

import { makeFile } from "./fixtures/files.ts";
import { expect, Server, test } from "./fixtures/index.ts";
import { Owner, Recipient } from "./fixtures/room.ts";
import { launchOn } from "./fixtures/wan_browsers.ts";
import { Wan, whyNoWan } from "./fixtures/wan.ts";

const missing = whyNoWan();

/** For a page whose connections are to be counted and closed. */
function rememberConnections(): void {
  const made: RTCPeerConnection[] = [];
  Object.assign(window, { made });
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, words) {
      const connection = Reflect.construct(target, words) as RTCPeerConnection;
      made.push(connection);
      return connection;
    },
  });
}

test("a long line is shared by several connections, and one that breaks costs nobody the file", async ({ folder, engine }) => {
  test.skip(missing !== undefined, missing);
  const file = await makeFile(folder, "far.bin", 30_000_000);
  const wan = await Wan.create();
  const [near, far] = [wan.left[0]!, wan.right[0]!];
  try {
    const server = await Server.start({ LISTEN: `${far.address}:0` }, far.launcher(Server.binary, folder));
    const [here, there] = [await launchOn(near, engine, folder, server.url), await launchOn(far, engine, folder, server.url)];
    try {
      const sending = await here.newContext();
      await sending.addInitScript(rememberConnections);
      const owner = new Owner(await sending.newPage(), engine);
      await owner.page.goto(server.url);
      await owner.chooseFiles.setInputFiles(file.path);
      const context = await there.newContext({ acceptDownloads: true });
      const recipient = new Recipient(await context.newPage(), engine);
      await recipient.page.goto(await owner.share());
      await expect(recipient.button("Download")).toBeEnabled();
      await wan.set({ rttMs: 100 });
      const saved = recipient.saved(120_000);
      await recipient.button("Download").click();
      const open = () =>
        owner.page.evaluate(() => {
          const { made } = window as unknown as { made: RTCPeerConnection[] };
          return made.filter(({ connectionState }) => connectionState === "connected").length;
        });
      await expect.poll(open, { timeout: 45_000 }).toBeGreaterThanOrEqual(4);
      await owner.page.evaluate(() => {
        const { made } = window as unknown as { made: RTCPeerConnection[] };
        made.filter(({ connectionState }) => connectionState === "connected").at(-1)?.close();
      });
      expect((await saved).sha256).toBe(file.sha256);
      await recipient.expectPhase(/complete|seeding/);
    } finally {
      await here.close();
      await there.close();
      await server.remove();
    }
  } finally {
    await wan.remove();
  }
});

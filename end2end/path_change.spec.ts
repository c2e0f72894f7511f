/** A recipient whose machine gets another address in mid-transfer, as one does that leaves a building. */

import type { Browser } from "@playwright/test";
import { makeFile } from "./fixtures/files.ts";
import { expect, Server, test } from "./fixtures/index.ts";
import { Network, whyNoNamespaces, type Host } from "./fixtures/network.ts";
import { Owner, Recipient } from "./fixtures/room.ts";

const PATIENCE = 150_000;

type Watched = { connections: RTCPeerConnection[]; restarts: number };

/** Remembers every connection that a page makes, and how often one was told to find a new path. */
const watchConnections = () => {
  const watched = window as unknown as Watched;
  watched.connections = [];
  watched.restarts = 0;
  window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      watched.connections.push(this);
    }
    override restartIce(): void {
      watched.restarts++;
      super.restartIce();
    }
  };
};

/** How the page's first connection is, of those that were more than a look at what this browser can do. */
const first = ({ page }: Recipient) =>
  page.evaluate(() => (window as unknown as Watched).connections.find((one) => one.localDescription)?.connectionState);

const missing = whyNoNamespaces();

test.describe("a change of address", () => {
  test.skip(missing !== undefined, missing);
  test.skip(({ engine }) => engine !== "chromium", "Playwright's way to Firefox does not lead into a namespace");

  /** A sender, a server and a recipient that is on the move, in two hosts; ends with the right file. */
  const arrives = async (folder: string, move: (recipient: Recipient, far: Host) => Promise<void>) => {
    test.setTimeout(2 * PATIENCE);
    const file = await makeFile(folder, "moving.bin", 30e6);
    const network = await Network.create(2);
    const [near, far] = network.hosts as [Host, Host];
    let server: Server | undefined;
    const browsers: Browser[] = [];
    try {
      await near.capUpload(16);
      server = await Server.start({ LISTEN: `${near.address}:0` }, near.launcher(Server.binary, folder));
      for (const host of [near, far]) browsers.push(await host.chromium(folder, server.url));
      const [here, there] = browsers as [Browser, Browser];
      const owner = new Owner(await (await here.newContext()).newPage(), "chromium");
      await owner.page.goto(server.url);
      await owner.chooseFiles.setInputFiles(file.path);
      const link = await owner.share();
      const recipient = new Recipient(await (await there.newContext({ acceptDownloads: true })).newPage(), "chromium");
      await recipient.page.addInitScript(watchConnections);
      await recipient.page.goto(link);
      await expect(recipient.button("Download")).toBeEnabled();
      const saved = recipient.saved(PATIENCE);
      await recipient.button("Download").click();
      await expect(recipient.progress).toHaveAttribute("aria-valuenow", /^[2-9]\d$/);
      await move(recipient, far);
      expect((await saved).sha256).toBe(file.sha256);
    } finally {
      for (const browser of browsers) await browser.close();
      await server?.remove();
      await network.remove();
    }
  };

  test("in mid-transfer costs nobody a byte", async ({ folder }) => {
    // Within the connection if the browser finds the way in time, and over another if not.
    await arrives(folder, (_, far) => far.moveTo("10.77.0.99"));
  });

  test("after a time without any is followed within the connection", async ({ folder }) => {
    await arrives(folder, async (recipient, far) => {
      await recipient.button("Pause").click();
      await far.unplug();
      await expect.poll(() => first(recipient), { timeout: 30_000 }).toBe("disconnected");
      await far.moveTo("10.77.0.99");
      // One that was closed would stay so. There may be others: lanes of the same link.
      await expect.poll(() => first(recipient), { timeout: 30_000 }).toBe("connected");
      expect(await recipient.page.evaluate(() => (window as unknown as Watched).restarts)).toBeGreaterThan(0);
      await recipient.button("Resume").click();
    });
  });
});

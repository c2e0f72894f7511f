/** A browser that refuses a connection is told apart from a network that blocks one. */

import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const MB = 1_000_000;

/** Refuses what `window.refuses` says of the arguments of a connection. */
const refusing = () => {
  const Original = RTCPeerConnection;
  const page = window as unknown as { refuses?: (configuration?: RTCConfiguration) => boolean };
  window.RTCPeerConnection = class extends Original {
    constructor(configuration?: RTCConfiguration) {
      if (page.refuses?.(configuration)) throw new DOMException("not this one", "SyntaxError");
      super(configuration);
    }
  };
};
const SERVERS = () => {
  (window as unknown as { refuses: unknown }).refuses = (c?: RTCConfiguration) => !!c?.iceServers?.length;
};
const EVERYTHING = () => {
  (window as unknown as { refuses: unknown }).refuses = () => true;
};

test("addresses that the browser refuses do not keep two on one network apart", async ({ folder, serve, visitor, recipient }) => {
  const server = await serve({ STUN_URLS: "stun:127.0.0.1:3478" });
  const file = await makeFile(folder, "without.bin", MB);
  const owner = await visitor({ initScript: [refusing, SERVERS] });
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file.path);
  const one = await recipient(await owner.share(), { initScript: [refusing, SERVERS] });
  expect((await one.download()).sha256).toBe(file.sha256);
});

test("a browser that opens no connection is not called a firewall", async ({ folder, owner, recipient }) => {
  const sent = await owner([(await makeFile(folder, "never.bin", MB)).path]);
  const one = await recipient(sent.link, { initScript: refusing });
  await expect(one.files).toHaveCount(1);
  await one.page.evaluate(EVERYTHING);
  await one.button("Download").click();
  await one.expectPhase("failed");
  const alert = one.page.getByRole("alert");
  await expect(alert).toContainText("this browser did not open one");
  await expect(alert).not.toContainText(/firewall/i);
});

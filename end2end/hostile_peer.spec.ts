/**
 * A sender's page that was tampered with: whatever it sends, nothing false is saved.
 *
 * Its own `RTCDataChannel.send` is patched before any of our code runs, and misbehaves once per page. The frame of a
 * block is piece (u32), begin (u32), payload, as src/protocol/peer_wire.rs tells.
 */

import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

type Send = (data: ArrayBufferLike | ArrayBufferView<ArrayBuffer>) => void;

/** Replaces `send` of one kind of channel: the first message that `spoil` wants is sent as it makes it. */
declare global {
  interface Window {
    spoilOnce(label: string, spoil: (bytes: Uint8Array<ArrayBuffer>, send: (bytes: Uint8Array<ArrayBuffer>) => void) => boolean): void;
    spoiled: number;
  }
}

function helpers() {
  window.spoiled = 0;
  window.spoilOnce = (label, spoil) => {
    const original = RTCDataChannel.prototype.send as unknown as Send;
    RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
      const send = original.bind(this);
      const view = data as ArrayBuffer | Uint8Array<ArrayBuffer>;
      if (this.label !== label || window.spoiled > 0) return send(view);
      // A copy: the original may belong to a piece that is kept for others.
      const bytes = new Uint8Array(view instanceof ArrayBuffer ? view.slice(0) : view.slice());
      if (spoil(bytes, (changed) => send(changed))) window.spoiled += 1;
      else send(view);
    } as typeof RTCDataChannel.prototype.send;
  };
}

const ATTACKS: Record<string, () => void> = {
  "a corrupt block": () =>
    window.spoilOnce("blocks", (bytes, send) => {
      bytes[bytes.length - 1]! ^= 0xff;
      send(bytes);
      return true;
    }),
  "a block of a later piece that nobody asked for": () =>
    window.spoilOnce("blocks", (bytes, send) => {
      const stray = bytes.slice();
      new DataView(stray.buffer).setUint32(0, 7);
      send(stray);
      send(bytes);
      return true;
    }),
  "a block of a piece that does not exist": () =>
    window.spoilOnce("blocks", (bytes, send) => {
      const stray = bytes.slice();
      new DataView(stray.buffer).setUint32(0, 0xffff_fff0);
      send(stray);
      send(bytes);
      return true;
    }),
  "a block that begins outside of its piece": () =>
    window.spoilOnce("blocks", (bytes, send) => {
      const stray = bytes.slice();
      new DataView(stray.buffer).setUint32(4, 0xffff_0000);
      send(stray);
      send(bytes);
      return true;
    }),
  "a block shorter than its header": () =>
    window.spoilOnce("blocks", (bytes, send) => {
      send(bytes.slice(0, 5));
      send(bytes);
      return true;
    }),
  "garbage among the control messages": () =>
    window.spoilOnce("control", (bytes, send) => {
      send(crypto.getRandomValues(new Uint8Array(100)).fill(0xee, 0, 1));
      send(bytes);
      return true;
    }),
  "a record with a forged hash": () =>
    window.spoilOnce("control", (bytes, send) => {
      if (bytes[0] !== 9) return false;
      bytes[bytes.length - 1]! ^= 0xff;
      send(bytes);
      return true;
    }),
  "an empty control message": () =>
    window.spoilOnce("control", (bytes, send) => {
      send(new Uint8Array(0));
      send(bytes);
      return true;
    }),
};

for (const [attack, spoil] of Object.entries(ATTACKS)) {
  test(`${attack}: the download still ends right`, async ({ folder, visitor, recipient }) => {
    const file = await makeFile(folder, "target.bin", 6_000_001);
    const owner = await visitor({ initScript: [helpers, spoil] });
    await owner.chooseFiles.setInputFiles([file.path]);
    const one = await recipient(await owner.share());

    const saved = await one.download();

    expect(saved).toMatchObject({ name: "target.bin", bytes: file.bytes, sha256: file.sha256 });
    expect(await owner.page.evaluate(() => window.spoiled), "the attack took place").toBe(1);
  });
}

test("a sender who never stops lying ends nothing but its own share", async ({ folder, visitor, recipient }) => {
  const file = await makeFile(folder, "never.bin", 3_000_000);
  const owner = await visitor({
    initScript: () => {
      const original = RTCDataChannel.prototype.send as unknown as Send;
      RTCDataChannel.prototype.send = function (this: RTCDataChannel, data: unknown) {
        const view = data as ArrayBuffer | Uint8Array<ArrayBuffer>;
        const bytes = new Uint8Array(view instanceof ArrayBuffer ? view.slice(0) : view.slice());
        if (this.label === "blocks") bytes[bytes.length - 1]! ^= 0xff;
        return original.call(this, bytes);
      } as typeof RTCDataChannel.prototype.send;
    },
  });
  await owner.chooseFiles.setInputFiles([file.path]);
  const one = await recipient(await owner.share());
  let saved = false;
  one.saved().then(() => (saved = true), () => {});
  await one.button("Download").click();
  await one.expectPhase(/failed|waiting|reconnecting/);
  expect(saved).toBe(false);
});

/**
 * What the line of `fixtures/wan.ts` itself carries: UDP packets of 1200 bytes, as browsers send them, and one TCP stream,
 * from one host to the other. Whatever `bench wan` measures has to stay well below that.
 */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { test } from "./fixtures/index.ts";
import type { Host } from "./fixtures/network.ts";
import { Wan, whyNoWan } from "./fixtures/wan.ts";

const run = promisify(execFile);
const SECONDS = 5;
const missing = whyNoWan();

test("what the line carries", async () => {
  test.skip(missing !== undefined, missing);
  const wan = await Wan.create();
  const [near, far] = [wan.left[0]!, wan.right[0]!];
  try {
    await wan.set({ rttMs: 1 });
    console.log(`TCP: ${(await stream(near, far)).toFixed(0)} Mbit/s`);
    const before = await wan.set({ rttMs: 1 });
    await flood(near, far);
    const after = await wan.set({ rttMs: 1 });
    const [sent, lost] = [after.there.bytes - before.there.bytes, after.there.dropped - before.there.dropped];
    console.log(`UDP: ${((sent * 8) / SECONDS / 1e6).toFixed(0)} Mbit/s came through, ${lost} packets dropped by the line`);
  } finally {
    await wan.remove();
  }
});

/** Mbit/s of one TCP stream. */
async function stream(near: Host, far: Host): Promise<number> {
  const take = `
    let bytes = 0, began;
    require("net").createServer((s) => s.on("data", (d) => { began ??= performance.now(); bytes += d.length; })
      .on("close", () => { console.log(bytes * 8 / (performance.now() - began) / 1000); process.exit(); })
    ).listen(4000, "${far.address}", () => console.log("ready"));`;
  const taker = spawn("ip", ["netns", "exec", far.name, process.execPath, "-e", take], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  taker.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(taker.stdout, "data");
  const give = `
    const part = Buffer.alloc(1 << 16), socket = require("net").connect(4000, "${far.address}");
    const more = () => { while (socket.write(part)); };
    socket.on("connect", more).on("drain", more);
    setTimeout(() => { socket.destroy(); process.exit(); }, ${SECONDS * 1000});`;
  await run("ip", ["netns", "exec", near.name, process.execPath, "-e", give]);
  await once(taker, "exit");
  return Number(said.split("\n")[1]);
}

/** As many UDP packets as one program can send. */
async function flood(near: Host, far: Host): Promise<void> {
  const give = `
    const socket = require("dgram").createSocket("udp4"), part = Buffer.alloc(1200);
    const end = performance.now() + ${SECONDS * 1000};
    let waiting = 0;
    const more = () => {
      if (performance.now() > end) return socket.close();
      for (; waiting < 64; waiting++) socket.send(part, 4001, "${far.address}", () => waiting--);
      setImmediate(more);
    };
    more();`;
  await run("ip", ["netns", "exec", near.name, process.execPath, "-e", give]);
}

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
    console.log(`UDP: ${(await flood(near, far)).toFixed(0)} Mbit/s arrived`);
  } finally {
    await wan.remove();
  }
});

/** Mbit/s of one TCP stream. */
function stream(near: Host, far: Host): Promise<number> {
  const take = `
    let bytes = 0, began;
    require("net").createServer((s) => s.on("data", (d) => { began ??= performance.now(); bytes += d.length; })
      .on("close", () => { console.log(String(bytes * 8 / (performance.now() - began) / 1000)); process.exit(); })
    ).listen(4000, "${far.address}", () => console.log("ready"));`;
  const give = `
    const part = Buffer.alloc(1 << 16), socket = require("net").connect(4000, "${far.address}");
    const more = () => { while (socket.write(part)); };
    socket.on("connect", more).on("drain", more);
    setTimeout(() => { socket.destroy(); process.exit(); }, ${SECONDS * 1000});`;
  return between(near, far, give, take);
}

/** Mbit/s that arrive of as many UDP packets as one program can send. */
function flood(near: Host, far: Host): Promise<number> {
  const take = `
    let bytes = 0, began, last;
    const socket = require("dgram").createSocket({ type: "udp4", recvBufferSize: 1 << 22 });
    const done = () => { console.log(String(bytes * 8 / (last - began) / 1000)); process.exit(); };
    let quiet;
    socket.on("message", (d) => {
      began ??= performance.now();
      last = performance.now();
      bytes += d.length;
      quiet ??= setInterval(() => performance.now() - last > 500 && done(), 100);
    });
    socket.bind(4001, "${far.address}", () => console.log("ready"));`;
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
  return between(near, far, give, take);
}

/** Starts one program there and one here; answers the number that the one there says at its end. */
async function between(near: Host, far: Host, give: string, take: string): Promise<number> {
  const inside = (host: Host, script: string) => ["netns", "exec", host.name, process.execPath, "-e", script];
  const taker = spawn("ip", inside(far, take), { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  taker.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(taker, "close");
  await once(taker.stdout, "data");
  await run("ip", inside(near, give));
  await ended;
  return Number(said.split("\n")[1]);
}

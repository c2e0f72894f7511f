/** What the service worker answers, request by request (RFC 9110, section 14). */

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Page } from "@playwright/test";
import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const BYTES = 700_000;

type Answer = { status: number; headers: Record<string, string>; bytes: number; sha256: string };

/** Asks as a player would, from inside the page. */
async function ask(page: Page, address: string, range?: string, method = "GET"): Promise<Answer> {
  return page.evaluate(
    async ([address, range, method]) => {
      const answer = await fetch(address!, { method: method!, headers: range === undefined ? {} : { Range: range } });
      const body = await answer.arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
      const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      return { status: answer.status, headers: Object.fromEntries(answer.headers), bytes: body.byteLength, sha256 };
    },
    [address, range, method],
  );
}

const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("every range is answered exactly, and never with the whole file", async ({ folder, owner, recipient, allowErrors }) => {
  // Browsers write every 4xx into the console.
  allowErrors(/status of 4\d\d/);
  const file = await makeFile(folder, "noise.mp3", BYTES);
  const content = await readFile(file.path);
  await writeFile(path.join(folder, "empty.mp3"), "");
  await writeFile(path.join(folder, "page.html"), "<script>alert(1)</script>");
  const paths = [file.path, path.join(folder, "empty.mp3"), path.join(folder, "page.html")];
  const { link } = await owner(paths);
  const { page, ...one } = await recipient(link);
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  const room = new URL(link).pathname.split("/")[2]!;
  const address = `/media/${room}/0`;
  await page.getByRole("button", { name: "Download", exact: true }).click();
  void one;

  const last = BYTES - 1;
  const parts: [string, number, number][] = [
    ["bytes=0-", 0, last],
    ["bytes=0-0", 0, 0],
    ["bytes=0-1", 0, 1],
    ["bytes=262143-262144", 262_143, 262_144],
    ["bytes=100-600099", 100, 600_099],
    ["bytes=600000-", 600_000, last],
    [`bytes=${last}-`, last, last],
    [`bytes=${last}-${last}`, last, last],
    ["bytes=500000-99999999999", 500_000, last],
    ["bytes=-1", last, last],
    ["bytes=-1000", BYTES - 1000, last],
    ["bytes=-99999999", 0, last],
    ["Bytes=5-6", 5, 6],
    ["bytes=99999999-, 7-8", 7, 8],
  ];
  for (const [range, first, end] of parts) {
    const answer = await ask(page, address, range);
    const { status, headers, bytes, sha256 } = answer;
    expect({ range, status, part: headers["content-range"], bytes, sha256 }).toEqual({
      range,
      status: 206,
      part: `bytes ${first}-${end}/${BYTES}`,
      bytes: end - first + 1,
      sha256: hash(content.subarray(first, end + 1)),
    });
    expect(headers["content-length"]).toBe(String(bytes));
    expect(headers["content-type"]).toBe("audio/mpeg");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["content-security-policy"]).toContain("sandbox");
    expect(headers["accept-ranges"]).toBe("bytes");
    expect(headers["cache-control"]).toBe("no-store");
  }

  for (const range of [`bytes=${BYTES}-`, "bytes=99999999-99999999", "bytes=-0", "bytes=6-5", "bytes=", "bytes=a-b", "items=0-1", "x"]) {
    const { status, headers, bytes } = await ask(page, address, range);
    expect({ range, status, part: headers["content-range"], bytes }).toEqual({ range, status: 416, part: `bytes */${BYTES}`, bytes: 0 });
  }

  const whole = await ask(page, address);
  expect({ status: whole.status, sha256: whole.sha256, part: whole.headers["content-range"] }).toEqual({
    status: 200,
    sha256: file.sha256,
    part: undefined,
  });
  const head = await ask(page, address, undefined, "HEAD");
  expect({ status: head.status, length: head.headers["content-length"] }).toEqual({ status: 200, length: String(BYTES) });
  expect((await ask(page, address, undefined, "POST")).status).toBe(405);

  const empty = await ask(page, `/media/${room}/1`, "bytes=0-");
  expect({ status: empty.status, part: empty.headers["content-range"] }).toEqual({ status: 416, part: "bytes */0" });
  expect(await ask(page, `/media/${room}/1`)).toMatchObject({ status: 200, bytes: 0 });

  // What is only saved is not there, nor is what does not exist; and nothing is there as a document.
  for (const other of [`/media/${room}/2`, `/media/${room}/3`, "/media/AAAAAAAAAAAAAAAA/0"]) {
    expect((await ask(page, other)).status, other).toBe(404);
  }
  const document = await page.context().newPage();
  const visited = await document.goto(new URL(address, link).href);
  expect(visited?.status()).toBe(404);
});

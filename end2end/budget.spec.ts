/** The first page is small, and so is what comes later, counted as it comes over the wire. */

import http from "node:http";
import type { Page } from "@playwright/test";
import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

/** Bytes that the first page may never take. */
const LIMIT = 250_000;
/** Bytes that it takes, and a little more. */
const FIRST_PAGE = 100_000;
/** The same for what is fetched so that Create link can be pressed. */
const CREATE_LINK = 310_000;

test("the first page stays within its budget", async ({ visitor, server, engine }) => {
  test.skip(engine === "firefox", "the same bytes");
  const owner = await visitor();
  // Everything comes again, as at the first visit: a reload only asks for what may have changed.
  const fresh = await owner.page.context().newPage();
  const asked = addresses(fresh);
  await fresh.goto(server.url);
  await expect(fresh.getByRole("button", { name: "Create link" })).toBeVisible();
  await fresh.waitForLoadState("networkidle");

  const sizes = await wireSizes([...asked, `${server.url}/`]);
  const total = sum(sizes);
  console.log(`first page: ${total} bytes on the wire ${JSON.stringify(sizes)}`);
  for (const ending of [".wasm", ".js", ".css"]) {
    expect(Object.keys(sizes).some((path) => path.endsWith(ending)), `${ending} is counted`).toBe(true);
  }
  expect(Object.keys(sizes).filter((path) => path.includes("/sender."))).toEqual([]);
  expect(FIRST_PAGE).toBeLessThan(LIMIT);
  expect(total).toBeLessThan(FIRST_PAGE);
});

test("what makes a link comes with the first file, once and within its budget", async ({ folder, visitor, engine }) => {
  test.skip(engine === "firefox", "the same bytes");
  const files = [await makeFile(folder, "a.txt", 10), await makeFile(folder, "b.txt", 10)];
  const owner = await visitor();
  await owner.page.waitForLoadState("networkidle");
  const asked = addresses(owner.page);
  for (const [index, file] of files.entries()) {
    await owner.chooseFiles.setInputFiles([file.path]);
    await expect(owner.chosen).toHaveCount(index + 1);
  }
  await expect.poll(() => asked.filter((url) => url.endsWith("/sender.wasm"))).toHaveLength(1);
  await owner.share();
  const code = asked.filter((url) => new URL(url).pathname.startsWith("/pkg/"));
  expect(code.map((url) => url.split("/").pop())).toEqual(["sender.js", "sender.wasm"]);
  const sizes = await wireSizes(code);
  console.log(`Create link: ${sum(sizes)} bytes on the wire ${JSON.stringify(sizes)}`);
  expect(sum(sizes)).toBeLessThan(CREATE_LINK);
});

/** Addresses that a page asks for from now on. */
function addresses(page: Page): string[] {
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  return asked;
}

async function wireSizes(urls: string[]): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const url of new Set(urls)) sizes[new URL(url).pathname] = await wireBytes(url);
  return sizes;
}

function sum(sizes: Record<string, number>): number {
  return Object.values(sizes).reduce((sum, size) => sum + size, 0);
}

/** Bytes of the answer's body as sent, which browsers and `fetch` only show decoded. */
function wireBytes(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "accept-encoding": "gzip, deflate, br" };
    const request = http.get(url, { headers }, (answer) => {
      let bytes = 0;
      answer.on("data", (part: Buffer) => (bytes += part.length));
      answer.on("end", () => resolve(bytes));
      answer.on("error", reject);
    });
    request.on("error", reject);
  });
}

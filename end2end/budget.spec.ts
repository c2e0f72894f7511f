/** The first page is small, counted as it comes over the wire. */

import http from "node:http";
import { expect, test } from "./fixtures/index.ts";

/** Bytes. */
const BUDGET = 250_000;

test("the first page stays within its budget", async ({ visitor, server, engine }) => {
  test.skip(engine === "firefox", "the same bytes");
  const asked: string[] = [];
  const owner = await visitor();
  owner.page.on("request", (request) => asked.push(request.url()));
  // Everything comes again, as at the first visit: a reload only asks for what may have changed.
  const fresh = await owner.page.context().newPage();
  fresh.on("request", (request) => asked.push(request.url()));
  await fresh.goto(server.url);
  await expect(fresh.getByRole("button", { name: "Create link" })).toBeVisible();
  await fresh.waitForLoadState("networkidle");

  const sizes: Record<string, number> = {};
  for (const url of new Set([...asked, `${server.url}/`])) sizes[new URL(url).pathname] = await wireBytes(url);
  const total = Object.values(sizes).reduce((sum, size) => sum + size, 0);
  console.log(`first page: ${total} bytes on the wire ${JSON.stringify(sizes)}`);
  for (const ending of [".wasm", ".js", ".css"]) {
    expect(Object.keys(sizes).some((path) => path.endsWith(ending)), `${ending} is counted`).toBe(true);
  }
  expect(total).toBeLessThan(BUDGET);
});

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

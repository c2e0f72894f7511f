/** What the server tells browsers, and what pages do not do. */

import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const PAGES = ["/", "/room/AAAAAAAAAAAAAAAA", "/no/such/page"];

for (const path of PAGES) {
  test(`headers of ${path}`, async ({ server }) => {
    const answer = await fetch(server.url + path);
    const header = (name: string) => answer.headers.get(name) ?? "";
    const policy = header("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).toContain("object-src 'none'");
    expect(policy).toMatch(/script-src 'self' 'nonce-[\w+/=-]{16,}' 'wasm-unsafe-eval'/);
    expect(policy).not.toContain("unsafe-inline");
    expect(policy).not.toMatch(/'unsafe-eval'|\*/);
    expect(header("x-content-type-options")).toBe("nosniff");
    expect(header("referrer-policy")).toBe("no-referrer");
    expect(header("cross-origin-opener-policy")).toBe("same-origin");
    expect(header("permissions-policy")).toContain("camera=()");
    expect(header("server")).toBe("");
    // A nonce that came twice would let injected scripts through.
    const nonce = /'nonce-([^']+)'/.exec(policy)?.[1];
    const again = await fetch(server.url + path);
    expect(again.headers.get("content-security-policy")).not.toContain(nonce!);
  });
}

test("a script that was injected does not run", async ({ visitor, allowErrors }) => {
  allowErrors(/Content[ -]Security[ -]Policy/i);
  const { page } = await visitor();
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
  });
  expect(await page.evaluate(() => "injected" in window)).toBe(false);
});

test("no page asks anybody but its own server", async ({ folder, visitor, recipient, server }) => {
  const file = await makeFile(folder, "a.bin", 100_000);
  const owner = await visitor();
  await owner.chooseFiles.setInputFiles([file.path]);
  const one = await recipient(await owner.share());
  await one.download();
  for (const { page } of [owner, one]) {
    // What the page's own timeline knows includes what it fetched before anybody listened.
    const asked = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.filter((url) => !url.startsWith(`${server.url}/`) && !url.startsWith("blob:"))).toEqual([]);
  }
});

test("a room's page opens no socket before Download", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "a.bin", 100_000);
  const { link } = await owner([file.path]);
  const one = await recipient(link, {
    initScript: () => {
      const opened: string[] = [];
      Object.assign(window, {
        opened,
        WebSocket: class extends WebSocket {
          constructor(url: string | URL, protocols?: string | string[]) {
            opened.push(String(url));
            super(url, protocols);
          }
        },
      });
    },
  });
  const opened = () => one.page.evaluate(() => (window as unknown as { opened: string[] }).opened);
  await expect(one.files).toHaveCount(1);
  expect(await opened()).toEqual([]);
  await one.download();
  expect(await opened()).toHaveLength(1);
});

test("pages of another origin cannot create a room", async ({ server }) => {
  const answer = await fetch(`${server.url}/api/rooms`, {
    method: "POST",
    headers: { origin: "https://evil.example", "content-type": "application/json" },
    body: "{}",
  });
  expect(answer.status).toBe(403);
});

test("a list of files that the server changed is not taken", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "a.bin", 1000);
  const { link } = await owner([file.path]);
  const one = await recipient(link, {
    initScript: () => {
      const ask = window.fetch;
      window.fetch = async (...asked) => {
        const answer = await ask(...asked);
        if (!answer.url.endsWith("/manifest")) return answer;
        const bytes = new Uint8Array(await answer.arrayBuffer());
        bytes[bytes.length >> 1]! ^= 1;
        return new Response(bytes, { status: answer.status, headers: answer.headers });
      };
    },
  });
  await expect(one.page.getByText("This link does not open the room")).toBeVisible();
  await expect(one.files).toHaveCount(0);
});

test("signals that the server changed connect nobody", async ({ folder, owner, recipient }) => {
  const file = await makeFile(folder, "a.bin", 1000);
  const { link } = await owner([file.path]);
  const one = await recipient(link, {
    initScript: () => {
      const seen = { changed: 0, described: 0 };
      Object.assign(window, { seen });
      const own = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "data")!.get!;
      Object.defineProperty(MessageEvent.prototype, "data", {
        get() {
          const data = own.call(this);
          if (typeof data !== "string" || !data.includes('"sealed":"')) return data;
          seen.changed += 1;
          // One letter of the ciphertext, which begins behind number and nonce.
          return data.replace(/("sealed":"[^"]{60})(.)/, (_, before, letter) => before + (letter === "A" ? "B" : "A"));
        },
      });
      const describe: (description: RTCSessionDescriptionInit) => Promise<void> =
        RTCPeerConnection.prototype.setRemoteDescription;
      RTCPeerConnection.prototype.setRemoteDescription = function (description: RTCSessionDescriptionInit) {
        seen.described += 1;
        return describe.call(this, description);
      };
    },
  });
  await one.button("Download").click();
  const seen = () => one.page.evaluate(() => (window as unknown as { seen: Record<string, number> }).seen);
  // The answer and at least one way to connect.
  await expect.poll(async () => (await seen())["changed"]).toBeGreaterThan(1);
  expect((await seen())["described"]).toBe(0);
});

test("the log holds no name, key, password or token", async ({ folder, owner, recipient, server }) => {
  const file = await makeFile(folder, "very-private-name.bin", 1000);
  const sent = await owner([file.path], { password: "very private password" });
  const one = await recipient(sent.link);
  await one.unlock("very private password");
  await one.download();
  expect(server.log).toContain("room created");
  expect(server.log).not.toContain("very-private");
  expect(server.log).not.toContain("very private");
  expect(server.log).not.toContain(new URL(sent.link).hash.slice(1));
});

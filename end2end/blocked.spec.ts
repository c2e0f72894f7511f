/** The page's own code is in the way of nobody without a word: blocked, broken, or not run by this browser. */

import type { Page, Route } from "@playwright/test";
import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const NOT_LOADED = /A part of this page could not be loaded/;

/** What may happen to a file on its way. */
const fates: Record<string, (route: Route) => Promise<void>> = {
  blocked: (route) => route.abort(),
  gone: (route) => route.fulfill({ status: 404, body: "" }),
  another: (route) => route.fulfill({ status: 200, body: "Please log in to the network", contentType: "text/html" }),
};

/** Says so, where a person and a screen reader look, and offers nothing that does not work. */
const saysSo = async (page: Page, sentence: RegExp) => {
  await expect(page.getByRole("alert").filter({ hasText: sentence })).toBeVisible();
  for (const island of await page.locator("leptos-island").all()) await expect(island).toHaveAttribute("inert", "");
};

for (const [fate, act] of Object.entries(fates)) {
  for (const ending of ["wasm", "js"]) {
    test(`a ${ending} file that is ${fate} is told on both pages`, async ({ folder, owner, open, allowErrors }) => {
      allowErrors(/./);
      const sent = await owner([(await makeFile(folder, "not here.bin", 1000)).path]);
      for (const address of ["/", sent.link]) {
        const page = await open("about:blank");
        await page.route(new RegExp(`/pkg/[^/]+/(home|transfer4me)\\.${ending}$`), act);
        await page.goto(new URL(address, sent.link).href);
        await saysSo(page, NOT_LOADED);
        if (address !== "/") await expect(page.locator("html")).toHaveAttribute("data-phase", "failed");
      }
    });
  }
}

test("a browser without WebAssembly is told so on both pages", async ({ folder, owner, open, allowErrors }) => {
  allowErrors(/./);
  const sent = await owner([(await makeFile(folder, "not here.bin", 1000)).path]);
  const initScript = () => void Reflect.deleteProperty(window, "WebAssembly");
  for (const address of ["/", sent.link]) {
    await saysSo(await open(address, { initScript }), /does not run WebAssembly/);
  }
});

test("a page whose code came says nothing of it", async ({ folder, owner, recipient }) => {
  const sent = await owner([(await makeFile(folder, "here.bin", 1000)).path]);
  const one = await recipient(sent.link);
  await one.download();
  await expect(one.page.getByText(NOT_LOADED)).toHaveCount(0);
  await expect(one.page.locator("html")).toHaveAttribute("data-hydrated", "");
});

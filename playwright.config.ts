import { defineConfig } from "@playwright/test";
import type { Options } from "./end2end/fixtures/index.ts";

const results = "end2end/results";

/**
 * Every journey runs in Chromium and in Firefox. Pages that must work without scripts run in Chromium with scripts
 * switched off. Measurements run only when asked for by `make bench-…`.
 */
export default defineConfig<Options>({
  testDir: "end2end",
  outputDir: `${results}/artifacts`,
  // A test that passes at the second try hides what a person would have met at the first.
  retries: 0,
  // Browsers, sender and recipient at once: two cores have enough to do with one test. Sound falls behind with two.
  workers: 1,
  fullyParallel: false,
  // Far above what anything takes, so that a busy machine fails nothing; they end what hangs.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  globalTimeout: 70 * 60_000,
  forbidOnly: !!process.env.CI,
  reporter: [["line"], ["json", { outputFile: `${results}/results.json` }]],
  projects: process.env.T4M_BENCH
    ? [{ name: "bench", testMatch: "*.bench.ts", timeout: 30 * 60_000 }]
    : [
        {
          name: "chromium",
          testMatch: "*.spec.ts",
          testIgnore: "*.nojs.spec.ts",
          use: { engine: "chromium" },
        },
        {
          name: "firefox",
          testMatch: "*.spec.ts",
          testIgnore: "*.nojs.spec.ts",
          use: { engine: "firefox" },
        },
        { name: "no-javascript", testMatch: "*.nojs.spec.ts", use: { engine: "chromium", scripts: false } },
      ],
});

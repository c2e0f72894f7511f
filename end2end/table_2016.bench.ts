/**
 * The table of the 2016 report: sizes by recipients at once, in both browsers, all on one machine. Its times ran from
 * the offer to the file being there; ours run from the click on Download until the page says that it is complete, which
 * holds the join and the verification as well. A failure fails the run.
 */

import { Browsers, type Engine } from "./fixtures/browsers.ts";
import { makeFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";
import { Owner, Recipient } from "./fixtures/room.ts";

const MEGABYTES = [0.1, 0.5, 1, 5, 10, 50, 100];
const PATIENCE = 15 * 60_000;

const rows: [Engine, number, number][] = [];
for (const engine of ["chromium", "firefox"] as const) {
  for (const megabytes of MEGABYTES) for (const users of [1, 5]) rows.push([engine, megabytes, users]);
  rows.push([engine, 1000, 1]);
}

for (const [engine, megabytes, users] of rows) {
  test(`${engine}, ${megabytes} MB, ${users} at once`, async ({ server, folder }) => {
    const [here, there] = [new Browsers(), new Browsers()];
    const file = await makeFile(folder, "table.bin", megabytes * 1e6);
    const owner = new Owner(await (await here.context(engine)).newPage(), engine);
    await owner.page.goto(server.url);
    await owner.chooseFiles.setInputFiles(file.path);
    const link = await owner.share();
    const recipients: Recipient[] = [];
    for (let n = 0; n < users; n++) {
      const one = new Recipient(await (await there.context(engine)).newPage(), engine);
      await one.page.goto(link);
      await expect(one.button("Download")).toBeEnabled();
      recipients.push(one);
    }
    const seconds = await Promise.all(
      recipients.map(async (one) => {
        const began = performance.now();
        const saved = one.saved(PATIENCE);
        await one.button("Download").click();
        await one.expectPhase(/complete|seeding/, PATIENCE);
        const took = (performance.now() - began) / 1000;
        expect((await saved).sha256).toBe(file.sha256);
        return took;
      }),
    );
    const mean = seconds.reduce((sum, one) => sum + one, 0) / users;
    console.log(`${engine}, ${megabytes} MB, ${users} at once: mean ${mean.toFixed(2)} s, no failure`);
    await here.close();
    await there.close();
  });
}

/** The server goes away while a transfer runs, or says less than usual. */

import { makeFile } from "./fixtures/files.ts";
import { expect, SERVER_AWAY, SOCKET_LOST, test } from "./fixtures/index.ts";

const MIB = 1 << 20;

test("a transfer goes on while the server is away, and both come back to it", async ({
  visitor,
  recipient,
  folder,
  serve,
  allowErrors,
}) => {
  allowErrors(SOCKET_LOST, SERVER_AWAY);
  const server = await serve();
  const file = await makeFile(folder, "large.bin", 24 * MIB);
  const owner = await visitor();
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file.path);
  const someone = await recipient(await owner.share());
  const saved = someone.saved();
  await someone.button("Download").click();
  await expect(someone.progress).toHaveAttribute("aria-valuenow", /[1-9]/);
  await someone.button("Pause").click();
  await someone.expectPhase("paused");
  await server.down();
  await someone.button("Resume").click();
  expect((await saved).sha256).toBe(file.sha256);
  await someone.expectPhase(/complete|seeding/);
  await server.up();
  // The owner is served a roster again, which shows that both found their way back.
  await expect(owner.recipients.filter({ hasText: "complete" })).toHaveCount(1, { timeout: 90_000 });
});

test("peers find each other without trickling", async ({ visitor, recipient, folder, serve }) => {
  const server = await serve({ TRICKLE_ICE: "false" });
  const file = await makeFile(folder, "small.bin", MIB);
  const owner = await visitor();
  await owner.page.goto(server.url);
  await owner.chooseFiles.setInputFiles(file.path);
  const someone = await recipient(await owner.share());
  expect((await someone.download()).sha256).toBe(file.sha256);
});

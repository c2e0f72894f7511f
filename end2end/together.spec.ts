/** Everyone who listens together is at the same place of a copy of their own, whoever leads. */

import { expect, test, type Engine, type Recipient } from "./fixtures/index.ts";
import { makeMedia, offset } from "./fixtures/media.ts";

/** Seconds by which two may be apart on one network. */
const APART = 0.15;

const media = (one: Recipient) => one.page.locator("audio, video");

async function apart(one: Recipient, other: Recipient): Promise<number> {
  const [here, there] = await Promise.all([offset(one.page), offset(other.page)]);
  return Math.abs(here - there);
}

/** They come to the same place, and are there each of five times that one looks. */
async function expectTogether(one: Recipient, other: Recipient): Promise<void> {
  const furthest = async () => {
    let most = 0;
    for (let time = 0; time < 5; time++) most = Math.max(most, await apart(one, other));
    return most;
  };
  await expect.poll(furthest, { timeout: 45_000 }).toBeLessThan(APART);
}

const place = (one: Recipient) => media(one).evaluate((element: HTMLMediaElement) => element.currentTime);

const join = (one: Recipient) => one.page.getByRole("button", { name: "Listen together" }).click();

for (const [lead, follow] of [
  ["chromium", "chromium"],
  ["chromium", "firefox"],
  ["firefox", "firefox"],
  ["firefox", "chromium"],
] satisfies [Engine, Engine][]) {
  test(`${lead} leads ${follow}: play, seek, pause, next, leaving`, async ({ folder, owner, recipient, engine }) => {
    test.skip(engine !== lead, "runs in its leader's project");
    const one = await makeMedia(folder, "1 first.mp3", 300);
    const two = await makeMedia(folder, "2 second.mp3", 300);
    const sent = await owner([one.path, two.path]);
    const leader = await recipient(sent.link, { engine: lead });
    const follower = await recipient(sent.link, { engine: follow });
    await join(leader);
    await expect(leader.together).toContainText("You lead; with you: nobody else yet.");
    await join(follower);
    await expect(leader.together).toContainText("You lead; with you: 1 other.");
    await expect(follower.together).toContainText("plays nothing yet");

    await leader.play();
    await expect(follower.player).toContainText("1 first.mp3");
    await expectTogether(leader, follower);
    await expect(follower.together).toContainText("You follow");
    await expect(follower.player.getByRole("button", { name: "Pause" })).toBeDisabled();

    await leader.seek(205);
    await expectTogether(leader, follower);
    expect(await place(follower)).toBeGreaterThan(204);

    await leader.player.getByRole("button", { name: "Pause" }).click();
    await expect.poll(() => media(follower).evaluate((element: HTMLMediaElement) => element.paused)).toBe(true);
    await expect.poll(async () => Math.abs((await place(leader)) - (await place(follower)))).toBeLessThan(APART);

    await leader.player.getByRole("button", { name: "Next" }).click();
    await expect(follower.player).toContainText("2 second.mp3");
    await expectTogether(leader, follower);

    // The place of whoever leads passes on, and the music does not stop.
    await leader.page.close();
    await expect(follower.together).toContainText("You lead; with you: nobody else yet.");
    await expect(follower.player.getByRole("button", { name: "Pause" })).toBeEnabled();
    await follower.seek(60);
    expect(await place(follower)).toBeGreaterThanOrEqual(60);
    await follower.page.getByRole("button", { name: "Stop listening together" }).click();
    await expect(follower.page.getByRole("button", { name: "Listen together" })).toBeVisible();
    expect(await media(follower).evaluate((element: HTMLMediaElement) => element.playbackRate)).toBe(1);
  });
}

/** Recordings as browsers make them do not say how long they are. They are sought in all the same. */

import { expect, test, type Recipient } from "./fixtures/index.ts";
import { hear, listen, makeMedia, STEP, toneAt } from "./fixtures/media.ts";

/** It sounds like the second at which it is, and that is one of the ten from here. */
async function expectRightTone(listener: Recipient, from: number): Promise<void> {
  const heard = async () => {
    const { hertz, seconds } = await hear(listener.page);
    const near = seconds % STEP;
    if (seconds < from || seconds > from + STEP || near < 0.5 || near > STEP - 0.2) return `second ${seconds}`;
    return Math.abs(hertz - toneAt(seconds)) < 12 ? "right" : `${hertz} Hz at second ${seconds}`;
  };
  await expect.poll(heard, { timeout: 45_000, intervals: [100] }).toBe("right");
}

const slider = (one: Recipient) => one.player.getByRole("slider", { name: "Seek" });

test("a recording of unknown length shows it, is sought in, and goes on after a reload", async ({
  folder,
  owner,
  recipient,
}) => {
  // No duration, no index, and clusters of unknown size.
  const film = await makeMedia(folder, "recorded.webm", 180, ["-live", "1"]);
  const one = await recipient((await owner([film.path])).link);
  await one.play();
  await listen(one.page);
  await one.expectPhase(/complete|seeding/);
  await expect(slider(one)).toHaveAttribute("aria-valuetext", /of 3:00$/);
  await one.seek(123);
  await expectRightTone(one, 120);
  await one.seek(42);
  await expectRightTone(one, 40);
  await one.seek(152);
  await expectRightTone(one, 150);
  await one.player.getByRole("button", { name: "Pause" }).click();
  await one.page.reload();
  await one.play();
  await listen(one.page);
  await expectRightTone(one, 150);
  await expect(slider(one)).toHaveAttribute("aria-valuetext", /^2:3\d of 3:00$/);
  // The element that looked for the length is gone.
  await expect(one.page.locator("video")).toHaveCount(1);
});

test("the sender seeks in a recording of unknown length that it plays live", async ({ folder, owner }) => {
  const film = await makeMedia(folder, "recorded.webm", 180, ["-live", "1"]);
  const sent = await owner([film.path]);
  await sent.owner.playLive.getByRole("button", { name: "Play live" }).click();
  const seek = sent.owner.playLive.getByRole("slider", { name: "Seek" });
  await expect(seek).toHaveAttribute("aria-valuetext", /of 3:00$/);
  await seek.fill("123");
  await expect(seek).toHaveAttribute("aria-valuetext", /^2:0\d of 3:00$/);
});

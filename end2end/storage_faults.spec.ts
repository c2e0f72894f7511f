/**
 * A disk that fails, in every way and at any moment: what is called saved is right, or the page says a sentence. Nothing that
 * was here is lost by it.
 */

import { FailingDisk, places, type Fault } from "./fixtures/faults.ts";
import { makeFile, type KnownFile } from "./fixtures/files.ts";
import { expect, test } from "./fixtures/index.ts";

const MIB = 1 << 20;
/** The places of one run; another is tried by T4M_FAULT_SEED. */
const SEED = Number(process.env.T4M_FAULT_SEED ?? 19);
const POINTS = 5;

type Kind = Omit<Fault, "at">;

const kind = (call: string, how: string, lasts = false): Kind => ({ call, how, lasts });

const KINDS = {
  "a full disk": [
    kind("write", "short", true),
    kind("write", "negative", true),
    kind("write", "zero", true),
    kind("write", "QuotaExceededError", true),
  ],
  "a write that goes wrong": [
    kind("write", "undefined"),
    kind("write", "NoModificationAllowedError"),
    kind("write", "nothing"),
    kind("write", "wrong"),
    kind("write", "wrong", true),
  ],
  "a file that does not do as it is told": [
    kind("flush", "QuotaExceededError"),
    kind("truncate", "QuotaExceededError"),
    kind("close", "InvalidStateError"),
    kind("getSize", "InvalidStateError"),
    kind("createSyncAccessHandle", "InvalidStateError"),
  ],
  "a file that cannot be read": [
    kind("getFile", "NotReadableError", true),
    kind("getFile at once", "NotReadableError", true),
    kind("read", "short"),
    kind("read", "InvalidStateError"),
    kind("read back", "short"),
    kind("read back", "wrong"),
    kind("read back", "NotReadableError", true),
  ],
};

/** One download with one fault: it arrives right, or a sentence is said and trying again makes it right. */
async function tryOut(disk: FailingDisk, file: KnownFile, fault: Fault): Promise<{ failed: number; said: string }> {
  const { someone, page } = disk;
  disk.use(fault);
  await disk.openAnew();
  // Whatever is saved first has to be right: a wrong file is never followed by a right one.
  const saved = someone.saved(20_000);
  await someone.button("Download").click();
  const called = page.getByText("Saved as");
  const alert = page.getByRole("alert");
  await expect(called.or(alert).first()).toBeVisible();
  const said = (await alert.isVisible()) ? await alert.innerText() : "";
  const { failed } = await disk.counts();
  if (said) {
    expect(said).toMatch(/cannot store any more|does not give back|did not start/);
    await someone.expectPhase("failed");
    await expect(called).toBeHidden();
    disk.use(null);
    await someone.button("Try again").click();
    await expect(called).toBeVisible();
  }
  expect((await saved).sha256).toBe(file.sha256);
  await someone.expectPhase(/complete|seeding/);
  return { failed, said };
}

for (const [name, kinds] of Object.entries(KINDS)) {
  test(`${name} never passes for a file that is saved`, async ({ owner, recipient, folder, allowErrors }) => {
    test.setTimeout(240_000);
    // What is thrown past the worker's own code is reported there as well.
    allowErrors(/injected/);
    const file = await makeFile(folder, "small.bin", 5 * MIB + 17);
    const { link } = await owner([file.path]);
    const disk = await FailingDisk.of(await recipient("/"), link);
    await disk.openAnew();
    await disk.someone.download();
    const { calls } = await disk.counts();
    console.log(`seed ${SEED}; calls of one download: ${JSON.stringify(calls)}`);
    for (const [number, one] of kinds.entries()) {
      let failures = 0;
      const outcomes: string[] = [];
      for (const at of places(SEED + number, POINTS, calls[one.call] ?? 0)) {
        const { failed, said } = await test.step(`${one.call} ${one.how} at ${at}`, () =>
          tryOut(disk, file, { ...one, at }),
        );
        failures += failed;
        outcomes.push(`${at}: ${failed} failed, ${said ? "said" : "arrived"}`);
      }
      console.log(`${one.call} ${one.how}${one.lasts ? " from there on" : ""}: ${outcomes.join("; ")}`);
      expect(failures, `${one.call} ${one.how} was met`).toBeGreaterThan(0);
    }
  });
}

/**
 * A disk that fails, in every way and at any moment: what is called saved is right, or the page says a sentence. Nothing that
 * was here is lost by it.
 */

import { FailingDisk, places, type Fault } from "./fixtures/faults.ts";
import { makeFile, makeFiles, type KnownFile } from "./fixtures/files.ts";
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

test("what is wrong in the store after a visit that saved it is fetched anew on the next", async ({
  owner,
  recipient,
  folder,
}) => {
  const file = await makeFile(folder, "small.bin", 2 * MIB + 17);
  const { link } = await owner([file.path]);
  const disk = await FailingDisk.of(await recipient("/"), link);
  const { someone, page } = disk;
  await disk.openAnew();
  await someone.download();
  await disk.leave();
  // One byte within the second piece, the last three pieces cut off.
  const damage = async () => {
    const root = await navigator.storage.getDirectory();
    const downloads = await root.getDirectoryHandle("downloads");
    for await (const handle of (downloads as unknown as { values(): AsyncIterable<FileSystemFileHandle> }).values()) {
      if (handle.name.endsWith(".state")) continue;
      const writable = await handle.createWritable({ keepExistingData: true });
      await writable.write({ type: "write", position: 300_000, data: new Uint8Array([1, 2, 3, 4]) });
      await writable.truncate((3 << 20) / 2);
      await writable.close();
    }
    return true;
  };
  await expect.poll(() => page.evaluate(damage).catch(() => false)).toBe(true);
  await page.goto(link);
  await expect(page.getByText("Saved on an earlier visit.")).toBeVisible();
  const saved = someone.saved();
  await page.getByRole("link", { name: "Save again" }).click();
  expect((await saved).sha256).toBe(file.sha256);
});

test("what an earlier visit left and cannot be opened now is not thrown away", async ({ owner, recipient, folder }) => {
  const file = await makeFile(folder, "small.bin", MIB + 17);
  const { link } = await owner([file.path]);
  const disk = await FailingDisk.of(await recipient("/"), link);
  const { someone, page } = disk;
  await disk.openAnew();
  await someone.download();
  for (const call of ["createSyncAccessHandle", "getSize", "read"]) {
    disk.use({ call, how: "InvalidStateError", at: 0, lasts: true });
    await page.reload();
    await expect(page.getByRole("alert")).toContainText("cannot be read now");
    await someone.expectPhase("failed");
  }
  disk.use(null);
  await page.reload();
  await expect(page.getByText("Saved on an earlier visit.")).toBeVisible();
});

/** What a player of this page gets of the room's first file. */
const asPlayed = async (link: string) => {
  const room = new URL(link).pathname.split("/")[2];
  const answer = await fetch(`/media/${room}/0`);
  const digest = await crypto.subtle.digest("SHA-256", await answer.arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

test("what cannot be read back later is fetched anew, and a player that reaches it goes on", async ({
  owner,
  recipient,
  folder,
}) => {
  const file = await makeFile(folder, "noise.mp3", 2 * MIB + 17);
  const { link } = await owner([file.path]);
  const disk = await FailingDisk.of(await recipient("/"), link);
  const { someone, page } = disk;
  await disk.openAnew();
  await someone.download();
  let saves = 0;
  page.on("download", () => saves++);
  await disk.failNext("read back");
  expect(await page.evaluate(asPlayed, link)).toBe(file.sha256);
  expect((await disk.counts()).failed).toBe(1);
  await expect(page.getByText("is fetched anew")).toBeVisible();
  await someone.expectPhase(/complete|seeding/);
  await expect(page.getByText("Saved as")).toBeVisible();
  expect(saves, "it is not saved twice by itself").toBe(0);
  const saved = someone.saved();
  await page.getByRole("link", { name: "Save again" }).click();
  expect((await saved).sha256).toBe(file.sha256);
});

test("a player that reaches what cannot be read back, in a room that is over, is told", async ({
  owner,
  recipient,
  folder,
  allowErrors,
}) => {
  // Whether the sender can be heard is asked for as long as the page is open.
  allowErrors(/410 \(Gone\)/);
  const file = await makeFile(folder, "noise.mp3", 2 * MIB + 17);
  const sent = await owner([file.path]);
  const disk = await FailingDisk.of(await recipient("/"), sent.link);
  const { someone, page } = disk;
  await disk.openAnew();
  await someone.download();
  await sent.owner.stopSharing();
  // It helps nobody any more.
  await someone.expectPhase("complete");
  await disk.failNext("read back");
  expect(await page.evaluate(asPlayed, sent.link).catch(() => "broke off")).toBe("broke off");
  await expect(page.getByRole("alert")).toContainText("does not give back what it stored");
  await someone.expectPhase("failed");
});

const chooses = () => {
  // The dialogue cannot be answered by a test; a folder of the site's own stands in for the person's choice.
  Object.assign(window, {
    showDirectoryPicker: async () =>
      (await navigator.storage.getDirectory()).getDirectoryHandle("chosen", { create: true }),
  });
};

/** Each at the second file. */
const FOLDERS: Record<string, () => void> = {
  "cannot be opened for writing": () => {
    // The empty page before the first one has none.
    if (!isSecureContext) return;
    const createWritable = FileSystemFileHandle.prototype.createWritable;
    FileSystemFileHandle.prototype.createWritable = function (...rest) {
      const full = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
      return this.name === "two.bin" ? full() : createWritable.apply(this, rest);
    };
  },
  "is full": () => {
    const pipeTo = ReadableStream.prototype.pipeTo;
    let piped = 0;
    ReadableStream.prototype.pipeTo = function (...rest) {
      const full = () => Promise.reject(new DOMException("full", "QuotaExceededError"));
      return ++piped === 2 ? full() : pipeTo.apply(this, rest);
    };
  },
  "keeps less than was written": () => {
    if (!isSecureContext) return;
    const getFile = FileSystemFileHandle.prototype.getFile;
    FileSystemFileHandle.prototype.getFile = async function () {
      const file = await getFile.call(this);
      return this.name === "two.bin" ? new File([file.slice(0, -1)], file.name) : file;
    };
  },
};

for (const [way, fault] of Object.entries(FOLDERS)) {
  test(`a folder that ${way} is not called saved in`, async ({ owner, recipient, folder, engine }) => {
    test.skip(engine !== "chromium", "only Chromium has a dialogue for folders");
    const files = await makeFiles(folder, { "one.bin": 100_000, "two.bin": 300_000 });
    const { link } = await owner(files.map((file) => file.path));
    const someone = await recipient(link, { initScript: [chooses, fault] });
    await someone.page.getByRole("button", { name: "Download into a folder…" }).click();
    await expect(someone.page.getByRole("alert")).toBeVisible();
    await expect(someone.page.getByText("Saved in the folder")).toBeHidden();
    // What is here stays, and is saved by the browser itself the next time.
    const saved = someone.saved();
    await someone.page.reload();
    expect((await saved).name).toBe("transfer4me.zip");
  });
}

/** Ways in which IndexedDB refuses. */
const DATABASES: Record<string, () => void> = {
  "refuses what it is given": () => {
    IDBObjectStore.prototype.put = () => {
      throw new DOMException("full", "QuotaExceededError");
    };
  },
  "takes it back when the disk is full": () => {
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (...rest) {
      const request = put.apply(this, rest);
      request.addEventListener("success", () => this.transaction.abort());
      return request;
    };
  },
};

for (const [way, fault] of Object.entries(DATABASES)) {
  test(`an owner whose database ${way} shares all the same, and is told`, async ({ owner, recipient, folder }) => {
    const file = await makeFile(folder, "small.bin", MIB);
    const sent = await owner([file.path], { initScript: fault });
    await expect(sent.owner.page.getByText("Keep this tab open: the share ends with it.")).toBeVisible();
    const someone = await recipient(sent.link);
    expect((await someone.download()).sha256).toBe(file.sha256);
  });
}

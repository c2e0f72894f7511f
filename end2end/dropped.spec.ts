/** Folders and other things that are dropped on the home page: what is in them, what is not, what cannot be read. */

import { chooses, readChosen } from "./fixtures/chosen_folder.ts";
import { expect, test, type Owner } from "./fixtures/index.ts";
import { readDates, readZip } from "./fixtures/zip.ts";

/** A dropped file's text, a folder, or something that cannot be read. */
type Dropped = string | null | { [name: string]: Dropped };

/** No test can drop a folder, so entries are made up: the page is given them as a browser gives those of a real drop. */
const drop = async (owner: Owner, tree: Record<string, Dropped>) => {
  const dataTransfer = await owner.page.evaluateHandle((tree) => {
    const entry = (name: string, what: Dropped): object => {
      if (what === null || typeof what === "string") {
        const file = (give: (file: File) => void, refuse: (error: unknown) => void) =>
          what === null ? refuse(new DOMException("", "NotReadableError")) : give(new File([what], name));
        return { name, isFile: true, isDirectory: false, file };
      }
      let rest = Object.entries(what).map(([name, what]) => entry(name, what));
      const readEntries = (give: (entries: object[]) => void, refuse: (error: unknown) => void) => {
        if (name === "locked") return refuse(new DOMException("", "NotReadableError"));
        give(rest.splice(0, 2));
      };
      return { name, isFile: false, isDirectory: true, createReader: () => ({ readEntries }) };
    };
    const data = new DataTransfer();
    const entries = Object.entries(tree).map(([name, what]) => entry(name, what));
    for (const [at] of entries.entries()) data.items.add(new File([], `${at}`));
    DataTransferItem.prototype.webkitGetAsEntry = () => entries.shift() as FileSystemEntry;
    return data;
  }, tree);
  await owner.page.getByRole("region", { name: "Drop files here" }).dispatchEvent("drop", { dataTransfer });
};

/** A drop is lost before the page's code runs; that a chosen file is listed shows that it does. */
const ready = async (visitor: () => Promise<Owner>) => {
  const owner = await visitor();
  await owner.chooseFiles.setInputFiles([{ name: "chosen.txt", mimeType: "text/plain", buffer: Buffer.from("chosen") }]);
  await expect(owner.chosen).toHaveCount(1);
  return owner;
};

test("empty folders arrive in the archive", async ({ visitor, recipient }) => {
  const owner = await ready(visitor);
  await drop(owner, { photos: { "sea.txt": "sea", empty: {}, deep: { "also empty": {} } } });
  await expect(owner.chosen).toContainText(["chosen.txt", "photos/sea.txt", "photos/empty/", "photos/deep/also empty/"]);
  await expect(owner.page.getByText("and 2 empty folders")).toBeVisible();
  const one = await recipient(await owner.share());
  await expect(one.page.getByText("And 2 empty folders")).toBeVisible();
  const saved = await one.download();
  expect((await readZip(saved.path)).map(({ name }) => name)).toEqual(["chosen.txt", "photos/sea.txt"]);
  expect((await readDates(saved.path)).map(({ name }) => name)).toEqual([
    "chosen.txt",
    "photos/sea.txt",
    "photos/empty/",
    "photos/deep/also empty/",
  ]);
});

test("one file and an empty folder come together", async ({ visitor, recipient }) => {
  const owner = await ready(visitor);
  await drop(owner, { empty: {} });
  const one = await recipient(await owner.share());
  const saved = await one.download();
  expect(saved.name).toBe("transfer4me.zip");
  expect((await readDates(saved.path)).map(({ name }) => name)).toEqual(["chosen.txt", "empty/"]);
});

test("empty folders are made in a folder of the person's choice", async ({ visitor, recipient, engine }) => {
  test.skip(engine !== "chromium", "only Chromium has a dialogue for folders");
  const owner = await ready(visitor);
  await drop(owner, { a: { b: {} }, taken: {} });
  const one = await recipient(await owner.share(), { initScript: chooses({ taken: "MINE" }) });
  await one.page.getByRole("button", { name: "Download into a folder…" }).click();
  await expect(one.page.getByText("taken/ is there as taken (2)/")).toBeVisible();
  expect(await readChosen(one.page)).toEqual({ "chosen.txt": "chosen", a: null, "a/b": null, taken: "MINE", "taken (2)": null });
});

test("an empty folder can be taken out again, and alone is nothing to send", async ({ visitor }) => {
  const owner = await ready(visitor);
  await drop(owner, { empty: {} });
  await expect(owner.chosen).toHaveCount(2);
  await expect(owner.createLink).toBeEnabled();
  await owner.page.getByRole("button", { name: "Remove chosen.txt" }).click();
  await expect(owner.page.getByRole("alert")).toContainText("only empty folders were dropped");
  await expect(owner.createLink).toBeDisabled();
  await owner.page.getByRole("button", { name: "Remove empty/" }).click();
  await expect(owner.chosen).toHaveCount(0);
  await expect(owner.page.getByText("Nothing chosen yet")).toBeVisible();
});

test("what could not be read is named, and the rest is taken", async ({ visitor }) => {
  const owner = await ready(visitor);
  await drop(owner, { f: { "a.txt": "a", "b.txt": null, "c.txt": "c", locked: {}, "d.txt": "d" }, "e.txt": null });
  await expect(owner.page.getByRole("alert")).toHaveText(
    "“f/b.txt”, “f/locked” and “e.txt” could not be read and will not be sent.",
  );
  await expect(owner.chosen).toContainText(["chosen.txt", "f/a.txt", "f/c.txt", "f/d.txt"]);
});

test("a drop without files says so", async ({ visitor }) => {
  const owner = await ready(visitor);
  const dataTransfer = await owner.page.evaluateHandle(() => {
    const data = new DataTransfer();
    data.setData("text/plain", "only words");
    return data;
  });
  await owner.page.getByRole("region", { name: "Drop files here" }).dispatchEvent("drop", { dataTransfer });
  await expect(owner.page.getByRole("alert")).toContainText("What was dropped holds no file");
  await expect(owner.chosen).toHaveCount(1);
});

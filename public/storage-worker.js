// Starts the storage worker: the page sends the address of its script and the compiled module, so that nothing
// is fetched or compiled twice. All that the worker does is in src/browser/storage/worker.rs.
addEventListener("message", async ({ data }) => {
  try {
    const transfer4me = await import(data.script);
    transfer4me.initSync({ module: data.module });
    transfer4me.storage_worker();
    postMessage(["ready"]);
  } catch (error) {
    // A promise that is rejected would not be told to the page.
    reportError(error);
  }
}, { once: true });
// What is thrown past the worker's own code would not be told to the page either.
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  reportError(event.reason);
});

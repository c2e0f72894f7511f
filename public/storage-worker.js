// Starts the storage worker: the page sends the address of its script and the compiled module, so that nothing
// is fetched or compiled twice. All that the worker does is in src/browser/storage/worker.rs.
addEventListener("message", async ({ data }) => {
  const transfer4me = await import(data.script);
  transfer4me.initSync({ module: data.module });
  transfer4me.storage_worker();
  postMessage(["ready"]);
}, { once: true });

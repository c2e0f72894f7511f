// Says in words when the page's own code cannot run, instead of leaving controls that look alive, and keeps the link's
// key in the address bar. Stands in the page itself, before everything that could fail, and needs nothing else. From `hydrate()` on the code speaks for itself, but
// for an end that it cannot outlive.
((root) => {
  const hydrated = () => "hydrated" in root.dataset;
  const say = (sentence) => {
    if ("broken" in root.dataset) return;
    root.dataset.broken = "";
    if (root.dataset.phase && root.dataset.phase !== "locked") root.dataset.phase = "failed";
    const show = () => {
      for (const island of document.querySelectorAll("leptos-island")) island.inert = true;
      const alert = document.createElement("p");
      alert.className = "notice problem";
      alert.setAttribute("role", "alert");
      alert.textContent = sentence;
      const content = document.getElementById("content");
      content.querySelector("h1") ? content.querySelector("h1").after(alert) : content.prepend(alert);
    };
    document.readyState === "loading" ? addEventListener("DOMContentLoaded", show) : show();
  };
  const failed = ({ error, reason }) => {
    const died = typeof WebAssembly === "object" && (error || reason) instanceof WebAssembly.RuntimeError;
    if (hydrated() && died) say("Something on this page went wrong, and it cannot go on. Reload it.");
    if (!hydrated()) {
      say("A part of this page could not be loaded, so it cannot send or receive anything. Check the connection and "
        + "reload the page. If that does not help, an extension or a filter may be in the way, or this browser is too old.");
    }
  };
  if (typeof WebAssembly !== "object") {
    say("This browser does not run WebAssembly, or it is switched off, so this page cannot send or receive anything. "
      + "Allow WebAssembly for this site, or open the page in another browser.");
  }
  // The way past the header would otherwise put its own fragment in the place of the link's key.
  addEventListener("click", (event) => {
    if (!event.target.closest?.("a.skip")) return;
    event.preventDefault();
    const content = document.getElementById("content");
    content.focus();
    content.scrollIntoView();
  });
  addEventListener("error", failed);
  addEventListener("unhandledrejection", failed);
})(document.documentElement);

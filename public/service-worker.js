// Hands what a player asks for to a page of that room, which holds the pieces, and what the page answers back to the
// player. It keeps nothing: browsers stop it at any moment, and then a player asks again. All that is decided is decided
// in src/browser/media.
const PLACE = /^\/media\/([\w-]{16})\/(\d{1,6})$/;
const DESTINATIONS = ["audio", "video", "image", ""];
const PATIENCE = 20_000;

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
// A page that was loaded around this worker wants it back.
addEventListener("message", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const place = origin === location.origin && PLACE.exec(pathname);
  // Never as a document of its own: what a stranger sent must not run as a page of this site.
  if (place && request.mode !== "navigate" && DESTINATIONS.includes(request.destination)) {
    event.respondWith(answer(request, event.clientId, place[1], Number(place[2])));
  }
});

async function answer(request, asker, room, file) {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD") return refusal(405, { Allow: "GET, HEAD" });
  const pages = (await clients.matchAll({ includeUncontrolled: true })).filter(
    ({ id, url }) => id === asker || new URL(url).pathname === `/room/${room}`,
  );
  const question = ["media", room, file, request.headers.get("range")];
  const head = await firstAnswer(pages, question);
  if (!head) return refusal(404, {});
  const { port, status, headers } = head;
  const empty = method === "HEAD" || status === 416;
  if (empty) port.postMessage("cancel");
  return new Response(empty ? null : body(port), { status, headers: { ...INERT, ...headers } });
}

// The first page that has the file; the others are told that they need not answer.
function firstAnswer(pages, question) {
  return new Promise((resolve) => {
    let left = pages.length;
    let done = left === 0;
    if (done) resolve(undefined);
    setTimeout(() => resolve((done = true) && undefined), PATIENCE);
    for (const page of pages) {
      const { port1: port, port2 } = new MessageChannel();
      port.onmessage = ({ data }) => {
        left--;
        if (done || !data) {
          port.postMessage("cancel");
          port.close();
          if (left === 0) resolve(undefined);
          return;
        }
        done = true;
        resolve({ port, status: data[0], headers: data[1] });
      };
      page.postMessage(question, [port2]);
    }
  });
}

// One part for each time that the player has room.
function body(port) {
  return new ReadableStream(
    {
      pull(controller) {
        return new Promise((resolve) => {
          port.onmessage = ({ data }) => {
            if (data === "lost") controller.error(new TypeError("the rest cannot be had"));
            else if (data) controller.enqueue(data);
            else controller.close();
            resolve();
          };
          port.postMessage("more");
        });
      },
      cancel() {
        port.postMessage("cancel");
        port.close();
      },
    },
    { highWaterMark: 0 },
  );
}

// On every answer: the browser takes the content for what the page says it is, and for nothing that could act.
const INERT = {
  "Accept-Ranges": "bytes",
  "Cache-Control": "no-store",
  "Content-Security-Policy": "sandbox; default-src 'none'",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

function refusal(status, headers) {
  return new Response(null, { status, headers: { ...INERT, ...headers } });
}

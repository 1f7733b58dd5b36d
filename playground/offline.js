// Keeps a copy of the page for use without a network; with a network, the page is always fetched.

const worker = /** @type {any} */ (self);

worker.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll(FILES))
      .then(() => worker.skipWaiting()),
  );
});

worker.addEventListener("activate", (event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  const path = pathname.slice(new URL("./", location.href).pathname.length) || "./";
  if (event.request.method !== "GET" || ![...FILES, ...ON_USE].includes(path)) return;
  event.respondWith(
    fetch(event.request)
      .then(async (answer) => {
        if (answer.ok) (await caches.open(NAME)).put(event.request, answer.clone());
        return answer;
      })
      .catch(() => caches.match(event.request, { ignoreSearch: true })),
  );
});

const NAME = "playground";
const FILES = [
  "./",
  "style.css",
  "table.css",
  "app.js",
  "assist.js",
  "browser.js",
  "calls.js",
  "cases.js",
  "codes.js",
  "corsctl.js",
  "corsctl-worker.js",
  "curl.js",
  "editor.js",
  "examples.js",
  "exchange.js",
  "field-names.js",
  "fields.js",
  "homes.js",
  "host.js",
  "json.js",
  "judge.js",
  "link.js",
  "links.js",
  "literal.js",
  "manifests.js",
  "messages.js",
  "paste.js",
  "paste-view.js",
  "policy.js",
  "start.js",
  "story.js",
  "systems.js",
  "table-view.js",
  "table.js",
  "tabs.js",
  "view.js",
  "wasi.js",
  "cors.wasm",
];
/** Files of which a copy is kept once they are needed. */
const ON_USE = ["cors.schema.json", "corsctl.wasm"];

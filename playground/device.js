// Sends the requests of the browser tests from this browser to a gateway, and compares each result with that of the
// three engines. For browsers that the tests cannot run: Safari, and those of phones.
//
//   device.html?gateway=https://api.example.com/     fills in the address

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

const POLICY = {
  allowOrigins: [location.origin],
  allowMethods: ["GET", "PUT"],
  allowHeaders: ["content-type", "authorization", "x-one"],
  exposeHeaders: ["x-request-id"],
  unmatchedRequests: "reject",
};
const ALL = ["Chromium", "Firefox", "WebKit"];

/** @type {{name: string, call: (url: string) => Promise<unknown>, reads: string[]}[]} `reads`: who reads the answer. */
const CHECKS = [
  { name: "GET", call: (url) => fetch(url), reads: ALL },
  { name: "PUT, which is listed", call: (url) => fetch(url, { method: "PUT", body: "x" }), reads: ALL },
  { name: "put in lower case", call: (url) => fetch(url, { method: "put", body: "x" }), reads: ALL },
  { name: "DELETE, which is not listed", call: (url) => fetch(url, { method: "DELETE" }), reads: [] },
  { name: "a POST of JSON", call: (url) => post(url, { "content-type": "application/json" }), reads: ALL },
  { name: "Authorization, listed", call: (url) => fetch(url, { headers: { authorization: "Bearer 1" } }), reads: ALL },
  { name: "X-One, listed", call: (url) => fetch(url, { headers: { "x-one": "1" } }), reads: ALL },
  { name: "X-Two, not listed", call: (url) => fetch(url, { headers: { "x-two": "2" } }), reads: [] },
  {
    name: "User-Agent, not listed",
    call: (url) => fetch(url, { headers: { "user-agent": "x" } }),
    // It ignores the script's value and does not ask.
    reads: ["Chromium"],
  },
  {
    name: "Save-Data, not listed",
    call: (url) => fetch(url, { headers: { "save-data": "on" } }),
    reads: ["Chromium"],
  },
  { name: "one range", call: (url) => fetch(url, { headers: { range: "bytes=0-1" } }), reads: ALL },
  { name: "two ranges", call: (url) => fetch(url, { headers: { range: "bytes=0-1,3-4" } }), reads: [] },
  { name: "credentials, not allowed", call: (url) => fetch(url, { credentials: "include" }), reads: [] },
  { name: "a POST whose upload is observed", call: observed, reads: ALL },
];

$("policy").textContent = JSON.stringify(POLICY, undefined, 2);
$("gateway").value = new URLSearchParams(location.search).get("gateway") ?? "";
$("send").addEventListener("click", sendAll);

async function sendAll() {
  $("send").disabled = true;
  const rows = [];
  for (const [index, { name, call, reads }] of CHECKS.entries()) {
    const url = new URL($("gateway").value);
    // Each check has its own address, so that no cache answers.
    url.searchParams.set("check", `${index}-${crypto.getRandomValues(new Uint32Array(1))[0]}`);
    let result = "reads";
    try {
      await call(url.href);
    } catch {
      result = "blocked";
    }
    rows.push([name, result, ...ALL.map((engine) => (reads.includes(engine) ? "reads" : "blocked"))]);
  }
  show(rows);
  $("send").disabled = false;
}

/** Draws the table, and names the engines whose results are the same. */
function show(rows) {
  const same = ALL.filter((_, engine) => rows.every(([, result, ...expected]) => result === expected[engine]));
  const like = same.length ? `like ${same.join(" and ")}` : "like none of the three engines";
  $("sum").textContent = `This browser decides ${like}.`;
  const head = ["request", "this browser", ...ALL];
  $("results").replaceChildren(
    ...[head, ...rows].map((cells, index) => {
      const row = document.createElement("tr");
      for (const text of cells)
        row.append(Object.assign(document.createElement(index ? "td" : "th"), { textContent: text }));
      return row;
    }),
  );
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  $("report").value = [$("sum").textContent, navigator.userAgent, "", ...lines].join("\n");
}

const post = (url, headers) => fetch(url, { method: "POST", headers, body: "{}" });

function observed(url) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.upload.onprogress = () => {};
    request.onload = done;
    request.onerror = failed;
    request.send("x");
  });
}

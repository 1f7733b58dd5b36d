// Describes what happens to a call of fetch(): steps with their reasons, the result for the script, and what to
// change.

import { plan, run } from "./browser.js";

/**
 * Runs the call through the browser's rules and the filter. `judge.send` sends the requests; `policy` is the
 * configuration as an object. The result: {verdict: {good, title, text}, steps: [...], fixes: [{text, edits}]}.
 */
export function describe(judge, policy, { origin, url, method, headers, credentials, upstream }) {
  const call = plan({ origin, url, method, headers, credentials });
  const result = run(call, (request) => governed(judge.send(request, upstream), policy));
  const steps = [planStep(call), preflightStep(call, result), actualStep(call, result), scriptStep(result)];
  return {
    verdict: verdict(call, result),
    steps: steps.filter(Boolean),
    fixes: fixes(call, result),
  };
}

/** The verdict for a message of messages.js from a browser's console: whether this policy can be its cause. */
export function besideMessage({ isHarmless, isVague, kind }, verdict) {
  if (isHarmless || isVague || verdict.good === undefined) return verdict;
  if (verdict.good) {
    const text =
      "Under this policy the request passes. The answer in the message must come from elsewhere: another filter, " +
      "another host, or an old cache.";
    return { ...verdict, title: "This policy is not the cause", text, good: undefined };
  }
  const text = verdict.kind === kind ? "It is what the message says." : "That is not what the message says.";
  return { ...verdict, text: `${verdict.text} ${text}` };
}

function verdict(call, { blocked, actual, readable }) {
  if (!blocked) {
    const title = call.sameOrigin ? "Same origin: no permission is needed" : "The script can read the answer";
    const rejected = isRejection(actual);
    const text = rejected
      ? `The answer is the filter's ${actual.status}.`
      : `Status ${actual.status}, the body, and ${count(readable.length, "header")}.`;
    return { good: !rejected, title: rejected ? "The filter refuses the request" : title, text };
  }
  const text = {
    call: "Nothing is sent.",
    preflight: "The preflight fails, so the actual request is never sent.",
    actual:
      actual?.from === "filter"
        ? "The filter refused the request; the upstream never saw it."
        : "The request reached the upstream and was answered, but the script does not get the answer.",
  }[blocked.at];
  return {
    good: false,
    kind: blocked.kind,
    title: "The browser blocks it",
    text: `${sentence(blocked.because)} ${text}`,
  };
}

function planStep(call) {
  const reasons = [];
  const at = "Browser";
  for (const name of call.dropped) reasons.push(info(`${name} is set by the browser: the script's value is dropped`));
  if (call.blocked)
    return { at, state: "bad", title: "The browser does not send it", points: [bad(call.blocked), ...reasons] };
  if (call.sameOrigin) {
    reasons.unshift(info(`The page and the URL have the same origin, ${call.origin}`));
    return { at, state: "good", title: "No preflight: the request is same-origin", points: reasons };
  }
  if (!call.preflight) {
    const safe = `${call.method} with only safelisted headers: a form could send this too`;
    return { at, state: "good", title: "No preflight is needed", points: [good(safe), ...reasons] };
  }
  if (!/^(GET|HEAD|POST)$/.test(call.method)) reasons.push(info(`${call.method} is not GET, HEAD or POST`));
  for (const { name, why } of call.unsafe) reasons.push(info(`${name}: ${why}${inChromium(name)}`));
  return { at, state: "info", title: "The browser sends a preflight first", points: reasons };
}

/** Firefox and Safari follow the standard here; tests/browser/model.rs compares all three. */
function inChromium(name) {
  if (name === "user-agent") return "; Firefox and Safari ask for it, Chromium sends its own value and does not ask";
  const isHint = /^(device-memory|downlink|dpr|ect|rtt|save-data|viewport-width|width)$/.test(name);
  return isHint ? "; Firefox and Safari ask for it, Chromium does not" : "";
}

function preflightStep(call, { blocked, preflight }) {
  if (!preflight) return undefined;
  const failed = blocked?.at === "preflight" ? blocked : undefined;
  const points = [];
  if (failed) points.push(bad(failed.because));
  else {
    points.push(good(`Access-Control-Allow-Origin is ${value(preflight, "access-control-allow-origin")}`));
    if (call.credentials) points.push(good("Access-Control-Allow-Credentials is true"));
    points.push(good(`${call.method} is ${/^(GET|HEAD|POST)$/.test(call.method) ? "always allowed" : "listed"}`));
    if (call.unsafe.length)
      points.push(
        good(`${names(call.unsafe.map(({ name }) => name))} ${call.unsafe.length > 1 ? "are" : "is"} listed`),
      );
    points.push(info(keeps(value(preflight, "access-control-max-age"))));
  }
  points.push(...untouched(preflight));
  const title =
    preflight.from === "filter"
      ? `The filter ${isRejection(preflight) ? "refuses" : "answers"} the preflight with ${preflight.status}`
      : `The upstream answers the preflight with ${preflight.status}`;
  return {
    at: preflight.from === "filter" ? "Filter" : "Upstream",
    state: failed ? "bad" : "good",
    title,
    says: preflight.says,
    source: preflight.source,
    points,
    exchange: { request: call.preflight, response: preflight },
  };
}

function actualStep(call, { blocked, actual }) {
  if (!actual) {
    return { at: "Upstream", state: "none", title: "The actual request is not sent", points: [] };
  }
  const failed = blocked?.at === "actual" ? blocked : undefined;
  const points = [];
  if (failed) points.push(bad(failed.because));
  else if (!call.sameOrigin) {
    points.push(good(`Access-Control-Allow-Origin is ${value(actual, "access-control-allow-origin")}`));
    if (call.credentials) points.push(good("Access-Control-Allow-Credentials is true"));
  }
  points.push(...untouched(actual));
  const location = value(actual, "location");
  if (/^30[12378]$/.test(actual.status) && location && !failed) {
    points.push(info(`The browser follows the redirect to ${location}, and all steps start again there`));
  }
  const title =
    actual.from === "filter"
      ? `The filter itself answers the request with ${actual.status}`
      : `The request reaches the upstream; the answer is ${actual.status}`;
  return {
    at: actual.from === "filter" ? "Filter" : "Upstream",
    state: failed || isRejection(actual) ? "bad" : "good",
    title,
    says: actual.says,
    source: actual.source,
    points,
    exchange: { request: call.request, response: actual },
  };
}

function untouched({ source, mode }) {
  if (!source) return [info("No policy governs this request: it passes unchanged")];
  return mode === "off" ? [info(`${governor(source)} is off: the request passes unchanged`)] : [];
}

function scriptStep({ blocked, actual, readable, hidden }) {
  if (blocked) {
    const points = [
      info(
        'fetch() rejects with "TypeError: Failed to fetch"; the reason is in the console, but hidden from the script',
      ),
    ];
    return { at: "Script", state: "bad", title: "The script gets an error", points };
  }
  const points = [good(`Status ${actual.status} and the body`)];
  if (readable.length) points.push(good(`Headers: ${names(readable)}`));
  if (hidden.length) points.push(info(`Hidden from scripts: ${names(hidden)}`));
  return { at: "Script", state: "good", title: "What the script may read", points };
}

/** The changes that make the request work. `edits` are for `edited` of json.js. */
function fixes(call, { blocked, preflight, actual, hidden }) {
  if (!blocked) return exposeFix(hidden, actual);
  if (blocked.kind === "call") {
    return [
      {
        text: call.blocked.includes("mixed") ? "Serve the API over https." : "Change the call: no policy can allow it.",
      },
    ];
  }
  const decided = preflight ?? actual;
  const { whole, object, mode } = decided;
  const place = [decided.grant, whole?.length && decided.source].filter(Boolean).join(" of ");
  const [of, within] = !place ? ["", ""] : [` of ${place}`, ` in ${place}`];
  const edits = (...fields) => object && fields.map((field) => ({ object, ...field }));
  if (!decided.source) {
    const text =
      "No policy governs this request, so only the upstream decides. Add a rule for this host and path, or allow " +
      "the origin at the top level.";
    return [{ text, edits: [{ object: [], field: "allowOrigins", add: [call.origin] }] }];
  }
  if (mode === "off") {
    return [
      {
        text:
          `${governor(decided.source)} is off: only the upstream decides, and it has to allow the request. ` +
          "Or change the mode.",
      },
    ];
  }
  if (mode === "shadow") {
    const text = "The policy changes nothing (shadow): the answers are the upstream's own. Enforce it.";
    return [{ text, edits: whole && [{ object: whole, field: "mode", value: "enforce" }] }];
  }
  switch (blocked.kind) {
    case "method":
      if (call.method === "patch") {
        return [
          {
            text:
              "Write PATCH in upper case in the script: browsers do not convert it, and methods are compared " +
              "exactly.",
          },
        ];
      }
      return [
        {
          text: `Add "${call.method}" to allowMethods${of}.`,
          edits: edits({ field: "allowMethods", add: [call.method], base: ["GET", "HEAD", "POST"] }),
        },
      ];
    case "header": {
      const list = blocked.names.map((name) => `"${name}"`).join(", ");
      return [
        { text: `Add ${list} to allowHeaders${of}.`, edits: edits({ field: "allowHeaders", add: blocked.names }) },
      ];
    }
    case "credentials":
      return [
        {
          text: `Set allowCredentials to true${within}, if the API needs cookies.`,
          edits: edits({ field: "allowCredentials", value: true }),
        },
        { text: "Or call fetch() without credentials." },
      ];
    case "wildcard":
      if (call.origin === "null") return [{ text: OWN_ORIGIN }, { text: WITHOUT_CREDENTIALS }];
      return [
        {
          text: `List "${call.origin}" in allowOrigins${of} instead of "*", and set allowCredentials to true.`,
          edits: edits({ field: "allowOrigins", value: [call.origin] }, { field: "allowCredentials", value: true }),
        },
        { text: WITHOUT_CREDENTIALS },
      ];
    default:
      return originFixes(call, decided, of, edits);
  }
}

function originFixes(call, decided, of, edits) {
  if (decided.source === "conflicting rules") {
    return [
      {
        text: "Write the path of the URL plainly: as sent and as an upstream may read it, it matches different rules.",
      },
    ];
  }
  if (/refused: host/.test(decided.says)) return [{ text: "Call the API by one of its names in hosts." }];
  if (/refused: malformed/.test(decided.says)) {
    return [{ text: "Write the origin as a browser does: scheme://host[:port], in lower case." }];
  }
  if (call.origin === "null") return [{ text: OWN_ORIGIN }];
  if (decided.hasTenants) return [{ text: "Call the API of the page's own tenant." }];
  return [
    {
      text: `If you trust every script of this site, add "${call.origin}" to allowOrigins${of}.`,
      edits: edits({ field: "allowOrigins", add: [call.origin] }),
    },
  ];
}

const OWN_ORIGIN =
  "Serve the page from its own origin: allow-same-origin on its sandboxed frame, or a server for its file. " +
  'Listing "null" would allow any site that sandboxes a frame.';
const WITHOUT_CREDENTIALS = "Or call fetch() without credentials: for that, * is enough.";

/** Hidden headers are not an error; the story offers to expose those that an application may want. */
function exposeFix(hidden, { object, mode }) {
  const wanted = hidden.filter(
    (name) => !/^(set-cookie2?|vary|allow|date|server|connection|access-control-.*)$/.test(name),
  );
  if (!wanted.length || !object || mode !== "enforce") return [];
  const text = `To let the script read ${names(wanted)}, add ${wanted.length > 1 ? "them" : "it"} to exposeHeaders.`;
  return [{ text, optional: true, edits: [{ object, field: "exposeHeaders", add: wanted }] }];
}

/**
 * An answer, with the `whole` policy that decided and the `object` of its grant, as paths for `edited`, and its `mode`.
 */
export function governed(answer, policy) {
  const whole = objectOf(answer.source, policy);
  const own = whole?.reduce((node, part) => node?.[part], policy);
  const mode = String(own?.mode ?? "enforce").toLowerCase();
  const hasTenants = /"[a-z][a-z0-9+.-]*:\/\/[^"]*\{/.test(JSON.stringify(own) ?? "");
  const [, grant] = /^grants\[(\d+)\]$/.exec(answer.grant ?? "") ?? [];
  const object = whole && grant !== undefined ? [...whole, "grants", Number(grant)] : whole;
  return { ...answer, whole, object, mode, hasTenants, says: mode === "off" ? "" : answer.says };
}

function objectOf(source, policy) {
  if (source === "top-level policy") return [];
  const [, index] = /^rules\[(\d+)\]/.exec(source ?? "") ?? [];
  if (index === undefined) return undefined;
  const { policyRef, policy_ref: ref = policyRef } = policy.rules?.[index] ?? {};
  return ref === undefined ? ["rules", Number(index), "policy"] : ["policies", ref];
}

function keeps(maxAge) {
  const seconds = Number(maxAge ?? 5);
  if (!seconds) return "The browser sends a preflight each time: it may not cache the answer";
  return `The browser may cache this answer for ${seconds} s${seconds > 7200 ? " (Chromium for 7200)" : ""}`;
}

/** Whether the filter refuses: 421 is for a host that is not one of the service. */
export const isRejection = ({ from, status }) => from === "filter" && (status === 403 || status === 421);
const value = ({ headers }, name) => headers.find(([own]) => own === name)?.[1];
const governor = (source) => (source === "top-level policy" ? "The top-level policy" : `The policy of ${source}`);
const names = (list) => list.join(", ");
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
/** Names of headers and methods keep their case. */
const sentence = (text) => `${text.replace(/^(a|no|the|there)\b/, (word) => word[0].toUpperCase() + word.slice(1))}.`;
const good = (text) => ({ state: "good", text });
const bad = (text) => ({ state: "bad", text });
const info = (text) => ({ state: "info", text });

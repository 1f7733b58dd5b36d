// The first field of the page: it takes whatever the reader has, and says what was understood and what was left out.

import { looksLikePolicy } from "./homes.js";
import { readPaste } from "./paste.js";
import { showLines, showMessage } from "./view.js";

const $ = (id) => /** @type {any} */ (document.getElementById(id));

/**
 * Connects the field. `form` gives the request that the page has; `takePolicy` gets the text of a policy, `takeRequest`
 * what readPaste read.
 */
export function connect({ form, takePolicy, takeRequest }) {
  const read = () => {
    const text = $("pasted").value;
    forget();
    try {
      if (looksLikePolicy(text)) {
        takePolicy(text.trim());
        say(["Read as a policy: it is in the editor."]);
      } else {
        const found = readPaste(text, form());
        takeRequest(found);
        say([`Read as ${/^[aeiou]/i.test(found.kind) ? "an" : "a"} ${found.kind}.`, ...found.notes]);
        showMessage(found.message);
      }
      // What was read and the verdict are visible together.
      $("story").scrollIntoView({ block: "start" });
    } catch (error) {
      $("paste-problem").textContent = error.message;
    }
  };
  $("paste-read").addEventListener("click", read);
  $("pasted").addEventListener("keydown", ({ key, ctrlKey, metaKey }) => {
    if (key === "Enter" && (ctrlKey || metaKey)) read();
  });
  // The field has the text after the event.
  $("pasted").addEventListener("paste", () => setTimeout(read));
}

/** Writes what readPaste read into the form of the request; what it does not have stays. */
export function fillForm({ found, answer }) {
  const lines = (headers) => headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  if (found) {
    const { credentials = false, headers = [], method = "GET", origin, url } = found;
    if (origin !== undefined) $("origin").value = origin;
    if (url !== undefined) $("url").value = url;
    $("method").value = method;
    $("headers").value = lines(headers);
    $("headers").rows = Math.max(2, headers.length);
    $("credentials").checked = credentials;
  }
  if (answer) {
    $("status").value = answer.status;
    $("upstream").value = lines(answer.headers);
  }
}

/** Forgets what was read: the request has changed. */
export function forget() {
  say([]);
  showMessage(undefined);
  $("paste-problem").textContent = "";
}

function say(lines) {
  showLines($("paste-said"), lines);
}

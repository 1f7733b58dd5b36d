// The policy that the text of the editor holds: plugin JSON as it is, anything else as corsctl reads it.

import { run } from "./corsctl.js";
import { isPluginJson, readHome } from "./homes.js";
import { otherSystem } from "./systems.js";

/**
 * @typedef {object} Configured
 * @property {string} text of the editor
 * @property {string} policy plugin JSON; "" if there is none
 * @property {boolean} ok whether the module takes it
 * @property {import("./homes.js").Problem[]} problems
 * @property {boolean} [isPending] corsctl is still reading
 * @property {import("./homes.js").Home} [home] where the policy was found, if the text is not plugin JSON
 * @property {number} [choice] which of the configurations of the home it is
 */

export class PolicyReader {
  #changed;
  #text;
  /** @type {import("./homes.js").Home | Error | undefined} */
  #home;
  #choice = 0;

  /** `changed` is called when corsctl has read a text. */
  constructor(changed) {
    this.#changed = changed;
  }

  /**
   * Offers the text to the module.
   * @param {string} text
   * @param {import("./judge.js").Judge} judge
   * @returns {Configured}
   */
  configure(text, judge) {
    if (isPluginJson(text)) return { text, policy: text, ...judge.configure(text) };
    if (text !== this.#text) this.#start(text);
    const home = this.#home;
    if (!home) return { text, policy: "", ok: false, problems: [], isPending: true };
    if (home instanceof Error) return { text, policy: "", ok: false, problems: [withoutCorsctl(text, home)] };
    const found = home.configurations[this.#choice];
    if (!found) return { text, policy: "", ok: false, problems: home.problems };
    if (!home.says) return { text, policy: text, ...judge.configure(text) };
    const problems = [...found.problems, ...home.problems];
    const common = { text, policy: found.policy ?? "", home, choice: this.#choice };
    if (!found.policy || !found.good) return { ...common, ok: false, problems };
    const { ok, problems: own } = judge.configure(found.policy);
    return { ...common, ok, problems: ok ? problems : own };
  }

  /** Takes another configuration of a text that has several. */
  choose(index) {
    this.#choice = index;
    this.#changed();
  }

  #start(text) {
    [this.#text, this.#home, this.#choice] = [text, undefined, 0];
    readHome(text, run)
      .catch((error) => error)
      .then((home) => {
        if (text !== this.#text) return;
        this.#home = home;
        this.#changed();
      });
  }
}

/** Shows where the policy was found, the choice if there are several, and a button that puts its JSON in the editor. */
export function showHome(box, { home, choice, policy }, { choose, convert }) {
  box.hidden = !home;
  if (!home) return box.replaceChildren();
  const says = document.createElement("p");
  says.textContent = `Read by corsctl: ${home.says}`;
  const children = /** @type {HTMLElement[]} */ ([says]);
  if (home.configurations.length > 1) {
    const list = document.createElement("select");
    list.setAttribute("aria-label", "Which configuration to judge");
    list.append(...home.configurations.map(({ place }, index) => new Option(place, String(index))));
    list.value = String(choice);
    list.addEventListener("change", () => choose(Number(list.value)));
    children.push(list);
  }
  if (policy) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Edit as JSON" });
    button.addEventListener("click", () => convert(policy));
    children.push(button);
  }
  box.replaceChildren(...children);
}

/** What to do where corsctl does not run. */
function withoutCorsctl(text, error) {
  const command = otherSystem(text)?.command ?? "corsctl check FILE";
  return {
    level: "error",
    path: "",
    line: undefined,
    text: `${error.message}. To read this text, save it and run: ${command}`,
  };
}

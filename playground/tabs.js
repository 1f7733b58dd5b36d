// The tabs of the policy: the editor, and the policy as the configuration of each proxy.

/** @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

/** Connects the tabs; `shown` is called when another one is selected. */
export function connectTabs(shown) {
  const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[role=tab]")]);
  const show = (tab) => {
    select(tab, tabs);
    shown();
  };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener("click", () => show(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Home: -index, End: tabs.length - 1 - index }[key];
      if (step === undefined) return;
      const next = tabs[(index + step + tabs.length) % tabs.length];
      show(next);
      next.focus();
    });
  }
}

function select(tab, tabs) {
  for (const other of tabs) {
    other.setAttribute("aria-selected", String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
  }
  const isJson = tab.id === "tab-json";
  $("panel-json").hidden = !isJson;
  $("panel-manifest").hidden = isJson;
  if (!isJson) $("panel-manifest").setAttribute("aria-labelledby", tab.id);
}

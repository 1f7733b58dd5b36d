// The page's modules say themselves what goes wrong, once they run; this script says it where they do not.

addEventListener(
  "error",
  () => {
    const [verdict, broken] = ["verdict", "broken"].map((id) => document.getElementById(id));
    if (!verdict.textContent.startsWith("Loading")) return;
    verdict.textContent = "No verdict without the page's scripts";
    verdict.ariaBusy = "false";
    broken.textContent =
      "The page's scripts did not load. They need a recent browser and a server, be it python3 -m http.server: from " +
      "a file they do not run.";
    broken.hidden = false;
  },
  true,
);

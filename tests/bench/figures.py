"""Writes the figures of scripts/bench into the documents, between the markers of each part, and holds those that
scripts/test counts to the module.

    python3 tests/bench/figures.py                              checks that the markers are there
    scripts/build --sizes | python3 tests/bench/figures.py sizes   writes the size of each part
"""

import os
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).parents[2]
EXPLANATION = ROOT / "docs/src/explanation"
# Where documents name what scripts/test counts: instructions by kind of request, and the size of the module.
COUNTED = [
    ("README.md", "cost no more | {no Origin}, {actual, allowed}, {preflight, allowed} |"),
    ("README.md", "(docs/src/explanation/cost.md) | {size} bytes |"),
    (
        "docs/src/explanation/cost.md",
        "These are {no Origin} without\n`Origin`, {actual, allowed} and {actual, refused} for an allowed and a refused "
        "actual request, {preflight, allowed} and {preflight, refused} for preflights.",
    ),
    ("docs/src/explanation/cost.md", "The module has {size} bytes"),
]
BLOCKS = [
    ("cost.md", "instructions"),
    ("cost.md", "calls"),
    ("cost.md", "requests"),
    ("cost.md", "start"),
    ("cost.md", "compilation"),
    ("cost.md", "configuration"),
    ("cost.md", "scale"),
    ("cost.md", "sizes"),
    ("wasm-or-native.md", "instructions"),
]
# The names of the variants in the documents, in order.
ROWS = {
    "no filter": "no filter",
    "Envoy's cors": "Envoy's own filter",
    "Lua": "a Lua filter with the same behaviour",
    "floor": "the floor",
    "SDK's floor": "the floor on the SDK",
    "cors.wasm": "**`dist/cors.wasm`**",
    "libcors.so": "**`dist/libcors.so`**",
    "plain build": "plain `cargo build`",
}
RATIOS = {
    "added cors.wasm / floor": "added: `cors.wasm` / the floor",
    "added SDK's floor / floor": "added: the floor on the SDK / the floor",
    "added plain build / floor": "added: the plain build / the floor",
    "total cors.wasm / Envoy's cors": "in total: Envoy with `cors.wasm` / with its own filter",
    "total libcors.so / Envoy's cors": "in total: Envoy with `libcors.so` / with its own filter",
    "total floor / Envoy's cors": "in total: Envoy with the floor / with its own filter",
}


def counted(figures):
    """Fails if a document has other figures than these; with BLESS=1, writes them."""
    for name, template in COUNTED:
        path = ROOT / name
        text = path.read_text()
        pattern = re.sub(r"\\{.*?\\}", "[0-9,]+", re.escape(template))
        if len(re.findall(pattern, text)) != 1:
            raise SystemExit(f"{name} needs once: {template}")
        present = re.sub(r"\{(.*?)\}", lambda place: f"{figures[place[1]]:,}", template)
        if os.environ.get("BLESS"):
            path.write_text(re.sub(pattern, present, text))
        elif present not in text:
            raise SystemExit(f"{name} has other figures; BLESS=1 scripts/test 37-cost writes: {present}")


def write(part, result):
    """Writes the figures of one part of scripts/bench."""
    for document, block, text in globals()[part](result):
        replace(EXPLANATION / document, block, text)


def sizes(lines):
    """The lines of scripts/build --sizes."""
    parts = [re.fullmatch(r" *(\d+) bytes +\d+ × (.*)\n", line) for line in lines]
    rows = [f"| {part[2]} | {int(part[1]) / 1000:.0f} |" for part in parts if part]
    if len(rows) < 5:
        raise SystemExit("needs the output of scripts/build --sizes")
    yield "cost.md", "sizes", "\n".join(["| part | KB |", "|---|---|", *rows])


def replace(document, block, text):
    before, _, after = split(document, block)
    document.write_text(f"{before}\n{text.strip()}\n\n{after}")
    print(f"written into {document}: {block}")


def split(document, block):
    """What is up to the first marker of a block, between the markers, and from the second one; each is there once."""
    start, end = f"<!-- figures of scripts/bench: {block} -->\n", "<!-- end of the figures -->"
    before, found, rest = document.read_text().partition(start)
    between, found_end, after = rest.partition(end)
    if not found or not found_end or start in rest or "<!--" in between:
        raise SystemExit(f"{document} needs once: {start}{end}")
    return before + start, between, end + after


def instructions(result):
    part = result["instructions"]
    counted, ratios = part["figures"]["Ir"], part["ratios"]["Ir"]
    kinds = list(counted)
    of = f"Of {result['counted']} requests of each kind"
    # Some variants alone are enough for the second document.
    if "bodies" in part:
        misses = ratio_rows(part["ratios"]["I1mr"], "added")
        lines = [
            f"{of}, with `cors.wasm` of {result['bytes']['shipped']:,} bytes and `libcors.so` of {result['bytes']['native']:,}.",
            "",
            *table("", kinds, {row: [f"{counted[kind][name][0]:,.0f}" for kind in kinds] for name, row in ROWS.items()}),
            "",
            *table("ratio", kinds, ratio_rows(ratios) | {f"misses of a simulated instruction cache, {row}": cells for row, cells in misses.items()}),
            "",
            "With a body, to an upstream, per request:",
            "",
            *bodies(part["bodies"]["Ir"]),
        ]
        yield "cost.md", "instructions", "\n".join(lines)
    added = {
        ROWS[name]: [f"{counted[kind][name][0] - counted[kind]['no filter'][0]:,.0f}" for kind in kinds]
        for name in ("Envoy's cors", "libcors.so", "cors.wasm")
        if name in counted[kinds[0]]
    }
    totals = ratio_rows(ratios, "total")
    totals.pop(RATIOS["total floor / Envoy's cors"], None)
    lines = [f"{of}, with `libcors.so` of {result['bytes']['native']:,} bytes.", "", *table("", kinds, added | totals)]
    yield "wasm-or-native.md", "instructions", "\n".join(lines)


def bodies(counted):
    names = {"empty": "a module that does nothing", "cors.wasm": "`cors.wasm`"}
    rows = {
        row: [f"{of[name][0] - of['no filter'][0]:,.0f}" for of in counted.values()] for name, row in names.items()
    }
    return table("instructions added by", list(counted), rows)


def calls(result):
    rows = {name: [f"{price:,.0f}"] for name, price in result["calls"].items()}
    yield "cost.md", "calls", "\n".join(table("cost in the host, for any module", ["instructions"], rows))


def requests(result):
    part = result["requests"]
    kinds = list(part["figures"])
    cell = "{mean:.1f} ({low:.1f} to {high:.1f})"
    rows = {row: [cell.format(**spread(part["figures"][kind][name])) for kind in kinds] for name, row in ROWS.items()}
    lines = [
        f"On {result['machine']['cpu']}: the mean of {result['processes']} Envoys, and their lowest and highest, in µs.",
        "",
        *table("", kinds, rows),
        "",
        *table("ratio", kinds, ratio_rows(part["ratios"])),
    ]
    yield "cost.md", "requests", "\n".join(lines)


def start(result):
    columns = ["CPU ms until ready", "CPU ms 1 s later", "resident MiB"]
    rows = {name: [f"{value:.1f}" for value in of.values()] for name, of in result["start"].items()}
    lines = [f"On {result['machine']['cpu']}, medians of {result['rounds']} starts:", "", *table("", columns, rows)]
    yield "cost.md", "start", "\n".join(lines)


def compilation(result):
    rows = {
        name: [f"{of['bytes']:,}", f"{of['instructions'] / 1e6:,.0f}"] for name, of in result["compilation"].items()
    }
    yield "cost.md", "compilation", "\n".join(table("", ["bytes", "million instructions"], rows))


def configuration(result):
    columns = ["bytes", "CPU ms", "memory MiB"]
    rows = {
        name: [f"{of['bytes']:,}", f"{of['cpu_ms']:.0f}", f"{of['memory'] / 2**20:.1f}"]
        for name, of in result["configuration"].items()
    }
    lines = [f"On {result['machine']['cpu']}:", "", *table("", columns, rows)]
    yield "cost.md", "configuration", "\n".join(lines)


def scale(result):
    lines = [f"On {result['machine']['cpu']}, µs of a request, the quartile of {result['windows']} windows:", ""]
    lines += ["| | |", "|---|---|"]
    for name, of in result["scale"].items():
        if name == "request headers":
            cells = [f"{size}: {v['no filter'][0]:.1f} without, {v['cors.wasm'][0]:.1f} with the filter" for size, v in of.items()]
        else:
            cells = [f"{size}: {values[0]:.1f}" for size, values in of.items()]
        lines.append(f"| {name} | {'; '.join(cells)} |")
    yield "cost.md", "scale", "\n".join(lines)


def ratio_rows(ratios, start=""):
    """The rows of ratios whose names start so."""
    names = [name for name in RATIOS if name.startswith(start) and all(name in of for of in ratios.values())]
    return {RATIOS[name]: [ratio(of[name]) for of in ratios.values()] for name in names}


def ratio(of):
    """A ratio, with its standard error if it was timed."""
    return f"{of['ratio']:.2f}" + (f" ± {of['error']:.2f}" if of["error"] else "")


def spread(values):
    return {"mean": statistics.mean(values), "low": min(values), "high": max(values)}


def table(corner, columns, rows):
    columns = [re.sub(r"^no Origin", "no `Origin`", column) for column in columns]
    yield f"| {corner} | {' | '.join(columns)} |"
    yield "|" + "---|" * (len(columns) + 1)
    for name, cells in rows.items():
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    if sys.argv[1:] == ["sizes"]:
        write("sizes", sys.stdin)
    for name, block in BLOCKS:
        split(EXPLANATION / name, block)

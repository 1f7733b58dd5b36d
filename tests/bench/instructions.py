"""Counts the instructions that a module runs for each kind of request, by wasmtime's fuel.

    python3 tests/bench/instructions.py [--limits FILE] [--scale] MODULE.wasm...    needs the package `wasmtime` of PyPI

The limits apply to the first module, and so do the figures in the documents and the scale: the instructions as
configurations grow. One request is counted after many, so that nothing grows any more. The host's own work is not
included: the count covers the filter's own work, and other load on the machine does not change it.
"""

import argparse
import json
import pathlib
import sys

from wasmtime import Config, Engine, Module, Store

sys.path[:0] = [str(pathlib.Path(__file__).parents[1]), str(pathlib.Path(__file__).parent)]
import bench
import figures
import other_host

WARM_UP, FUEL = 200, 10**12
# The limit for one more regular expression that does not match.
EACH_EXPRESSION = 1_000


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limits", type=pathlib.Path)
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("modules", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    counts = [count(module, bench.POLICY, bench.KINDS) for module in options.modules]
    print(f"{'instructions':20}" + "".join(f"{module.name:>16}" for module in options.modules))
    for kind in bench.KINDS:
        print(f"{kind['name']:20}" + "".join(f"{seen[kind['name']]:16}" for seen in counts))
    if options.limits:
        check(counts[0], json.loads(options.limits.read_text()), options.limits)
        figures.counted(counts[0] | {"size": options.modules[0].stat().st_size})
    if options.scale:
        scale(options.modules[0])


def check(counts, limits, path):
    over = [name for name, limit in limits.items() if counts[name] > limit]
    for name in over:
        print(f"{name}: {counts[name]} instructions, more than {limits[name]}", file=sys.stderr)
    if over:
        sys.exit(f"spare some, or raise the limit in {path} with the reason in the commit")


def scale(module):
    """An actual request must not take a tenth more as the configuration grows, except for each regular expression."""
    print("as the configuration grows:")
    for name, sizes, policy, kind in bench.SCALES:
        seen = {size: count(module, policy(size), [kind])[kind["name"]] for size in sizes}
        print(f"{name:20}" + ", ".join(f"{size}: {instructions}" for size, instructions in seen.items()))
        smallest, largest = seen[sizes[0]], seen[sizes[-1]]
        each = sizes[-1] - sizes[0] if name == "regular expressions" else 0
        if largest > 1.1 * smallest + each * EACH_EXPRESSION:
            sys.exit(f"{name}: {largest} instructions with {sizes[-1]} of them, {smallest} with {sizes[0]}")


def count(path, policy, kinds):
    """The instructions of each kind of request."""
    config = Config()
    config.consume_fuel = True
    engine = Engine(config)
    other_host.Store = fuelled_store
    module = Module.from_file(engine, str(path))
    plugin = other_host.Plugin(engine, module, other_host.Difference("like Envoy"), json.dumps(policy).encode())
    seen = {}
    for kind in kinds:
        headers = {":method": kind["method"], ":authority": "a.example", ":path": "/"} | kind["headers"]
        request = [(name, value.encode()) for name, value in headers.items()]
        for _ in range(WARM_UP):
            before = plugin.store.get_fuel()
            plugin.send(request, [(":status", b"200")])
            seen[kind["name"]] = before - plugin.store.get_fuel()
    return seen


def fuelled_store(engine):
    store = Store(engine)
    store.set_fuel(FUEL)
    return store


if __name__ == "__main__":
    main()

"""Counts the instructions that a module runs for each kind of request, by wasmtime's fuel.

    python3 tests/bench/instructions.py [--limits FILE] MODULE.wasm...    needs the package `wasmtime` of PyPI

The limits are for the first module. One request after many, so that nothing grows any more. The host's own work is not in it: what is
counted is what the filter can do better or worse, and no other load on the machine changes it.
"""

import argparse
import json
import pathlib
import sys

from wasmtime import Config, Engine, Module, Store

sys.path[:0] = [str(pathlib.Path(__file__).parents[1]), str(pathlib.Path(__file__).parent)]
import bench
import other_host

WARM_UP, FUEL = 1000, 10**12


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--limits", type=pathlib.Path)
    parser.add_argument("modules", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    counts = [count(module) for module in options.modules]
    print(f"{'instructions':20}" + "".join(f"{module.name:>16}" for module in options.modules))
    for kind in bench.KINDS:
        print(f"{kind['name']:20}" + "".join(f"{seen[kind['name']]:16}" for seen in counts))
    if options.limits:
        check(counts[0], json.loads(options.limits.read_text()), options.limits)


def check(counts, limits, path):
    over = [name for name, limit in limits.items() if counts[name] > limit]
    for name in over:
        print(f"{name}: {counts[name]} instructions, more than {limits[name]}", file=sys.stderr)
    if over:
        sys.exit(f"spare some, or raise the limit in {path} with the reason in the commit")


def count(path):
    """The instructions of each kind of request."""
    config = Config()
    config.consume_fuel = True
    engine = Engine(config)
    other_host.Store = fuelled_store
    module = Module.from_file(engine, str(path))
    policy = json.dumps(bench.POLICY).encode()
    plugin = other_host.Plugin(engine, module, other_host.Difference("like Envoy"), policy)
    seen = {}
    for kind in bench.KINDS:
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

#!/usr/bin/env python3
"""Measures the cost of the filter in a real Envoy, compared with alternatives. Run it with scripts/bench.

One Envoy with one worker has a listener for each variant, so that all share one process and one run.
Envoy has one core, the load another. A window is a fixed number of requests to one variant, about ten
milliseconds; a round has one window of each variant, in random order. The figure of a process is the quartile of its
windows' CPU time for a request, which other load disturbs least. What a variant adds is the median of the differences
from the window without a filter in the same round: the speed of a machine changes from second to second, and both
windows of a round have the same. One process differs from the next, because V8 puts code elsewhere: there are several.
"""

import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import platform
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import figures

HERE = pathlib.Path(__file__).parent
CORES = sorted(os.sched_getaffinity(0))
APP, EVIL = "https://app.example.com", "https://evil.example"
POLICY = {
    "allowOrigins": [APP, "https://*.dev.example.com"],
    "allowMethods": ["GET", "POST", "PUT", "DELETE"],
    "allowHeaders": ["content-type", "authorization"],
    "exposeHeaders": ["x-request-id"],
    "allowCredentials": True,
    "maxAge": 600,
}
PREFLIGHT = {"access-control-request-method": "PUT", "access-control-request-headers": "content-type"}
GRANT = {
    "access-control-allow-origin": APP,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "x-request-id",
    "vary": "Origin",
}
ANSWER = GRANT | {
    "access-control-allow-methods": "GET, POST, PUT, DELETE",
    "access-control-allow-headers": "content-type, authorization",
    "access-control-max-age": "600",
}
# Each kind of request, and the answer: status and headers of CORS.
KINDS = [
    {"name": "no Origin", "method": "GET", "headers": {}, "answer": (200, {"vary": "Origin"})},
    {"name": "actual, allowed", "method": "GET", "headers": {"origin": APP}, "answer": (200, GRANT)},
    {"name": "actual, refused", "method": "GET", "headers": {"origin": EVIL}, "answer": (200, {"vary": "Origin"})},
    {"name": "preflight, allowed", "method": "OPTIONS", "headers": {"origin": APP, **PREFLIGHT}, "answer": (204, ANSWER)},
    {"name": "preflight, refused", "method": "OPTIONS", "headers": {"origin": EVIL, **PREFLIGHT}, "answer": (403, {"vary": "Origin"})},
]
# The same with an upstream that sends Vary, as those do that compress.
VARYING = [
    {**kind, "name": f"{kind['name']}, `Vary` of the upstream", "path": "/vary", "answer": (200, answer | {"vary": "accept-encoding,Origin"})}
    for kind, answer in ((KINDS[0], {}), (KINDS[1], GRANT))
]
CHUNK = b"x" * (16 << 10)
BODIES = [
    {
        "name": f"{chunks} chunks of {len(CHUNK) >> 10} KiB" if chunks else "an empty body",
        "method": "POST",
        "headers": {"origin": APP, "content-length": str(chunks * len(CHUNK))},
        "chunks": chunks,
        "counted": 100,
        "answer": (200, GRANT),
    }
    for chunks in (0, 64)
]
# The host call that the module of calls.wat makes ten times per request (a reply once), by the header x-call.
REPLY = "a reply of one header, instead of the fault filter's"
CALLS = {
    "the question for x-call alone": None,
    "nothing": 0,
    "reading a header, absent": 1,
    "reading a header, present": 2,
    "reading all headers": 3,
    "counting": 4,
    "setting a new property": 5,
    "removing a header, absent": 6,
    "writing a new header": 7,
    REPLY: 8,
}
# The events that callgrind counts, by its names.
EVENTS = {"Ir": "instructions of a request", "I1mr": "misses of an instruction cache of 32 KiB"}
PROGRAMS = ("envoy", "load", "node", "shipped", "native", "plain", "inlined", "floor", "sdk_floor", "calls", "empty")
# Requests of each kind and variant before those that are counted or timed.
WARM_UP = 100
# The differences of Envoy's own filter: no Vary, 200, refused preflights are forwarded.
NATIVE = {
    "no Origin": (200, {}),
    "actual, refused": (200, {}),
    "actual, allowed": (200, {name: value for name, value in GRANT.items() if name != "vary"}),
    "preflight, allowed": (200, {n: v.replace(", ", ",") for n, v in ANSWER.items() if n != "vary"}),
    "preflight, refused": (200, {}),
    VARYING[0]["name"]: (200, {"vary": "accept-encoding"}),
    VARYING[1]["name"]: (200, GRANT | {"vary": "accept-encoding"}),
}


# What each option of a number counts.
NUMBERS = {
    "processes": (8, "Envoys that requests are timed in, one after the other"),
    "windows": (60, "windows of each kind and variant in each of them"),
    "size": (300, "requests of a window"),
    "counted": (1000, "requests of each kind and variant whose instructions are counted"),
    "rounds": (15, "starts of each variant"),
}


def main():
    options = parse_arguments()
    if len(CORES) < 2:
        sys.exit("needs two cores: one for Envoy, one for the load")
    result = {"machine": machine()} | {name: getattr(options, name) for name in NUMBERS}
    result["bytes"] = {name: getattr(options, name).stat().st_size for name in ("shipped", "native", "plain")}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        for part in options.parts:
            result[part] = getattr(bench, part)()
            options.json.write_text(json.dumps(result, indent=1) + "\n")
            if options.write:
                figures.write(part, result)
    print(f"\nwritten to {options.json}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in PROGRAMS:
        parser.add_argument(f"--{name.replace('_', '-')}", required=True, type=pathlib.Path)
    parser.add_argument("--json", required=True, type=pathlib.Path, help="where the figures go")
    for name, (default, text) in NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} (default {default})")
    parser.add_argument("--variants", type=lambda text: text.split(","), help="of requests and instructions, with commas between (default all)")
    parser.add_argument("--write", action="store_true", help="also write the figures into the documents")
    parts = ["requests", "instructions", "calls", "scale", "configuration", "start", "compilation"]
    parser.add_argument("parts", nargs="*", default=parts, metavar="PART", help=f"of {', '.join(parts)} (default all)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no such part: {', '.join(unknown)}")
    if options.write and options.variants and "requests" in options.parts:
        parser.error("the documents have the CPU time of all variants: leave --variants out")
    for name in (*PROGRAMS, "json"):
        setattr(options, name, getattr(options, name).absolute())
    return options


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder

    def requests(self):
        """Every variant and kind: CPU µs of a request, and the ratios that matter."""
        variants = self.variants()
        kinds = KINDS + VARYING
        measured, added = ({kind["name"]: {name: [] for name in variants} for kind in kinds} for _ in range(2))
        for number in range(self.options.processes):
            with self.envoy(variants) as envoy:
                envoy.check_all(kinds)
                for kind in kinds:
                    progress(f"Envoy {number + 1} of {self.options.processes}: {kind['name']}")
                    of = envoy.measure(kind)
                    for name, windows in of.items():
                        measured[kind["name"]][name].append(round(quartile(windows), 3))
                        if "no filter" in of:
                            differences = [window - base for window, base in zip(windows, of["no filter"], strict=True)]
                            added[kind["name"]][name].append(round(statistics.median(differences), 3))
            progress("")
        print("\nCPU µs of a request: mean (lowest to highest) of the processes")
        print_table(measured)
        print("\nratios, with their standard error")
        return {"figures": measured, "added": added, "ratios": print_ratios(measured, added)}

    def instructions(self):
        """The same in instructions, which other load on the machine does not change."""
        variants = self.variants()
        kinds = KINDS + VARYING
        # Valgrind leaves Envoy memory for at most three modules, so this one gets another Envoy.
        apart = {name: variants[name] for name in ("no filter", "SDK's floor") if name in variants}
        variants.pop("SDK's floor", None)
        measured = self.counts(variants, kinds)
        if len(apart) > 1:
            for event, figures_of in self.counts(apart, kinds).items():
                for kind, of in figures_of.items():
                    # The difference from this Envoy without a filter.
                    here = measured[event][kind]
                    here["SDK's floor"] = [of["SDK's floor"][0] - of["no filter"][0] + here["no filter"][0]]
        ratios = {}
        for event, figures_of in measured.items():
            print(f"\n{EVENTS[event]}: ratios")
            added = {
                kind: {name: [count[0] - costs["no filter"][0]] for name, count in costs.items() if "no filter" in costs}
                for kind, costs in figures_of.items()
            }
            ratios[event] = print_ratios(figures_of, added)
        if self.options.variants:
            return {"figures": measured, "ratios": ratios}
        print("\nto an upstream, by the chunks of the body")
        variants = {
            "no filter": Variant(),
            # The cost of a chunk for any filter, whatever it does.
            "empty": Variant(wasm_filter(self.options.empty, {}), {kind["name"]: (200, {}) for kind in BODIES}),
            "cors.wasm": Variant(wasm_filter(self.options.shipped, POLICY)),
        }
        with Upstream() as upstream:
            bodies = self.counts(variants, BODIES, upstream.server_port)
        return {"figures": measured, "ratios": ratios, "bodies": bodies}

    def calls(self):
        """The cost of entering any module and of each host call, in instructions."""
        variants = {
            "no filter": Variant(),
            "empty": Variant(wasm_filter(self.options.empty, {})),
            "calls": Variant(wasm_filter(self.options.calls, {}), {REPLY: (403, {"vary": "Origin"})}),
        }
        kinds = [
            {"name": name, "method": "GET", "headers": {} if number is None else {"x-call": str(number)}, "answer": (200, {})}
            for name, number in CALLS.items()
        ]
        counted = self.counts(variants, kinds)["Ir"]
        added = {name: of["calls"][0] - of["no filter"][0] for name, of in counted.items()}
        empty = counted["nothing"]["empty"][0] - counted["nothing"]["no filter"][0]
        prices = {name: (added[name] - added["nothing"]) / 10 for name, number in CALLS.items() if number}
        prices[REPLY] *= 10
        entered = added["the question for x-call alone"] - empty - prices["reading a header, absent"]
        prices = {"a filter that is never entered": empty, "entering the module, once of four": entered / 4} | prices
        print("\nprices in instructions")
        for name, price in prices.items():
            print(f"{name:60}{price:10,.0f}")
        return prices

    def counts(self, variants, kinds, upstream=None):
        with CountedEnvoy(self.options, self.folder, variants, 1, upstream) as envoy:
            envoy.check_all(kinds)
            for kind in kinds:
                for name in variants:
                    progress(f"warming up: {kind['name']}, {name}")
                    envoy.send(name, kind, WARM_UP if "chunks" not in kind else 10)
            envoy.executed()
            counted = {kind["name"]: envoy.measure(kind) for kind in kinds}
        measured = {}
        for symbol, event in EVENTS.items():
            print(f"\n{event:40}" + "".join(f"{name:>14}" for name in variants))
            measured[symbol] = {}
            for kind, counts in counted.items():
                measured[symbol][kind] = {name: [count[symbol]] for name, count in counts.items()}
                print(f"{kind:40}" + "".join(f"{count[symbol]:14,.0f}" for count in counts.values()))
        return measured

    def variants(self):
        module = self.options
        variants = {
            "no filter": Variant(),
            "Envoy's cors": Variant(native_filter(), NATIVE, native_policy()),
            "Lua": Variant(lua_filter()),
            "floor": Variant(wasm_filter(module.floor, POLICY)),
            "SDK's floor": Variant(wasm_filter(module.sdk_floor, POLICY)),
            "cors.wasm": Variant(wasm_filter(module.shipped, POLICY)),
            "libcors.so": Variant(dynamic_filter(module.native, POLICY)),
            "plain build": Variant(wasm_filter(module.plain, POLICY)),
        }
        wanted = module.variants or list(variants)
        if unknown := set(wanted) - set(variants):
            sys.exit(f"no such variant: {', '.join(unknown)}; there are {', '.join(variants)}")
        if {"floor", "SDK's floor"} & set(wanted):
            # A floor is valid only if it does the same as the module.
            modules = [module.floor, module.sdk_floor, module.shipped, module.plain]
            subprocess.run([sys.executable, HERE / "traces.py", *modules], check=True)
        return {name: variant for name, variant in variants.items() if name in wanted}

    def scale(self):
        """The cost of a request as the configuration or the request grows."""
        result = {}
        for name, sizes, policy, kind in SCALES:
            variants = {"no filter": Variant()}
            for size in sizes:
                variants[str(size)] = Variant(wasm_filter(self.options.shipped, policy(size)))
            print(f"\n{name}: CPU µs of a request")
            with self.envoy(variants) as envoy:
                for size in sizes:
                    envoy.check(str(size), kind)
                result[name] = quartiles(envoy.measure(kind))
            print_table({name: result[name]})
        result["request headers"] = self.scale_headers()
        return result

    def scale_headers(self):
        print("\nbytes of request headers: CPU µs of a request")
        variants = {"no filter": Variant(), "cors.wasm": Variant(wasm_filter(self.options.shipped, POLICY))}
        result = {}
        with self.envoy(variants) as envoy:
            for kib in (0, 1, 4, 16, 60):
                more = {f"x-{index}": "v" * 1000 for index in range(kib)}
                kind = KINDS[1] | {"headers": KINDS[1]["headers"] | more}
                result[f"{kib} KiB"] = quartiles(envoy.measure(kind))
        print_table(result)
        return result

    def configuration(self):
        """CPU time and linear memory of one VM for configurations of some sizes, in Node's V8."""
        result = {}
        print(f"\n{'configuration':34} {'bytes':>9} {'CPU ms':>7} {'memory MiB':>11}")
        for name, sizes, policy, _ in SCALES:
            for size in sizes:
                file = self.folder / "configuration.json"
                file.write_text(json.dumps(policy(size)))
                command = ["node", HERE / "configure.mjs", self.options.shipped, file]
                seen = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
                result[f"{name}: {size}"] = seen
                print(f"{size:>8} {name:25} {seen['bytes']:9} {seen['cpu_ms']:7.1f} {seen['memory'] / 2**20:11.2f}")
        return result

    def start(self):
        """CPU time until Envoy is ready and its memory then, without and with the filter."""
        variants = {
            "no filter": Variant(),
            "floor": Variant(wasm_filter(self.options.floor, POLICY)),
            "SDK's floor": Variant(wasm_filter(self.options.sdk_floor, POLICY)),
            "cors.wasm": Variant(wasm_filter(self.options.shipped, POLICY)),
            "libcors.so": Variant(dynamic_filter(self.options.native, POLICY)),
            "plain build": Variant(wasm_filter(self.options.plain, POLICY)),
        }
        seen = {}
        for _ in range(self.options.rounds):
            for name, variant in variants.items():
                for workers in (1, 2, 4):
                    with self.envoy({name: variant}, workers) as envoy:
                        figures = seen.setdefault(f"{name}, workers: {workers}", {"cpu_ms": [], "settled_ms": [], "rss_mib": []})
                        figures["cpu_ms"].append(envoy.cpu() / 1e6)
                        time.sleep(1)  # V8 may compile in the background
                        figures["settled_ms"].append(envoy.cpu() / 1e6)
                        figures["rss_mib"].append(envoy.resident_memory() / 2**20)
        result = {}
        print(f"\n{'until ready':26} {'CPU ms':>8} {'1 s later':>10} {'resident MiB':>13}")
        for name, figures in seen.items():
            result[name] = {unit: round(statistics.median(values), 1) for unit, values in figures.items()}
            print(f"{name:26} " + "{cpu_ms:8.1f} {settled_ms:10.1f} {rss_mib:13.1f}".format(**result[name]))
        return result

    def compilation(self):
        """The instructions of V8 to compile a module as Envoy's does: every function, without the baseline compiler."""
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={self.folder / 'compilation'}", self.options.node]
        command += ["--no-liftoff", "--no-wasm-lazy-compilation", "--single-threaded", HERE / "compile.mjs"]
        nothing = self.folder / "nothing.wasm"
        nothing.write_bytes(b"\0asm\1\0\0\0")
        modules = {name: getattr(self.options, name) for name in ("floor", "sdk_floor", "shipped", "inlined", "plain")}
        counted = {}
        for name, module in ({"nothing": nothing} | modules).items():
            progress(f"compiling {module.name} under callgrind")
            output = subprocess.run([*command, module], check=True, capture_output=True, text=True).stderr
            counted[name] = int(re.search(r"Collected : (\d+)", output)[1])
        progress("")
        result = {}
        print(f"\n{'V8 compiles':26} {'bytes':>9} {'million instructions':>21}")
        for name, module in modules.items():
            figures = {"bytes": module.stat().st_size, "instructions": max(0, counted[name] - counted["nothing"])}
            result[module.name] = figures
            print(f"{module.name:26} {figures['bytes']:9} {figures['instructions'] / 1e6:21.0f}")
        return result

    def envoy(self, variants, workers=1):
        return Envoy(self.options, self.folder, variants, workers)


class Variant:
    """One way of doing CORS: filters of Envoy, and the answers that differ from ours."""

    def __init__(self, filters=(), answers=(), per_filter_config=None):
        self.filters, self.answers, self.per_filter_config = list(filters), dict(answers), per_filter_config


class Envoy(contextlib.AbstractContextManager):
    """A running Envoy with one listener for each variant."""

    SECONDS_TO_START = 60

    def __init__(self, options, folder, variants, workers, upstream=None):
        self.options, self.folder, self.variants = options, folder, variants
        self.ports = {name: free_port() for name in variants}
        resources = {"listeners": [listener(self.ports[name], variant, upstream) for name, variant in variants.items()]}
        if upstream:
            resources["clusters"] = [cluster(upstream)]
        config = folder / "envoy.json"
        # What Envoy does from time to time is not part of the requests: statistics are flushed as rarely as it permits,
        # and nothing watches its threads.
        never = {"miss_timeout": "3600s", "megamiss_timeout": "3600s"}
        watchdogs = {"main_thread_watchdog": never, "worker_watchdog": never}
        bootstrap = {"stats_flush_interval": "299s", "watchdogs": watchdogs, "static_resources": resources}
        config.write_text(json.dumps(bootstrap))
        command = [options.envoy, "-c", config, "--concurrency", str(workers), "--log-level", "warning"]
        self.log = (folder / "envoy.log").open("w")
        self.process = subprocess.Popen(
            [*self.runner(), *command, "--use-dynamic-base-id"], stdout=self.log, stderr=self.log
        )
        for port in self.ports.values():
            self.wait_for(port)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

    def runner(self):
        return ["taskset", "-c", str(CORES[0])]

    def wait_for(self, port):
        deadline = time.monotonic() + self.SECONDS_TO_START
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), 1).close()
            time.sleep(0.02)
        sys.exit(f"Envoy did not start:\n{(self.folder / 'envoy.log').read_text()}")

    def check_all(self, kinds):
        for name in self.variants:
            for kind in kinds:
                self.check(name, kind)

    def check(self, name, kind):
        """A figure for wrong answers would be useless."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=60)
        connection.request(kind["method"], path_of(kind), body_of(kind), kind["headers"])
        response = connection.getresponse()
        of_cors = lambda header: header == "vary" or header.startswith("access-control-")
        # Some join with a comma alone, some with a space behind.
        seen = response.status, {n.lower(): v for n, v in response.getheaders() if of_cors(n.lower())}
        connection.close()
        expected = self.variants[name].answers.get(kind["name"], kind["answer"])
        if name == "no filter":
            expected = (200, {"vary": "accept-encoding"} if "path" in kind else {})
        if with_one_spelling(seen) != with_one_spelling(expected):
            sys.exit(f"{name}, {kind['name']}: the answer is {seen}, not {expected}")

    def measure(self, kind):
        """The CPU µs of a request in the window of each round, for each variant."""
        lines = {"host": "127.0.0.1"} | kind["headers"]
        text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        request = self.folder / "request"
        request.write_text(f"{kind['method']} {path_of(kind)} HTTP/1.1\r\n{text}\r\n")
        command = ["taskset", "-c", str(CORES[1]), self.options.load, request]
        windows = {name: [] for name in self.variants}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:

            def window(name, count):
                before = self.cpu()
                print(self.ports[name], count, file=load.stdin, flush=True)
                if not load.stdout.readline():
                    sys.exit(f"requests failed: {name}, {kind['name']}")
                return (self.cpu() - before) / 1000 / count

            for name in self.variants:
                window(name, WARM_UP)
            for _ in range(self.options.windows):
                for name in random.sample(list(self.variants), len(self.variants)):
                    # The code of this variant has left the caches since its last window.
                    window(name, self.options.size // 10)
                    windows[name].append(window(name, self.options.size))
            load.stdin.close()
        return windows

    def cpu(self):
        """CPU ns that the process has used, by the kernel's clock of that process."""
        return time.clock_gettime_ns(~self.process.pid << 3 | 2)

    def resident_memory(self):
        pages = pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class CountedEnvoy(Envoy):
    """An Envoy that runs under callgrind, fifty times slower."""

    SECONDS_TO_START = 1200
    dumps = 0

    def runner(self):
        out = self.folder / "callgrind"
        # V8 writes code while it runs, and may write other code to the same place.
        code = "--smc-check=all-non-file"
        caches = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=1048576,16,64"]
        return ["valgrind", "--tool=callgrind", "--separate-threads=yes", code, *caches, f"--callgrind-out-file={out}"]

    def wait_for(self, port):
        progress("Envoy starts under callgrind, which takes some minutes")
        super().wait_for(port)

    def measure(self, kind):
        """The counts of a request, by event, for each variant."""
        counts = {}
        number = kind.get("counted", self.options.counted)
        for name in self.variants:
            progress(f"{kind['name']}: {name}")
            self.send(name, kind, number)
            counts[name] = {event: count / number for event, count in self.executed().items()}
        progress("")
        return counts

    def send(self, name, kind, count):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=60)
        for _ in range(count):
            connection.request(kind["method"], path_of(kind), body_of(kind), kind["headers"])
            connection.getresponse().read()
        connection.close()

    def executed(self):
        """The counts of all events since the last call, of the thread that ran most: the worker."""
        self.dumps += 1
        subprocess.run(["callgrind_control", "--dump", str(self.process.pid)], check=True, capture_output=True)
        deadline = time.monotonic() + 60
        before = []
        while time.monotonic() < deadline:
            dumps = sorted(self.folder.glob(f"callgrind.{self.dumps}-*"))
            texts = [dump.read_text() for dump in dumps]
            totals = [re.search(r"^totals: (.+)", text, re.MULTILINE) for text in texts]
            if dumps and dumps == before and all(totals):
                for dump in dumps:
                    dump.unlink()
                names = re.search(r"^events: (.+)", texts[0], re.MULTILINE)[1].split()
                # Zeros at the end are left out.
                counts = [dict(zip(names, map(int, found[1].split()), strict=False)) for found in totals]
                return max(counts, key=lambda count: count[names[0]])
            before = dumps
            time.sleep(0.2)
        sys.exit(f"callgrind wrote no count:\n{(self.folder / 'envoy.log').read_text()}")


class Upstream(http.server.ThreadingHTTPServer):
    """Answers 200 once it has read the body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


def with_one_spelling(answer):
    """A status and headers, with one way to write lists."""
    status, headers = answer
    return status, {name: value.replace(", ", ",") for name, value in headers.items()}


def path_of(kind):
    return kind.get("path", "/")


def body_of(kind):
    """Chunks with a pause before each, so that Envoy reads each one separately; None without a body."""
    return paced(kind["chunks"]) if kind.get("chunks") else None


def paced(chunks):
    for _ in range(chunks):
        time.sleep(0.005)
        yield CHUNK


def listener(port, variant, upstream):
    # Answers 200 instead of an upstream, whose time would be measured too. A direct response
    # of the route would work, but Envoy's own filter skips those.
    fault = typed_filter("envoy.filters.http.fault", "fault.v3.HTTPFault", abort={"http_status": 200, "percentage": {"numerator": 100}})
    # On the path /vary, what answers sends a Vary. The filter is not in the chain of other requests.
    vary = {"append": {"header": {"key": "vary", "value": "accept-encoding"}}}
    mutation = typed_filter("vary", "header_mutation.v3.HeaderMutation") | {"disabled": True}
    of_route = typed_filter("vary", "header_mutation.v3.HeaderMutationPerRoute", mutations={"response_mutations": [vary]})
    filters = [
        *variant.filters,
        *([] if upstream else [mutation, fault]),
        typed_filter("envoy.filters.http.router", "router.v3.Router"),
    ]
    route = {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}
    varying = route | {"match": {"path": "/vary"}, "typed_per_filter_config": {"vary": of_route["typed_config"]}}
    host = {"name": "all", "domains": ["*"], "routes": [route] if upstream else [varying, route]}
    if variant.per_filter_config:
        host["typed_per_filter_config"] = variant.per_filter_config
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "max_request_headers_kb": 96,
        "route_config": {"virtual_hosts": [host], "validate_clusters": False},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    return {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}, "filter_chains": [chain]}


def cluster(port):
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {"name": "upstream", "load_assignment": {"cluster_name": "upstream", "endpoints": endpoints}}


def typed_filter(name, kind, **config):
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.filters.http.{kind}", **config}}


def wasm_filter(module, policy):
    config = {
        "name": "cors",
        "configuration": {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": json.dumps(policy)},
        # A separate VM for each, so that the last configuration is measured alone.
        "vm_config": {"vm_id": f"{module}{free_number()}", "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(module)}}},
    }
    return [typed_filter("cors", "wasm.v3.Wasm", config=config)]


def dynamic_filter(module, policy):
    """The dynamic module."""
    configuration = {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": json.dumps(policy)}
    load = {"module": {"local": {"filename": str(module)}}}
    return [typed_filter("cors", "dynamic_modules.v3.DynamicModuleFilter", dynamic_module_config=load, filter_config=configuration)]


def native_filter():
    return [typed_filter("envoy.filters.http.cors", "cors.v3.Cors")]


def native_policy():
    policy = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [
            {"exact": APP},
            {"safe_regex": {"regex": r"https://[a-z0-9.-]+\.dev\.example\.com"}},
        ],
        "allow_methods": ",".join(POLICY["allowMethods"]),
        "allow_headers": ",".join(POLICY["allowHeaders"]),
        "expose_headers": ",".join(POLICY["exposeHeaders"]),
        "max_age": str(POLICY["maxAge"]),
        "allow_credentials": True,
    }
    return {"envoy.filters.http.cors": policy}


def lua_filter():
    return [typed_filter("envoy.filters.http.lua", "lua.v3.Lua", default_source_code={"inline_string": (HERE / "cors.lua").read_text()})]


def origins(count):
    return POLICY | {"allowOrigins": [f"https://app-{index}.example.com" for index in range(1, count)] + [APP]}


def wildcards(count):
    return POLICY | {"allowOrigins": [f"https://*.team-{index}.example.com" for index in range(1, count)] + ["https://*.example.com"]}


def regexes(count):
    rest = [rf"https://app-{index}-[a-z]+\.example\.com" for index in range(1, count)]
    return {name: value for name, value in POLICY.items() if name != "allowOrigins"} | {
        "allowOriginRegexes": [*rest, r"https://app\.example\.com"]
    }


def rules(count):
    # The last rule governs the bench's requests; the others have other hosts and paths.
    some = [
        {"match": {"hostnames": [f"api-{index}.example.com"], "pathPrefixes": [f"/v{index % 10}"]}, "policyRef": "p"}
        for index in range(1, count)
    ]
    last = {"match": {"hostnames": ["a.example"], "pathPrefixes": ["/"]}, "policyRef": "p"}
    return {"policies": {"p": POLICY}, "rules": [*some, last]}


SCALES = [
    ("exact origins", (1, 100, 10_000, 100_000), origins, KINDS[1]),
    ("wildcard origins", (1, 100, 10_000, 100_000), wildcards, KINDS[1]),
    ("rules", (1, 100, 1_000, 10_000), rules, KINDS[1] | {"headers": {"Host": "a.example", "origin": APP}}),
    ("regular expressions", (1, 10, 100, 1_000), regexes, KINDS[1]),
]


def quartile(values):
    """The value that a quarter of them do not reach."""
    return sorted(values)[len(values) // 4]


def quartiles(windows):
    return {name: [round(quartile(values), 3)] for name, values in windows.items()}


# The name of each ratio, and its two variants. "added" is the difference from Envoy without a filter.
RATIOS = [
    ("added cors.wasm / floor", "cors.wasm", "floor"),
    ("added SDK's floor / floor", "SDK's floor", "floor"),
    ("added plain build / floor", "plain build", "floor"),
    ("total cors.wasm / Envoy's cors", "cors.wasm", "Envoy's cors"),
    ("total libcors.so / Envoy's cors", "libcors.so", "Envoy's cors"),
    ("total floor / Envoy's cors", "floor", "Envoy's cors"),
]


def ratios_of(costs, added):
    """The ratios of one kind, each with its standard error: of the means of all processes, because a ratio of small
    differences in one of them says little."""
    ratios = {}
    for name, one, other in RATIOS:
        of = added if name.startswith("added") else costs
        if of.get(one) and of.get(other):
            ratio = sum(of[one]) / sum(of[other])
            residuals = [a - ratio * b for a, b in zip(of[one], of[other], strict=True)]
            count = len(residuals)
            error = statistics.stdev(residuals) / count**0.5 / statistics.mean(of[other]) if count > 1 else 0
            ratios[name] = {"ratio": ratio, "error": error}
    return ratios


def print_ratios(measured, added):
    ratios = {kind: ratios_of(costs, added[kind]) for kind, costs in measured.items()}
    for kind, found in ratios.items():
        print(f"{kind}: " + ", ".join(f"{name} {figures.ratio(of)}" for name, of in found.items()))
    return ratios


def print_table(measured):
    names = list(next(iter(measured.values())))
    width = max(map(len, measured)) + 1
    print(" " * width + "".join(f"{name:>22}" for name in names))
    for kind, costs in measured.items():
        cells = (f"{statistics.mean(r):6.2f} ({min(r):.2f} to {max(r):.2f})" for r in costs.values())
        print(f"{kind:{width}}" + "".join(f"{cell:>22}" for cell in cells))


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(f"· {text}", file=sys.stderr, flush=True)


def machine():
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"cpu": cpu[1] if cpu else platform.machine(), "cores": os.cpu_count(), "kernel": platform.release()}


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def free_number(numbers=iter(range(10**9))):
    return next(numbers)


if __name__ == "__main__":
    main()

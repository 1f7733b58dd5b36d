#!/usr/bin/env python3
"""Measures the cost of the filter in a real Envoy, compared with alternatives. Run it with scripts/bench.

One Envoy with one worker has a listener for each variant, so that all share one process and one run.
Envoy has one core, the load another. A figure is the CPU time of Envoy's process divided by the number of
answered requests; the variants take turns, and the figure is the median of the rounds, or the lowest.
"""

import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import platform
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

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
CHUNK = b"x" * (16 << 10)
BODIES = [
    {
        "name": f"POST of {chunks} chunks of {len(CHUNK) >> 10} KiB",
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
PROGRAMS = ("envoy", "shipped", "native", "plain", "floor", "sdk_floor", "calls", "empty")
# Requests of each kind and variant whose instructions are counted, and those before.
COUNTED, WARM_UP = 1000, 100
# The differences of Envoy's own filter: no Vary, 200, refused preflights are forwarded.
NATIVE = {
    "no Origin": (200, {}),
    "actual, refused": (200, {}),
    "actual, allowed": (200, {name: value for name, value in GRANT.items() if name != "vary"}),
    "preflight, allowed": (200, {n: v.replace(", ", ",") for n, v in ANSWER.items() if n != "vary"}),
    "preflight, refused": (200, {}),
}


def main():
    options = parse_arguments()
    if len(CORES) < 2:
        sys.exit("needs two cores: one for Envoy, one for the load")
    result = {"machine": machine(), "rounds": options.rounds, "seconds": options.seconds}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, pathlib.Path(folder))
        for part in options.parts:
            result[part] = getattr(bench, part)()
            options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten to {options.json}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in PROGRAMS:
        parser.add_argument(f"--{name.replace('_', '-')}", required=True, type=pathlib.Path)
    parser.add_argument("--json", required=True, type=pathlib.Path, help="where the figures go")
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each variant (default 15)")
    parser.add_argument("--seconds", type=int, default=1, help="seconds of each measurement (default 1)")
    parts = ["requests", "instructions", "calls", "scale", "configuration", "start"]
    parser.add_argument("parts", nargs="*", default=parts, metavar="PART", help=f"of {', '.join(parts)} (default all)")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no such part: {', '.join(unknown)}")
    for name in (*PROGRAMS, "json"):
        setattr(options, name, getattr(options, name).absolute())
    return options


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder

    def requests(self):
        """Every variant and kind: CPU µs of a request, and the ratios that matter."""
        variants = self.variants()
        print("\nCPU µs of a request: median (lowest to highest)")
        with self.envoy(variants) as envoy:
            envoy.check_all(KINDS)
            measured = {kind["name"]: envoy.measure(kind) for kind in KINDS}
        print_table(measured)
        ratios = {}
        # Other load on the machine only adds, but not equally: the lowest values are the least disturbed.
        for name, of in (("median", statistics.median), ("lowest", min)):
            print(f"\nratios of the {name}")
            ratios[name] = print_ratios(measured, of)
        return {"figures": measured, "ratios": ratios}

    def instructions(self):
        """The same in instructions, which other load on the machine does not change."""
        variants = self.variants()
        # Valgrind leaves Envoy memory for at most three modules, so this one gets another Envoy.
        apart = {"no filter": variants["no filter"], "SDK's floor": variants.pop("SDK's floor")}
        measured = self.counts(variants, KINDS)
        for event, figures in self.counts(apart, KINDS).items():
            for kind, of in figures.items():
                # The difference from this Envoy without a filter.
                here = measured[event][kind]
                here["SDK's floor"] = [of["SDK's floor"][0] - of["no filter"][0] + here["no filter"][0]]
        ratios = {}
        for event, figures in measured.items():
            print(f"\n{EVENTS[event]}: ratios")
            ratios[event] = print_ratios(figures)
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
        # The floor is valid only if it does the same as the module.
        modules = [module.floor, module.sdk_floor, module.shipped, module.plain]
        subprocess.run([sys.executable, HERE / "traces.py", *modules], check=True)
        return {
            "no filter": Variant(),
            "Envoy's cors": Variant(native_filter(), NATIVE, native_policy()),
            "Lua": Variant(lua_filter()),
            "floor": Variant(wasm_filter(module.floor, POLICY)),
            "SDK's floor": Variant(wasm_filter(module.sdk_floor, POLICY)),
            "cors.wasm": Variant(wasm_filter(module.shipped, POLICY)),
            "libcors.so": Variant(dynamic_filter(module.native, POLICY)),
            "plain build": Variant(wasm_filter(module.plain, POLICY)),
        }

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
                result[name] = envoy.measure(kind)
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
                result[f"{kib} KiB"] = envoy.measure(kind)
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
        # Statistics are flushed as rarely as Envoy permits, because that work is not part of the requests.
        config.write_text(json.dumps({"stats_flush_interval": "299s", "static_resources": resources}))
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
        connection.request(kind["method"], "/", body_of(kind), kind["headers"])
        response = connection.getresponse()
        of_cors = lambda header: header == "vary" or header.startswith("access-control-")
        seen = response.status, {n.lower(): v for n, v in response.getheaders() if of_cors(n.lower())}
        connection.close()
        expected = self.variants[name].answers.get(kind["name"], kind["answer"])
        if name == "no filter":
            expected = (200, {})
        if seen != tuple(expected):
            sys.exit(f"{name}, {kind['name']}: the answer is {seen}, not {expected}")

    def measure(self, kind):
        """The µs of each round for each variant, in turns."""
        script = self.folder / "wrk.lua"
        headers = "".join(f"wrk.headers[{json.dumps(n)}] = {json.dumps(v)}\n" for n, v in kind["headers"].items())
        script.write_text(f'wrk.method = "{kind["method"]}"\n{headers}')
        rounds = {name: [] for name in self.variants}
        for turn in range(self.options.rounds + 1):
            progress(f"{kind['name']}: round {turn} of {self.options.rounds}")
            for name in self.variants:
                figure = self.load(self.ports[name], script)
                if turn > 0:  # the first one only warms up
                    rounds[name].append(round(figure, 3))
        progress("")
        return rounds

    def load(self, port, script):
        command = ["taskset", "-c", str(CORES[1]), "wrk", "-t1", "-c8", f"-d{self.options.seconds}s", "-s", script]
        before = self.cpu()
        output = subprocess.run([*command, f"http://127.0.0.1:{port}/"], check=True, capture_output=True, text=True).stdout
        used = self.cpu() - before
        if "Socket errors" in output:
            sys.exit(f"requests failed:\n{output}")
        return used / 1000 / int(re.search(r"(\d+) requests in", output)[1])

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
        return ["valgrind", "--tool=callgrind", code, *caches, f"--callgrind-out-file={out}"]

    def wait_for(self, port):
        progress("Envoy starts under callgrind, which takes some minutes")
        super().wait_for(port)

    def measure(self, kind):
        """The counts of a request, by event, for each variant."""
        counts = {}
        number = kind.get("counted", COUNTED)
        for name in self.variants:
            progress(f"{kind['name']}: {name}")
            self.send(name, kind, number)
            counts[name] = {event: count / number for event, count in self.executed().items()}
        progress("")
        return counts

    def send(self, name, kind, count):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[name], timeout=60)
        for _ in range(count):
            connection.request(kind["method"], "/", body_of(kind), kind["headers"])
            connection.getresponse().read()
        connection.close()

    def executed(self):
        """The counts of all events since the last call."""
        self.dumps += 1
        dump = self.folder / f"callgrind.{self.dumps}"
        subprocess.run(["callgrind_control", "--dump", str(self.process.pid)], check=True, capture_output=True)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            text = dump.read_text() if dump.exists() else ""
            if totals := re.search(r"^totals: (.+)", text, re.MULTILINE):
                dump.unlink()
                events = re.search(r"^events: (.+)", text, re.MULTILINE)
                # Zeros at the end are left out.
                return dict(zip(events[1].split(), map(int, totals[1].split()), strict=False))
            time.sleep(0.1)
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
    filters = [
        *variant.filters,
        *([] if upstream else [fault]),
        typed_filter("envoy.filters.http.router", "router.v3.Router"),
    ]
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]}
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


def ratios_of(figures, of):
    """Statistics of one figure over the rounds; "added" is the difference from Envoy without a filter."""
    cost = {name: of(rounds) for name, rounds in figures.items()}
    added = {name: value - cost["no filter"] for name, value in cost.items()}
    return {
        "added cors.wasm / floor": added["cors.wasm"] / added["floor"],
        "SDK's floor / floor": added["SDK's floor"] / added["floor"],
        "plain / floor": added["plain build"] / added["floor"],
        "total cors.wasm / Envoy's cors": cost["cors.wasm"] / cost["Envoy's cors"],
        "total libcors.so / Envoy's cors": cost["libcors.so"] / cost["Envoy's cors"],
        "total floor / Envoy's cors": cost["floor"] / cost["Envoy's cors"],
    }


def print_ratios(measured, of=min):
    ratios = {kind: ratios_of(figures, of) for kind, figures in measured.items()}
    for kind, found in ratios.items():
        print(f"{kind}: " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()))
    return ratios


def print_table(measured):
    names = list(next(iter(measured.values())))
    width = max(map(len, measured)) + 1
    print(" " * width + "".join(f"{name:>22}" for name in names))
    for kind, figures in measured.items():
        cells = (f"{statistics.median(r):6.2f} ({min(r):.2f} to {max(r):.2f})" for r in figures.values())
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

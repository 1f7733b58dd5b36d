"""Runs the table of cases through the shipped module in wasmtime, a host that is not Envoy.

    python3 tests/other_host.py [dist/cors.wasm]        needs the package `wasmtime` of PyPI

In addition to the table, the known differences between hosts are turned on one by one. Optional host calls
must not change the filter's answers; if a required call fails, the filter must not trap, and must grant
nothing.
"""

import json
import re
import struct
import sys
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Callable

from wasmtime import Engine, Linker, Module, Store, Trap, WasiConfig

OK, NOT_FOUND, BAD_ARGUMENT, INTERNAL_FAILURE, UNIMPLEMENTED, UNKNOWN = 0, 1, 2, 10, 12, 77
REQUEST, RESPONSE = 0, 2
PLUGIN_CONFIGURATION = 7
PAUSE = 1
INLINE = re.compile("origin|vary|access-control-.*")


@dataclass
class Difference:
    """The differences of a host from Envoy."""

    name: str
    joins_lines: bool = True
    own_replies_come_back: bool = True
    # The module is asked for memory for an empty value too, and null is a failure of the call.
    asks_for_empty_room: bool = False
    counts: bool = True
    # (import, whether there is a value to read or remove, phase) -> the status of a refused call
    refuses: Callable[[str, bool, str], int | None] = lambda call, found, phase: None


def refusing(status, *calls, **more):
    name = f"{', '.join(calls)}: status {status}"
    return Difference(name, refuses=lambda call, *_: status if call in calls else None, **more)


DIFFERENCES = [
    Difference("like Envoy"),
    Difference("the first line only", joins_lines=False),
    Difference("own replies do not come back", own_replies_come_back=False),
    Difference("room for empty values", asks_for_empty_room=True),
    refusing(UNIMPLEMENTED, "define_metric", "increment_metric", counts=False),
    refusing(UNKNOWN, "define_metric", counts=False),
    refusing(UNKNOWN, "increment_metric", counts=False),
    refusing(UNIMPLEMENTED, "get_property"),
    refusing(UNKNOWN, "get_property"),
    refusing(UNIMPLEMENTED, "call_foreign_function", "set_property"),
    refusing(UNKNOWN, "log"),
    refusing(UNIMPLEMENTED, "get_current_time_nanoseconds"),
    Difference(
        "removing what is absent: status 1",
        refuses=lambda call, found, _: NOT_FOUND if call == "remove_header_map_value" and not found else None,
    ),
]


class Headers:
    """The headers of one message: names in lower case, values as byte strings."""

    def __init__(self, lines, joins_lines):
        self.lines = []
        self.joins_lines = joins_lines
        for name, value in lines:
            self.add(name.lower(), value)

    def read(self, name):
        return next((value for other, value in self.lines if other == name), None)

    def add(self, name, value):
        # Without a look at each earlier header if none can be joined: a message may have thousands.
        old = self.read(name) if self.joins_lines and INLINE.fullmatch(name) else None
        if old is not None:
            self.replace(name, old + b"," + value)
        else:
            self.lines.append((name, value))

    def remove(self, name):
        self.lines = [line for line in self.lines if line[0] != name]

    def replace(self, name, value):
        self.remove(name)
        self.lines.append((name, value))


@dataclass
class Exchange:
    """The host's data about one request, and its result."""

    phase: str = "configure"
    maps: dict = field(default_factory=dict)
    reply: tuple | None = None
    counters: set = field(default_factory=set)
    log: list = field(default_factory=list)


class Plugin:
    """The module in a separate VM, with one configuration."""

    def __init__(self, engine, module, difference, configuration):
        self.difference = difference
        self.configuration = configuration
        self.metrics = []
        self.exchange = Exchange()
        self.store = Store(engine)
        wasi = WasiConfig()
        wasi.inherit_stderr()
        self.store.set_wasi(wasi)
        linker = Linker(engine)
        linker.define_wasi()
        for needed in module.imports:
            if needed.module == "env":
                function = self.function(needed.name.removeprefix("proxy_"))
                linker.define_func("env", needed.name, needed.type, function)
        self.exports = linker.instantiate(self.store, module).exports(self.store)
        self.memory = self.exports["memory"]
        self.last_context = 1
        self.enter("_initialize")
        self.enter("proxy_on_context_create", 1, 0)
        self.enter("proxy_on_vm_start", 1, 0)
        self.accepted = bool(self.enter("proxy_on_configure", 1, len(configuration)))

    def send(self, request, upstream):
        joins_lines = self.difference.joins_lines
        self.exchange = exchange = Exchange("request", {REQUEST: Headers(request, joins_lines)})
        self.last_context += 1
        context = self.last_context
        self.enter("proxy_on_context_create", context, 1)
        self.enter("proxy_on_request_headers", context, len(request), 1)
        exchange.received = None if exchange.reply else exchange.maps[REQUEST]
        response = Headers(exchange.reply or upstream, joins_lines)
        exchange.phase, exchange.maps = "response", {RESPONSE: response}
        if not exchange.reply or self.difference.own_replies_come_back:
            self.enter("proxy_on_response_headers", context, len(response.lines), 0)
        for callback in ("proxy_on_done", "proxy_on_log", "proxy_on_delete"):
            self.enter(callback, context)
        exchange.response = response
        return exchange

    def enter(self, callback, *args):
        """Calls an export of the module; the module may omit callbacks that it does not need."""
        function = self.exports.get(callback)
        return function(self.store, *args) if function else None

    def function(self, call):
        """An import: it fails if the host differs, and is otherwise executed; one without a method is unimplemented."""
        act = getattr(self, call, None)

        def run(*args):
            if act is None:
                return UNIMPLEMENTED
            found, effect = act(*args)
            refused = self.difference.refuses(call, found, self.exchange.phase)
            return effect() if refused is None else refused

        return run

    # The imports. Each returns whether there is a value to read or remove, and the effect of the call.

    def log(self, level, text, size):
        line = (level, self.read(text, size).decode())
        return False, lambda: self.exchange.log.append(line) or OK

    def get_current_time_nanoseconds(self, out):
        return True, lambda: self.write(out, struct.pack("<Q", 0))

    def get_buffer_bytes(self, kind, start, size, data, data_size):
        found = kind == PLUGIN_CONFIGURATION
        rest = self.configuration[start : start + size]
        return found, lambda: self.hand(rest, data, data_size) if found else NOT_FOUND

    def get_header_map_value(self, kind, name, name_size, data, data_size):
        headers = self.exchange.maps.get(kind)
        value = headers and headers.read(self.read(name, name_size).decode())
        missing = NOT_FOUND if headers else BAD_ARGUMENT
        return value is not None, lambda: missing if value is None else self.hand(value, data, data_size)

    def get_header_map_pairs(self, kind, data, data_size):
        headers = self.exchange.maps.get(kind)
        if headers is None:
            return False, lambda: BAD_ARGUMENT
        fields = [part for name, value in headers.lines for part in (name.encode(), value)]
        sizes = struct.pack(f"<{len(fields) + 1}I", len(headers.lines), *map(len, fields))
        return True, lambda: self.hand(sizes + b"".join(part + b"\0" for part in fields), data, data_size)

    def add_header_map_value(self, kind, *texts):
        return self.change(kind, Headers.add, *texts)

    def replace_header_map_value(self, kind, *texts):
        return self.change(kind, Headers.replace, *texts)

    def remove_header_map_value(self, kind, *texts):
        return self.change(kind, Headers.remove, *texts)

    def change(self, kind, change, name, name_size, *value):
        headers = self.exchange.maps.get(kind)
        if headers is None:
            return False, lambda: BAD_ARGUMENT
        name = self.read(name, name_size).decode()
        values = [self.read(*value)] if value else []
        return headers.read(name) is not None, lambda: change(headers, name, *values) or OK

    def send_local_response(self, status, _details, _details_size, _body, _body_size, pairs, pairs_size, _grpc):
        lines = [(":status", b"%d" % status), *read_pairs(self.read(pairs, pairs_size))]
        return False, lambda: setattr(self.exchange, "reply", lines) or OK

    def get_property(self, *_):
        return False, lambda: NOT_FOUND

    def set_property(self, *_):
        return False, lambda: OK

    def call_foreign_function(self, *_):
        return False, lambda: NOT_FOUND

    def define_metric(self, _kind, name, size, out):
        self.metrics.append(self.read(name, size).decode())
        return False, lambda: self.write(out, struct.pack("<I", len(self.metrics) - 1))

    def increment_metric(self, metric, _by):
        return False, lambda: self.exchange.counters.add(self.metrics[metric]) or OK

    # Linear memory

    def read(self, at, size):
        return bytes(self.memory.read(self.store, at, at + size)) if size else b""

    def write(self, at, value):
        self.memory.write(self.store, value, at)
        return OK

    def hand(self, value, data, data_size):
        """Copies bytes into memory that the module allocates and then owns."""
        at = 0
        if value or self.difference.asks_for_empty_room:
            at = self.enter("proxy_on_memory_allocate", len(value))
            if at == 0:
                return INTERNAL_FAILURE
        self.write(at, value)
        self.write(data, struct.pack("<I", at))
        return self.write(data_size, struct.pack("<I", len(value)))


def read_pairs(data):
    """A list of headers: their count, the sizes of each name and value, the bytes, each with a closing NUL."""
    (count,) = struct.unpack_from("<I", data) if data else (0,)
    at = 4 + 8 * count
    fields = []
    for size in struct.unpack_from(f"<{2 * count}I", data, 4) if count else ():
        fields.append(data[at : at + size])
        at += size + 1
    return [(name.decode().lower(), value) for name, value in zip(fields[::2], fields[1::2])]


def pseudo_headers(method, url):
    """The URL is only split: the filter judges it as sent."""
    scheme, authority, path = re.fullmatch(r"(?s)([a-z]+)://([^/?#*]*)(.*)", url).groups()
    lines = [(":method", method), (":authority", authority)]
    if method != "CONNECT":
        lines += [(":scheme", scheme), (":path", path or "/")]
    return lines


def latin1(lines):
    return [(name, value.encode("latin-1")) for name, value in lines]


def problems(case, seen, counts):
    """The differences of the answer to a case."""
    answer = case["answer"]
    of_filter = seen.reply is not None
    expected = {name.lower(): [value] for name, value in answer.get("headers", {}).items()}
    got = {}
    for name, value in seen.response.lines:
        if is_governed(name, of_filter):
            got.setdefault(name, []).append(value.decode("latin-1"))
    checks = [
        ("from", "filter" if of_filter else "upstream", answer["from"]),
        ("status", int(seen.response.read(":status")), answer["status"]),
    ]
    for name in sorted({*expected, *got}):
        form = tokens if name == "vary" else lambda lines: lines
        checks.append((name, form(got.get(name)), form(expected.get(name))))
    for kind, names in case.get("receives", {}).items():
        for name in names:
            received = bool(seen.received) and seen.received.read(name) is not None
            checks.append((f"upstream received {name}", received, kind == "present"))
    if counts and "verdict" in case:
        verdict = case["verdict"]
        checks.append(("verdict", counted(seen), "" if verdict in ("not-cors", "ungoverned") else verdict))
    return [f"{what}: {got!r}, expected {wanted!r}" for what, got, wanted in checks if got != wanted]


def is_governed(name, of_filter):
    """The headers that a case lists completely: none of them may appear unless the case has it."""
    if of_filter and name in ("cache-control", "content-type", "x-content-type-options"):
        return True
    return name.startswith("access-control-") or name in ("vary", "allow", "timing-allow-origin")


def tokens(lines):
    """The tokens of Vary in one order; a duplicate stays visible."""
    return lines and sorted(filter(None, (token.strip() for token in ",".join(lines).lower().split(","))))


def counted(seen):
    """The verdict according to the counters, whatever their prefix."""
    names = " ".join(seen.counters) + " "
    if reason := re.search(r"\.refused\.(\w+)", names):
        return f"refused: {reason[1]}" if "_refused " in names else f"only .refused.{reason[1]} counted"
    return "allowed" if "_allowed " in names else "same-origin" if "_same_origin " in names else ""


def repeats(lines):
    return len({name.lower() for name, _ in lines}) < len(lines)


def run_table(engine, module, groups, difference):
    """Runs the table on a host with this difference; returns the number of passed cases, and the failures."""
    passed, failures = 0, []
    for group in groups:
        plugin = Plugin(engine, module, difference, json.dumps(group["config"]).encode())
        if not plugin.accepted:
            failures.append((group["name"], [text for _, text in plugin.exchange.log]))
            continue
        for case in group["cases"]:
            request, upstream = case["request"], case.get("upstream", {})
            headers, upstream_headers = request.get("headers", []), upstream.get("headers", [])
            # On a host that shows only the first line, a case with two lines means something else.
            if not difference.joins_lines and (repeats(headers) or repeats(upstream_headers)):
                continue
            lines = pseudo_headers(request.get("method", "GET"), request["url"]) + headers
            status = (":status", str(upstream.get("status", 200)))
            title = f"{group['name']} / {case['name']}"
            try:
                seen = plugin.send(latin1(lines), latin1([status, *upstream_headers]))
            except Trap as trap:
                failures.append((title, [f"trapped: {trap}"]))
                break
            if found := problems(case, seen, difference.counts):
                failures.append((title, found))
            else:
                passed += 1
    return passed, failures


def run_failing_calls(engine, module):
    """Every call in turn fails on the request path: no trap, and no grant for an origin that is not allowed."""
    passed, failures = 0, []
    configuration = b'{"allowOrigins": ["https://app.example"]}'
    origin = ("origin", "https://evil.example")
    asks = ("access-control-request-method", "PUT")
    calls = [needed.name.removeprefix("proxy_") for needed in module.imports if needed.module == "env"]
    calls.remove("remove_header_map_value")  # an upstream header that cannot be removed stays
    for failing, status in product(calls, (NOT_FOUND, BAD_ARGUMENT, UNIMPLEMENTED, UNKNOWN)):

        def refuses(call, _found, phase):
            return status if call == failing and phase != "configure" else None

        for method, headers in (("GET", [origin]), ("OPTIONS", [origin, asks])):
            plugin = Plugin(engine, module, Difference("", refuses=refuses), configuration)
            lines = pseudo_headers(method, "https://api.example/") + headers
            try:
                seen = plugin.send(latin1(lines), [(":status", b"200")])
                problem = seen.response.read("access-control-allow-origin") and "granted"
            except Trap as trap:
                problem = f"trapped: {trap}"
            passed += not problem
            if problem:
                failures.append((f"{failing} fails with {status}", [f"{method}: {problem}"]))
    return passed, failures


def main():
    tests = Path(__file__).parent
    path = sys.argv[1] if len(sys.argv) > 1 else tests.parent / "dist" / "cors.wasm"
    engine = Engine()
    module = Module.from_file(engine, str(path))
    groups = json.loads((tests / "cases.json").read_text())
    runs = [(d.name, run_table(engine, module, groups, d)) for d in DIFFERENCES]
    runs.append(("failing calls", run_failing_calls(engine, module)))
    for name, (passed, failures) in runs:
        print(f"{name}: {passed} passed, {len(failures)} failed")
        for case, lines in failures[:10]:
            print("\n    ".join([f"  {case}", *lines]))
        if len(failures) > 10:
            print(f"  and {len(failures) - 10} more")
    failed = sum(len(failures) for _, (_, failures) in runs)
    print(f"{sum(passed for _, (passed, _) in runs)} passed, {failed} failed")
    return 1 if failed or not all(passed for _, (passed, _) in runs) else 0


if __name__ == "__main__":
    sys.exit(main())

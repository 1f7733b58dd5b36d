"""The largest cost of a request and of a configuration in the shipped module: counted, not timed.

    python3 tests/bounds.py [dist/cors.wasm [EXPRESSIONS]]        needs the package `wasmtime` of PyPI

EXPRESSIONS is how many random regular expressions are tried; the default is 100.

Work, in WebAssembly instructions, is linear in what a client sends. Linear memory, which never
shrinks, stops growing under the worst of requests, and no configuration exhausts it.
"""

import json
import random
import sys
from pathlib import Path

from wasmtime import Config, Engine, Module

from other_host import DIFFERENCES, Plugin, pseudo_headers

PLENTY = 10**13
MIB = 2**20


class Counted(Plugin):
    """A plugin whose instructions are counted, and whose host has a property for every path."""

    property = None

    def __init__(self, engine, module, configuration):
        super().__init__(engine, module, DIFFERENCES[0], configuration)

    def enter(self, callback, *args):
        if callback == "_initialize":
            self.store.set_fuel(PLENTY)
        return super().enter(callback, *args)

    def get_property(self, _path, _size, data, data_size):
        if self.property is None:
            return super().get_property()
        return True, lambda: self.hand(self.property, data, data_size)

    def cost(self, request, upstream=()):
        """Instructions of one stream."""
        self.store.set_fuel(PLENTY)
        self.send(request, [(":status", b"200"), *upstream])
        return PLENTY - self.store.get_fuel()

    def spent(self):
        return PLENTY - self.store.get_fuel()

    def size(self):
        return self.memory.data_len(self.store)


# A configuration that reads every part of a request, with patterns of every kind.
POLICY = {
    "allowOrigins": ["https://app.example", "https://*.example", "https://*.a.b.c.example:*", "http://*:8080"],
    "allowOriginRegexes": ["https://[a-z0-9-]+\\.preview\\.example", "https?://([a-z]+\\.)*x"],
    "allowMethods": ["*"],
    "allowHeaders": ["*"],
    "allowCredentials": True,
    "exposeHeaders": ["*"],
    "unmatchedRequests": "reject",
    "debug": True,
}
RULES = [
    {"match": {"hostnames": ["*.test", "a.b.c.test"], "pathPrefixes": ["/a", "/a/b/c"]}, "policy": POLICY | {}},
    {"match": {"exactPaths": ["/x"]}, "policy": POLICY | {}},
]
for rule in RULES:
    del rule["policy"]["debug"]

APP = ("origin", b"https://app.example")
PUT = ("access-control-request-method", b"PUT")


def get(*headers, path=b"/", host="api.example"):
    lines = pseudo_headers("GET", f"https://{host}/")
    lines = [(name, value.encode()) for name, value in lines if name != ":path"]
    return [*lines, (":path", path), *headers]


def options(*headers):
    return [(name, b"OPTIONS" if name == ":method" else value) for name, value in get(*headers)]


def filled(piece, size):
    return piece * (size // len(piece))


# Parts that a client or an upstream can make long: a request, and the upstream's headers, of about this size.
LONG = {
    "Origin": lambda n: (options(("origin", b"https://" + filled(b"a.", n)), PUT), []),
    "Origin of a length that can match": lambda n: (get(("origin", b"https://" + filled(b"a.", n // 300) + b"b")), []),
    "Access-Control-Request-Method": lambda n: (options(APP, ("access-control-request-method", b"P" * n)), []),
    "Access-Control-Request-Headers, read": lambda n: (
        options(APP, PUT, ("access-control-request-headers", filled(b"x-a,", n // 8))), []),
    "Access-Control-Request-Headers, too long": lambda n: (
        options(APP, PUT, ("access-control-request-headers", filled(b"x-a,", n))), []),
    "Access-Control-Request-Headers, many lines": lambda n: (
        options(APP, PUT, *[("access-control-request-headers", b"x")] * (n // 40)), []),
    "path": lambda n: (get(APP, path=b"/" + b"a" * n), []),
    "path of short segments": lambda n: (get(APP, path=filled(b"/a", n)), []),
    "path of slashes": lambda n: (get(APP, path=b"/" * n), []),
    "path that climbs": lambda n: (get(APP, path=filled(b"/a/..", n)), []),
    "path of escapes": lambda n: (get(APP, path=b"/" + filled(b"%61", n)), []),
    "path of everyday escapes": lambda n: (get(APP, path=b"/" + filled(b"a%20%C3%A9%2Fb;v/", n)), []),
    "path with a hundred long starts": lambda n: (get(APP, path=b"/" + b"a" * n + b"/b" * 127 + b"/%61"), []),
    "host": lambda n: (get(APP, host="a" * n + ".a" * 127 + ".test"), []),
    "Sec-Fetch-Site": lambda n: (get(("origin", b"https://no.test"), ("sec-fetch-site", b"x" * n)), []),
    "Vary of the upstream": lambda n: (get(APP), [("vary", filled(b"a,", n))]),
    "header names of the upstream": lambda n: (get(APP), [(f"x-{i}", b"1") for i in range(n // 16)]),
}

# Paths with more readings than the filter examines.
READINGS = {
    "path of everything": lambda n: (get(APP, path=b"/" + filled(b"a;%2f..%2f/..;//%5c%2e%3b/\\x/.", n)), []),
    "path of parameters, the longest last": lambda n: (get(APP, path=filled(b"/.;/..%2f", n // 8) + b";" + b"a%61" * (n * 7 // 32)), []),
    "path whose readings are of one length": lambda n: (get(APP, path=b"/" + b"a" * n + b"\\;\\/..//%41"), []),
}


def check_work(engine, module):
    """Twice the length takes at most twice the work."""
    plugin = Counted(engine, module, json.dumps(POLICY | {"rules": RULES}).encode())
    assert plugin.accepted, plugin.exchange.log
    sizes = [8192, 16384, 32768, 65536]
    for name, long in LONG.items():
        # The first request of a kind takes its memory; later ones find it in the allocator's lists.
        first_cost = plugin.cost(*long(sizes[-1]))
        costs = [plugin.cost(*long(size)) for size in sizes]
        steps = [later - sooner for sooner, later in zip(costs, costs[1:])]
        print(f"  {name}: {costs[-1] / sizes[-1]:.0f} instructions a byte at 64 KiB")
        for first, second in zip(steps, steps[1:]):
            yield f"{name}: {costs} for {sizes}", second <= 2.2 * max(first, 50_000)
        yield f"{name}: {first_cost} instructions", first_cost <= 1_000 * sizes[-1]


def check_readings(engine, module):
    """The work for the readings of a path is bounded, also for a short path."""
    plugin = Counted(engine, module, json.dumps(POLICY | {"rules": RULES}).encode())
    assert plugin.accepted, plugin.exchange.log
    for name, long in READINGS.items():
        costs = {size: plugin.cost(*long(size)) for size in (16, 64, 256, 1024, 4096, 16384, 65536)}
        size, worst = max(costs.items(), key=lambda item: item[1])
        print(f"  {name}: at most {worst / 1e6:.1f} million instructions, of {size} bytes")
        yield f"{name}: {costs}", worst <= 20_000_000 + 500 * size
    for path in (b"/v1/orders/17", b"/v1/orders/a%20b", b"/v1/orders/a%2Fb;c=d"):
        print(f"  {path.decode()}: {plugin.cost(get(APP, path=path))} instructions")


def check_requests(engine, module):
    """After the first of the worst requests, memory does not grow."""
    plugin = Counted(engine, module, json.dumps(POLICY | {"rules": RULES}).encode())
    worst = [long(65536) for long in (LONG | READINGS).values()]
    sizes = []
    for _ in range(20):
        for exchange in worst:
            plugin.cost(*exchange)
        sizes.append(plugin.size())
    print(f"  {sizes[-1] / MIB:.1f} MiB under requests of 64 KiB")
    yield f"memory after each round: {sizes}", sizes[-1] == sizes[2]


def check_metadata(engine, module):
    """A bounded number of policies in route metadata is kept, whatever their texts, and as many replace others per minute."""
    for what, cut in (("bad", 1), ("good", 0)):
        plugin = Counted(engine, module, b'{"routeMetadataNamespace": "cors"}')
        assert plugin.accepted, plugin.exchange.log
        sizes = []
        for turn, number in enumerate([*range(3000), 0]):
            origins = [f"https://tenant-{name}.{number:04}.example" for name in range(380)]
            text = json.dumps({"allowOrigins": origins}).encode()
            plugin.property = text[: len(text) - cut]
            plugin.cost(get(("origin", origins[-1].encode())))
            granted = plugin.exchange.response.read("access-control-allow-origin") is not None
            yield f"{what} policy {number}: granted {granted}", granted == (what == "good" and turn < 2 * 1024)
            sizes.append(plugin.size())
        print(f"  {sizes[-1] / MIB:.1f} MiB under 3,000 {what} policies of {len(text)} bytes in route metadata")
        yield f"{sizes[-1]} bytes", sizes[-1] == sizes[2100] <= 256 * MIB


# Expressions that keep the automaton busy, and the origins for them.
HEAVY = [
    "(?:[^x]?[^y]?){3}[!]", "(?:[^x]*[^y]*){2}[!]", "(?:(?:[^x]|.)*)[!]", ".*[!]", ".*a[!]", "h.*a?[!]", "(?i).*a.*[!]",
    "https://[a-z0-9.-]+(?:a|b)x[a-z.]*", "https://([a-z0-9-]+\\.)*(de|com)", "(([^x]?)([^y]?)){9}[!]", "https://" + "[a-z.]" * 135 + "!.*",
    ".*(?:a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z|0|-)[!]", ".*(?:|||||||||||||||)[!]", ".*()()()()()()()()[!]", r"(?:.\b?\B?\b?\B?)*[!]",
    "(?:a.*|a.*|a.*|[a-z].*)(?:a|b)?[!]", ".*(?:aa|aaa|aaaa|aaaaaaaa)[!]", r"(?:aa\.?|a\.a)*[!]", r".*(?:a\.a\.a\.a\.a\.a\.a\.)[!]", r"(?m)(?:.^?$?^?$?)*[!]", "(?x) . * # (\n [!]",
]
LABELS = ("a" * 61 + ".") * 4 + "aaaaa"
HELD_AGAINST = [b"https://" + filled(b"a.", 253), f"https://{LABELS}".encode(), f"{'s' * 64}://{LABELS}:65535".encode()]
# 5 ms of V8, which was measured to run 6 to 9 of these instructions per nanosecond.
MOST_WORK = 32_000_000


# What is common in practice, as often as a large configuration has it under one domain or many.
COMMON = {
    1000: [
        r"https://app-N-[a-z]+\.example\.com",
        r"https://[a-z0-9-]+\.team-N\.example\.com",
        r"https://([a-z0-9-]+\.)*example-N\.com",
        r"^https://.*\.example-N\.com$",
        r"https?://[^/]+\.example-N\.com(:[0-9]+)?",
        r"https://pr-\d+-app-N\.preview\.example\.com",
        r"https?://localhost:N",
    ],
    500: [
        r"https://(www|app)\.brand-N\.(com|de|fr)",
        r"https://tenant-N\.(de|com|fr)",
        r"https://tenant-N-[0-9]{1,4}\.(staging|prod)\.example\.(de|com)",
        r"https?://(www\.)?brand-N\.(co\.uk|com)",
    ],
    15: [
        r"https://([a-z0-9-]+\.)*brand-N\.(de|com)",
        r"https?://(.+\.)?brand-N\.(de|com)",
    ],
    50: [
        r"https://([a-z0-9-]+\.)?brand-N\.(de|com)",
        r"https://[a-z0-9-]+\.brand-N\.(de|com)",
    ],
}


def most_accepted(engine, module, source):
    """How many copies of an expression are accepted in one list, a thousand at most."""
    least, most = 0, 1000
    while least < most:
        middle = (least + most + 1) // 2
        if Counted(engine, module, json.dumps({"allowOriginRegexes": [source] * middle}).encode()).accepted:
            least = middle
        else:
            most = middle - 1
    return least


def worst_cost(engine, module, sources, origins):
    """The instructions of the origin that costs most, once the automata have their memory."""
    plugin = Counted(engine, module, json.dumps({"allowOriginRegexes": sources}).encode())
    assert plugin.accepted, plugin.exchange.log
    return max(plugin.cost(get(("origin", origin))) for origin in [origins[0], *origins])


def check_regexes(engine, module):
    """The largest accepted number of regular expressions, one kind at a time, takes at most 5 ms on the worst origin."""
    for heavy in HEAVY:
        most = most_accepted(engine, module, heavy)
        yield f"{heavy}: not even one is accepted", most > 0
        cost = worst_cost(engine, module, [heavy] * most, HELD_AGAINST)
        print(f"  {most} of {heavy[:40]}: {cost / 1e6:.1f} million instructions")
        yield f"{heavy}: {cost} instructions", cost <= MOST_WORK
    for text in (["(?:[^x]?[^y]?){135}[!]"] * 500, ["(?:[^x]?[^y]?){135}!"] * 500):
        configuration = json.dumps({"allowOriginRegexes": text}).encode()
        yield "the worst expression, 500 times, is accepted", not Counted(engine, module, configuration).accepted
    for count, sources in COMMON.items():
        for source in sources:
            listed = [source.replace("N", str(1000 + number)) for number in range(count)]
            configuration = json.dumps({"allowOriginRegexes": listed}).encode()
            is_accepted = Counted(engine, module, configuration).accepted
            yield f"{count} of {source} are refused", is_accepted
            if is_accepted:
                cost = worst_cost(engine, module, listed, HELD_AGAINST)
                print(f"  {count} of {source}: {cost / 1e6:.1f} million instructions")
                yield f"{source}: {cost} instructions", cost <= MOST_WORK


def check_random_regexes(engine, module):
    """Random expressions keep to it too, against origins that are changed as long as they cost more."""
    chance = random.Random(RANDOM_SEED)
    worst = (0, "")
    tried = 0
    while tried < RANDOM_EXPRESSIONS:
        source = random_regex(chance)
        most = most_accepted(engine, module, source)
        if most == 0:
            continue
        tried += 1
        one = Counted(engine, module, json.dumps({"allowOriginRegexes": [source]}).encode())
        origins = sorted(HELD_AGAINST, key=lambda origin: one.cost(get(("origin", origin))))
        best, cost = origins[-1], one.cost(get(("origin", origins[-1])))
        for _ in range(60):
            changed = changed_origin(chance, best)
            if (now := one.cost(get(("origin", changed)))) > cost:
                best, cost = changed, now
        cost = worst_cost(engine, module, [source] * most, [best, *HELD_AGAINST])
        worst = max(worst, (cost, f"{most} of {source}"))
        yield f"{most} of {source}: {cost} instructions of {best}", cost <= MOST_WORK
    print(f"  the worst: {worst[0] / 1e6:.1f} million instructions for {worst[1]}")


RANDOM_SEED, RANDOM_EXPRESSIONS = 17, 100


def random_regex(chance):
    """An expression of what a bound could count wrongly: classes, counts, branches, nesting, optional parts, flags."""
    def atom(depth):
        if depth and chance.random() < 0.35:
            opening = chance.choice(["(", "(?:", "(?:", "(?:", "(?i:", "(?P<n%d>" % chance.randrange(10**9)])
            return opening + alternatives(depth - 1) + ")"
        return chance.choice(["a", "b", "\\.", "-", ".", "[a-z]", "[^x]", "[^y]", "[a-z0-9-]", "[a.]", "\\w", "\\S", "\\d", "\\D"])

    def piece(depth):
        repeat = chance.choice(["", "", "", "*", "+", "?", "??", "*?", "{2}", "{1,3}", "{0,9}", "{2,}", "{40}", "{0,60}"])
        return atom(depth) + repeat

    def alternatives(depth):
        branches = chance.choice([1, 1, 1, 2, 3])
        return "|".join("".join(piece(depth) for _ in range(chance.randint(1, 4))) for _ in range(branches))

    start = chance.choice(["", "https://", "https://", "(?:https|s+)://", "h", ".*", "(?s)", "(?i)"])
    end = chance.choice(["", "[!]", "[!]", ".*[!]", "(?:a|[!])", "a?[!]", "[a-z.]*"])
    return start + alternatives(2) + end


def changed_origin(chance, origin):
    """The origin with another stretch of its host."""
    start = origin.index(b"://") + 3
    host = bytearray(origin[start:].split(b":")[0])
    at = chance.randrange(len(host))
    stretch = chance.choice([b"a", b"b", b"a.", b"ab", b"-a", b"a1", b"0", b"bcd.", b"x", b"y"])
    for offset in range(chance.choice([1, 3, 10, 60, 250])):
        if at + offset < len(host):
            host[at + offset] = stretch[offset % len(stretch)]
    return origin[:start] + bytes(host)


LARGE = 16 * MIB
CONFIGURATIONS = {
    "over the limit": b" " * (LARGE + 1),
    "deep lists": b"[" * LARGE,
    "deep objects": filled(b'{"a":', LARGE),
    "a long text": b'{"allowOrigins": ["' + b"a" * (LARGE - 100) + b'"]}',
    "many texts": b'{"allowOrigins": [' + filled(b'"",', LARGE - 100) + b'""]}',
    "many numbers": b"[" + filled(b"1,", LARGE - 10) + b"1]",
    "many unknown fields": b"{" + filled(b'"allowOrigin":1,', LARGE // 16 - 100) + b'"b":1}',
    "no protobuf": b"\x0a\xff\xff\xff\xff\x0f",
    "unknown references": json.dumps({
        "policies": {f"policy-of-a-rather-long-name-{n}": {"allowOrigins": ["null"]} for n in range(10_000)},
        "rules": [{"match": {"exactPaths": [f"/{n}"]}, "policyRef": f"of-no-policy-{n}"} for n in range(10_000)],
    }).encode(),
}


def check_configurations(engine, module):
    """A configuration that is too large is rejected with a message, and the VM keeps working."""
    for name, configuration in CONFIGURATIONS.items():
        plugin = Counted(engine, module, configuration)
        words = [text for _, text in plugin.exchange.log]
        spent = plugin.spent() / 1e6
        print(f"  {name}: {plugin.size() / MIB:.0f} MiB, {spent:.0f} million instructions: {words[0][:90]}")
        yield f"{name}: not refused", not plugin.accepted and words
        yield f"{name}: {plugin.size()} bytes", plugin.size() <= 300 * MIB
        yield f"{name}: {spent} million instructions", spent <= 20_000
        plugin.configuration = b'{"allowOrigins": ["https://app.example"]}'
        yield f"{name}: nothing works after it", plugin.enter("proxy_on_configure", 1, len(plugin.configuration))


def main():
    global RANDOM_EXPRESSIONS
    if len(sys.argv) > 2:
        RANDOM_EXPRESSIONS = int(sys.argv[2])
    config = Config()
    config.consume_fuel = True
    engine = Engine(config)
    path = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "dist" / "cors.wasm"
    module = Module.from_file(engine, str(path))
    failed = 0
    for check in (check_work, check_readings, check_regexes, check_random_regexes, check_requests, check_metadata, check_configurations):
        print(check.__doc__)
        for what, is_so in check(engine, module):
            if not is_so:
                failed += 1
                print(f"FAILED: {what}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Measures corsctl: the CPU time that import takes of many objects, and CPU time and memory that learn takes of a long log."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corsctl", required=True)
    parser.add_argument("--megabytes", type=int, default=1000, help="the length of the log")
    arguments = parser.parse_args()
    print("import: objects, file, CPU time, CPU time per object")
    for count in (1250, 2500, 5000, 10000):
        for name, object_of in (("VirtualService", virtual_service), ("HTTPRoute", http_route)):
            measure_import(arguments.corsctl, name, object_of, count)
    print("learn: log, CPU time, bytes per second of it, peak memory")
    measure_learn(arguments.corsctl, arguments.megabytes, [])
    measure_learn(arguments.corsctl, arguments.megabytes, ["--trust", "example.com"])


def measure_import(corsctl, name, object_of, count):
    """One host and one policy for each object."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        items = [object_of(index) for index in range(count)]
        json.dump({"kind": "List", "items": items}, file)
        file.flush()
        size = os.path.getsize(file.name)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = subprocess.run([corsctl, "import", file.name], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if run.returncode != 0:
        sys.exit(run.stderr.decode()[:2000])
    policies = run.stdout.count(b'"allowOrigins"')
    if policies != count:
        sys.exit(f"{policies} policies of {count} {name}s")
    print(f"  {count:6} {name:15} {size / 1e6:5.1f} MB {seconds:6.2f} s {1e6 * seconds / count:6.0f} us")


def virtual_service(index):
    origins = [{"exact": f"https://app{index}.example.com"}]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": f"vs{index}"},
        "spec": {"hosts": [f"h{index}.example.com"], "http": [{"corsPolicy": {"allowOrigins": origins}}]},
    }


def http_route(index):
    cors = {"type": "CORS", "cors": {"allowOrigins": [f"https://app{index}.example.com"]}}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": f"r{index}"},
        "spec": {"hostnames": [f"h{index}.example.com"], "rules": [{"filters": [cors]}]},
    }


def measure_learn(corsctl, megabytes, more):
    """A log of more origins than are kept, through a pipe."""
    blocks = [block(number) for number in range(64)]
    process = subprocess.Popen(
        [corsctl, "learn", "-", *more], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    written = number = 0
    while written < megabytes * 1_000_000:
        text = blocks[number % len(blocks)]
        process.stdin.write(text)
        written += len(text)
        number += 1
    process.stdin.close()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = usage.ru_utime + usage.ru_stime
    if status != 0:
        sys.exit(f"corsctl learn failed: {status}")
    print(
        f"  {written / 1e6:6.0f} MB {seconds:6.1f} s {written / seconds / 1e6:5.0f} MB/s {usage.ru_maxrss / 1024:5.0f} MiB"
        f"  {' '.join(more)}"
    )


def block(number):
    """About a megabyte of lines: half of them of one application, the others of names that differ."""
    lines = []
    for index in range(4000):
        origin = "https://app.example.com" if index % 2 else f"https://n{number}-{index}.example.com"
        method, asked = ("OPTIONS", "PUT") if index % 8 == 1 else ("GET", "-")
        lines.append(
            json.dumps(
                {
                    "method": method,
                    "host": "api.example.com",
                    "path": f"/v1/orders/{index}",
                    "asked_method": asked,
                    "asked_headers": "content-type,authorization",
                    "site": "cross-site",
                    "route_name": "-",
                    "verdict": "-",
                    "origin": origin,
                }
            )
        )
    return "".join(line + "\n" for line in lines).encode()


main()

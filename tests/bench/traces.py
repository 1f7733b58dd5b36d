"""Checks that modules make the same host calls for each kind of request of the bench.

    python3 tests/bench/traces.py ONE.wasm OTHER.wasm...        needs node
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import bench


def main(first, *others):
    with tempfile.TemporaryDirectory() as folder:
        policy, kinds = pathlib.Path(folder, "policy.json"), pathlib.Path(folder, "kinds.json")
        policy.write_text(json.dumps(bench.POLICY))
        kinds.write_text(json.dumps(bench.KINDS))
        for other in others:
            subprocess.run(["node", bench.HERE / "trace.mjs", policy, kinds, first, other], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

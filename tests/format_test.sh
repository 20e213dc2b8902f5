#!/usr/bin/env bash
# Every source is formatted as .clang-format says.
set -euo pipefail
cd "$1"
git ls-files -z '*.cc' '*.h' '*.hpp' | xargs -0 clang-format-19 --dry-run --Werror

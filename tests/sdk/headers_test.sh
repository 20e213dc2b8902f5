#!/bin/sh
# The SDK's headers compile with the compilers that authors bring, and leave no padding.
set -eu
cd "$TENON_SOURCE_DIR"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for header in plugin.h ext/cache.h; do
  printf '#include "tenon/%s"\nint main(void) { return 0; }\n' "$header" > "$folder/one.c"
  cp "$folder/one.c" "$folder/one.cc"
  for compiler in gcc clang-19; do
    echo "$header, C11, $compiler"
    $compiler -std=c11 -pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only \
      -I sdk/include "$folder/one.c"
  done
  for compiler in g++ clang++-19; do
    echo "$header, C++20, $compiler"
    $compiler -std=c++20 -pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only \
      -I sdk/include "$folder/one.cc"
  done
done
for compiler in g++ clang++-19; do
  echo "plugin.hpp, C++20, $compiler"
  $compiler -std=c++20 -pedantic -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror -fsyntax-only \
    -I sdk/include samples/echo/echo.cc
done

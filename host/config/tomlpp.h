#pragma once

// TOML++ 3.3 tells the optimiser to assume what hostile text makes false: "[-x" reaches parse_key()
// with a character that its assertion excludes, and letters such as 'é' outside of strings reach
// the ends of its character tests, marked as unreachable. The code behind handles both, once it is
// not left out: without assumptions, and with those ends saying "no".
#include <toml++/impl/preprocessor.h>
#undef TOML_ASSERT
#undef TOML_ASSERT_ASSUME
#undef TOML_ASSUME
#define TOML_ASSERT(expr) static_assert(true)
#define TOML_ASSERT_ASSUME(expr) static_assert(true)
#define TOML_ASSUME(...) static_assert(true)

#include <toml++/impl/forward_declarations.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE return false
#include <toml++/impl/unicode.h>
#undef TOML_UNREACHABLE
#define TOML_UNREACHABLE __builtin_unreachable()

#include <toml++/toml.h>

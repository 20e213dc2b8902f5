// The one place where TOML++ is compiled.
#define TOML_IMPLEMENTATION
#include "host/config/tomlpp.h"

/* The C ABI's header stands alone in C11. */
#include "runtimes/text/tenon_text.h"

_Static_assert(sizeof(tenon_text_token) == 20, "five 32-bit fields, as Rust lays them out");

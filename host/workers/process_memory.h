#pragma once

#include <sys/types.h>

#include <cstdint>

namespace tenon::workers {

// Bytes of memory of a process, shared pages counted in proportion (PSS); where the kernel does not
// let us see that, all resident bytes. 0: unknown. Walks the page tables: milliseconds for a large
// process.
std::uint64_t process_memory(pid_t);

}  // namespace tenon::workers

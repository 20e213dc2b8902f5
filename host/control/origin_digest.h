#pragma once

#include <cstdint>
#include <string>

namespace tenon::control {

// What lies in a model's folder, in one number that is never 0: for each file its path, and of a
// small one the SHA-256 of its bytes, of a larger one its size, inode and time of modification. So
// another number means other files, and a large file that was written anew counts as another one.
// Reads the disk.
std::uint64_t origin_digest(const std::string& folder);

}  // namespace tenon::control

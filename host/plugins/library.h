#pragma once

#include <string>

#include "host/domain/error.h"
#include "host/plugins/negotiate.h"

namespace tenon::plugins {

// Which file this is and whether it was written to: device, inode, size, times of its content and
// of its inode, as text. Empty: there is none.
std::string file_identity(const std::string& path);

// A plugin's library, opened for good: it is never closed in a process that goes on.
class Library {
 public:
  // [any; loads are serialised] Opens the library, or finds it already open, and checks its
  // descriptor. The path is absolute; the file must belong to root or this user and not be writable
  // by others. With an identity it must still be that file, before and after it was opened.
  static Result<Library> open(const std::string& path, const std::string& identity = "");

  const std::string& path() const { return path_; }
  const Descriptor& descriptor() const { return descriptor_; }

 private:
  Library(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  std::string path_;
  Descriptor descriptor_;
};

}  // namespace tenon::plugins

#pragma once

#include <memory>
#include <string>

#include "host/domain/error.h"

namespace tenon::store {

// The lock of a file beside the store, "STORE.lock": it says that a host has the store, and names
// its process. Let go when this goes, and when the process ends in whatever way.
class StoreLock {
 public:
  // kPrecondition: another process has it; the message names it.
  static Result<std::unique_ptr<StoreLock>> take(const std::string& store);
  ~StoreLock();
  StoreLock(const StoreLock&) = delete;
  StoreLock& operator=(const StoreLock&) = delete;

 private:
  explicit StoreLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace tenon::store

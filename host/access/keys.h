#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "host/access/access.h"
#include "host/store/store.h"

namespace tenon::access {

struct KeyWish {
  std::string name = {};       // for people: at most 100 bytes, no control characters
  std::string workspace = {};  // "": all of them
  Role role = Role::kInvoke;
  std::optional<Time> expires_at = {};
  unsigned requests_per_second = 0;  // 0: as [host.limits] allows each key
};

struct NewKey {
  store::ApiKey key;
  std::string secret;  // told this once
};

// The keys of a host: what is in the store, in Access and in the audit log stays one. The store and
// Access must outlive it. `who` is told by the audit log.
//
// [threads that may block] Errors: those of the store, and those named here.
class Keys {
 public:
  using Clock = std::function<Time()>;

  Keys(store::Store&, Access&, Random, Clock);
  ~Keys();  // notes what is left to note

  // What is stored comes into force.
  Result<void> load();
  Result<NewKey> create(const KeyWish&, std::string_view who);              // kInvalid
  Result<std::vector<store::ApiKey>> list();                                // oldest first
  Result<store::ApiKey> remove(std::string_view id, std::string_view who);  // kNotFound

  // Brings uses of keys and refused writes to the store every ten seconds, on a thread of its own.
  void keep_notes();
  Result<void> note_now();

 private:
  Result<void> refresh();

  store::Store& store_;
  Access& access_;
  const Random random_;
  const Clock clock_;
  std::mutex changing_;
  std::mutex waiting_;
  std::condition_variable_any wake_;
  std::jthread notes_;
};

}  // namespace tenon::access

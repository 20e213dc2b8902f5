#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/access/caller.h"
#include "host/access/credential.h"
#include "host/access/denial.h"
#include "host/access/refused_writes.h"
#include "host/access/secret.h"
#include "host/access/tokens.h"

namespace tenon::access {

using Time = std::chrono::system_clock::time_point;

// A key as requests are held against it.
struct Grant {
  Caller caller;
  Sha256 secret{};
  std::optional<Time> expires_at;
  unsigned requests_per_second = 0;  // its own bound; 0: that of all keys
};

struct Now {
  Time wall;
  std::uint64_t steady_ns = 0;
};

// Tells who sends a request, from its credential: what the gateway asks each time.
//
// Threads: set() and uses() anywhere, seldom; the rest on any event loop. identify() reads a copy
// that its thread keeps for as long as nothing was set, so that no two threads share a lock; a key
// that set() leaves out is refused from the next request on.
class Access {
 public:
  explicit Access(const Sha256& token_secret);
  ~Access();

  // Replaces all keys. Once there were keys the host is closed, also when none is left.
  void set(std::vector<Grant>, bool keys_were_created);
  bool open() const { return open_.load(std::memory_order_relaxed); }
  // Requests that a key without a bound of its own may send each second; 0: any number.
  void set_rate(unsigned per_second) { rate_.store(per_second, std::memory_order_relaxed); }

  // The caller stands until the thread's next call. An open host knows one caller, who may do
  // everything, whatever the credential.
  std::expected<const Caller*, Denial> identify(const Credential&, const Now&) const;

  struct NewToken {
    std::string text;
    std::chrono::seconds life{};
  };
  // A token for a key: by its id and itself, or by its id when the key was shown already.
  std::expected<NewToken, Denial> issue_token(std::string_view id, std::string_view secret,
                                              const Now&) const;
  std::expected<NewToken, Denial> issue_token(std::string_view id, const Now&) const;

  // Of a request to change something, for the audit log.
  void note_refused_write(std::string who, std::string what, std::string why, Time at) const {
    refused_.note(std::move(who), std::move(what), std::move(why), at);
  }
  std::vector<RefusedWrite> refused_writes() { return refused_.take(); }

  // Keys that were used since the last call, and when.
  std::vector<std::pair<std::string, Time>> uses();

 private:
  struct Entry;
  struct Table;
  struct CopyOfThread;

  const Table& table() const;
  std::expected<NewToken, Denial> issue_token(const Grant&, const Now&) const;
  std::expected<Entry*, Denial> find(const Credential&, const Now&, bool& by_token) const;
  std::expected<Entry*, Denial> find_client(std::string_view id, std::string_view secret) const;

  const std::uint64_t instance_;
  const Tokens tokens_;
  std::atomic<bool> open_{true};
  std::atomic<unsigned> rate_{0};
  std::atomic<std::uint64_t> version_{1};
  mutable RefusedWrites refused_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Table> table_;  // under mutex_
};

}  // namespace tenon::access

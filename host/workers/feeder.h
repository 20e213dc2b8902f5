#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <vector>

#include "host/workers/host_table.h"
#include "tenon/plugin.h"

namespace tenon::workers {

// Hands requests to one instance: gathers small batches, keeps copies of what the plugin refuses at
// the moment and comes again, and gathers whole bodies for a plugin that takes no pieces.
// [instance-serial], unless a function says otherwise.
class Feeder {
 public:
  Feeder(HostTable& table, const tenon_plugin_api& plugin, tenon_instance* instance)
      : table_(table), plugin_(plugin), instance_(instance) {}

  // A place for the next request of the batch: the caller fills in all but struct_size,
  // cancel_word, headers and body pointers. What the views show must stay until flush().
  struct Entry {
    tenon_request request;
    std::vector<tenon_pair> headers;
    tenon_bytes body;
  };
  Entry& add();
  bool is_full() const { return gathered_ == batch_.size(); }
  void flush();

  // These three expect that flush() came before them.
  void body(RequestId, std::span<const std::byte>, bool last);
  void credit(RequestId, std::uint64_t bytes);
  void cancel(RequestId);

  // Comes again with what was refused.
  void retry();
  // [any] Whether something was refused and waits.
  bool has_refused() const { return refused_.load(std::memory_order_seq_cst); }

 private:
  // A request that lives on in the feeder's own memory; its views point into itself: never moved.
  struct Kept {
    tenon_request request;
    std::string text;
    std::vector<tenon_pair> headers;
    std::string body;
    bool ready = false;  // may be handed over
  };

  void keep(const tenon_request&);
  Kept* kept(RequestId);
  // How many of the requests the plugin took; the others are answered when it failed.
  std::uint32_t submit(const tenon_request* const* requests, std::uint32_t n);

  HostTable& table_;
  const tenon_plugin_api& plugin_;
  tenon_instance* instance_;
  std::array<Entry, 16> batch_{};
  std::uint32_t gathered_ = 0;
  std::list<Kept> kept_;
  std::atomic<bool> refused_{false};
};

}  // namespace tenon::workers

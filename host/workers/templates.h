#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/domain/host_spec.h"
#include "host/loop/event_loops.h"
#include "host/plugins/manifest.h"
#include "host/workers/child.h"
#include "host/workers/replica.h"

namespace tenon::workers {

struct ProcessOptions {
  std::string worker;                    // path of tenon-worker
  std::string data;                      // folder for caches; empty: none
  std::vector<std::string> model_roots;  // folders that models lie in
  milliseconds template_idle{300'000};   // a template that long without a fork goes
  bool sandbox = true;

  std::string cache_folder(const plugins::Manifest&) const;  // empty: none
  // The folders that a process of this plugin may read, beside those that libraries need.
  std::vector<std::string> readable_for(const plugins::Manifest&,
                                        const std::string& model_path) const;
};

// Processes with a plugin already open. For a fork-safe plugin one template waits and others are
// forked from it; other plugins get a new process each time. A process with a memory limit goes
// into a control group; as moving it there takes longer than a cold start, a template keeps one
// spare fork that is in its group already, and only where that is taken the next is moved while it
// starts. [control]
class Templates : public std::enable_shared_from_this<Templates> {
 public:
  // A process that takes a start or an estimate message now.
  struct Started {
    std::shared_ptr<Child> child;
    bool from_template = false;
  };
  // A process may come before start() returns, an error never does. Called again with another
  // process when the first came to nothing because its template ended: forget that one.
  using Take = std::function<void(Result<Started>)>;

  Templates(EventLoops& loops, ProcessOptions options);
  ~Templates();

  // Only the lease's memory and devices matter here.
  void start(const plugins::Manifest&, const PluginGrant&, const std::string& model_path,
             const Lease&, Child::Handler&, Take);
  // Ends templates that nobody used for long, and makes spare forks.
  void tick();
  bool is_empty() const { return entries_.empty(); }
  void clear();

 private:
  struct Wanted {
    Child::Handler* handler;
    Take take;
    std::string model_path;
    std::uint64_t memory_bytes = 0;    // 0: not limited
    std::vector<std::string> devices;  // files of the lease's
  };
  class Entry;

  void spawn_plain(Entry&, Wanted);
  void refuse(Wanted, Error);
  void limit_memory(Child&, const Wanted&);

  EventLoops& loops_;
  const ProcessOptions options_;
  std::shared_ptr<MemoryGroups> groups_;  // none without a sandbox
  bool told_of_groups_ = false;           // why none can be made: once for all plugins
  Descriptor nowhere_;  // an empty folder without a name: the processes' working directory
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

}  // namespace tenon::workers

#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/cli/folder_signal.h"
#include "host/cli/loaded.h"
#include "host/control/catalog.h"

namespace tenon::cli {

// Keeps in force what a host's files hold: applied at the start and when the configuration is read
// again and, where [host] watch is set, as the files change. A file that is wrong leaves what was.
class ManifestKeeper {
 public:
  struct Applied {
    unsigned added = 0, changed = 0, removed = 0;
  };
  struct Parts {
    boost::asio::io_context& loop;
    std::function<void(std::function<void()>)> run;  // on a thread that may block [any]
    std::function<Result<std::vector<Draft>>(std::string_view text, const std::string& path)> read;
    std::function<void()> reload;                  // reads the configuration again [any]
    std::function<void(std::size_t)> on_problems;  // how many files are not as they say [any]
  };
  explicit ManifestKeeper(Parts);

  // All files, each as a whole. `prune` removes what left them, also with a file that is gone from
  // one of the folders. The error has one line for each mistake. [a thread that may block]
  Result<Applied> apply(control::Catalog&, const std::vector<ResourceFile>&, const HostSpec&);
  // From now on. `stamps`: of the files as they were applied. [loop]
  void watch(control::Catalog&, const std::string& config, const HostSpec&,
             ManifestSource::Files stamps);
  void stop();  // [loop]

  // Where a file is wrong, so that it is not in force as it is; "" when it is, or is none. [any]
  std::string problem_of(std::string_view managed_by) const;
  void note(const std::string& path, std::string problem);  // "": there is none [any]

 private:
  struct Watching {
    control::Catalog& catalog;
    const std::string config;
    const HostSpec host;
    ManifestWatch watch;
    std::vector<ResourceFile> refused;  // to be tried again when others have changed
  };

  void look_after(milliseconds);                // [loop]
  void looked(bool settling);                   // [loop]
  bool look(const std::shared_ptr<Watching>&);  // [a thread that may block]
  void take(Watching&, std::vector<ManifestWatch::Change>);
  void apply_until_it_helps_no_more(Watching&, std::vector<ResourceFile>);
  Result<void> apply_file(control::Catalog&, const ResourceFile&, bool prune, Applied&);
  bool has_problem(const std::string& path) const;

  const Parts parts_;
  const std::shared_ptr<FolderSignal> signal_;
  boost::asio::steady_timer timer_;                           // [loop]
  std::optional<std::chrono::steady_clock::time_point> due_;  // [loop] when it is looked next
  std::shared_ptr<Watching> watching_;                        // [loop]
  bool looking_ = false;                                      // [loop]
  bool again_ = false;        // [loop] something happened while it was looked
  bool followed_ = false;     // [loop] every folder tells of itself
  bool stopped_ = false;      // [loop]
  std::mutex applying_;       // one reading of files after another
  mutable std::mutex mutex_;  // of what follows
  std::map<std::string, std::string, std::less<>> problems_;  // by path
};

}  // namespace tenon::cli

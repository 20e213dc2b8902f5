#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "host/domain/error.h"

// The kernel's own bound on a worker's memory: a control group for each, below the host's.
namespace tenon::workers {

// Where groups can be made: the host's own group in the hierarchy that has the memory controller.
struct GroupPlace {
  std::string folder;
  bool v2 = false;
};
// From the texts of /proc/self/mountinfo and /proc/self/cgroup.
Result<GroupPlace> find_group_place(std::string_view mounts, std::string_view groups);

class MemoryGroups;

// One process's group. [control]
class MemoryGroup {
 public:
  MemoryGroup(std::shared_ptr<MemoryGroups> groups, std::string folder);
  // Removes it; a process in it that was killed just now is waited for, milliseconds.
  ~MemoryGroup();
  MemoryGroup(const MemoryGroup&) = delete;

  Result<void> limit(std::uint64_t bytes);
  // The limit, when the kernel killed for it.
  std::optional<std::uint64_t> exceeded() const;
  // Moves a process in, on a thread beside: that write takes the kernel up to 20 ms. `done` comes
  // on the control loop.
  void attach(pid_t, std::function<void(Result<void>)> done);

 private:
  const std::shared_ptr<MemoryGroups> groups_;
  const std::string folder_;
  std::uint64_t limit_ = 0;
};

// Makes groups, and removes those that a killed host has left in the same place. [control]
class MemoryGroups : public std::enable_shared_from_this<MemoryGroups> {
 public:
  explicit MemoryGroups(boost::asio::io_context& control);

  // "memory limit by cgroup v1", or why there is none.
  const Result<std::string>& part() const { return part_; }
  // bytes: 0: no limit yet. Nothing when it cannot be made, which is logged.
  std::unique_ptr<MemoryGroup> make(std::uint64_t bytes);
  // Nothing is attached any more; before the control loop goes.
  void close();

 private:
  friend class MemoryGroup;
  Result<std::string> look();
  void remove_leftovers() const;

  boost::asio::io_context& control_;
  GroupPlace place_;
  std::string prefix_;  // of this host's folders
  std::unique_ptr<boost::asio::thread_pool> attaching_;
  Result<std::string> part_;
};

}  // namespace tenon::workers

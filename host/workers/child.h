#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string>

#include "host/domain/error.h"
#include "host/workers/channel.h"
#include "host/workers/descriptor.h"
#include "host/workers/memory_group.h"
#include "host/workers/messages.h"

namespace tenon::workers {

// How a process of ours ended.
struct ExitStatus {
  bool clean = false;                         // exit(0)
  std::string text;                           // "killed by signal 11 (Segmentation fault)"
  std::optional<std::uint64_t> memory_limit;  // when it was killed for that
};

// A process of the host's with its control channel: spawned by it, or forked by a template and
// adopted. [control]
class Child : public std::enable_shared_from_this<Child> {
 public:
  class Handler {
   public:
    virtual void on_message(message::ToHost&&) = 0;
    // A packet that is no message: the process does not keep to the protocol.
    virtual void on_garbage(const Error&) = 0;
    // Once, last.
    virtual void on_exit(const ExitStatus&) = 0;

   protected:
    ~Handler() = default;
  };

  // Runs the worker executable. The handler must live until on_exit() or forget().
  static Result<std::shared_ptr<Child>> spawn(boost::asio::io_context& control,
                                              const std::string& executable, Handler&);
  // A process that a template will fork; claim() brings its id, and until then no on_exit() comes.
  // The second is its end of the channel, to pass on.
  static Result<std::pair<std::shared_ptr<Child>, Channel>> expect(boost::asio::io_context& control,
                                                                   Handler&);

  // Watches this process, if it is a child of ours and none is watched yet.
  void claim(pid_t);
  // It goes into this group as soon as it is known, and the group with it.
  void confine(std::unique_ptr<MemoryGroup>);
  // The process runs, and in its group.
  bool is_confined();
  MemoryGroup* group() const { return group_.get(); }
  // From now on another handler is called.
  void hand_to(Handler& handler) { handler_ = &handler; }
  // Repeats what a process that was handed on has said already.
  void repeat_hello();
  bool send(const message::ToProcess&, std::span<const int> fds = {});
  void kill();
  // No more calls to the handler; the process is killed and still reaped.
  void forget();

  pid_t pid() const { return pid_; }

 private:
  Child(boost::asio::io_context& control, Channel channel, Handler& handler);
  void listen();
  void receive();
  void watch_end();
  void join_group();
  void ended(ExitStatus);

  Channel channel_;
  boost::asio::posix::stream_descriptor readable_;  // the channel's descriptor, a duplicate
  boost::asio::posix::stream_descriptor pidfd_;
  Handler* handler_;
  pid_t pid_ = 0;
  bool kill_wanted_ = false;
  std::unique_ptr<MemoryGroup> group_;
  bool confined_ = false;
};

}  // namespace tenon::workers

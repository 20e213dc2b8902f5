#include "host/workers/child.h"

#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "host/loop/spawn.h"
#include "host/telemetry/log.h"

namespace tenon::workers {
namespace {

int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

ExitStatus status_of(const siginfo_t& info) {
  const std::string number = std::to_string(info.si_status);
  if (info.si_code == CLD_EXITED) {
    return {info.si_status == 0, "exited with status " + number, std::nullopt};
  }
  return {false, "killed by signal " + number + " (" + ::strsignal(info.si_status) + ")",
          std::nullopt};
}

// Packets of one process served before others have their turn.
constexpr int kPacketsPerTurn = 64;

}  // namespace

Child::Child(boost::asio::io_context& control, Channel channel, Handler& handler)
    : channel_(std::move(channel)), readable_(control), pidfd_(control), handler_(&handler) {
  readable_.assign(::fcntl(channel_.fd(), F_DUPFD_CLOEXEC, 0));
}

Result<std::shared_ptr<Child>> Child::spawn(boost::asio::io_context& control,
                                            const std::string& executable, Handler& handler) {
  auto ends = Channel::pair();
  if (!ends) return std::unexpected(ends.error());
  const auto pid =
      tenon::spawn(executable, {"tenon-worker", std::to_string(::getpid())}, {}, ends->second.fd());
  if (!pid) return std::unexpected(pid.error());
  std::shared_ptr<Child> child(new Child(control, std::move(ends->first), handler));
  child->claim(*pid);
  child->listen();
  return child;
}

Result<std::pair<std::shared_ptr<Child>, Channel>> Child::expect(boost::asio::io_context& control,
                                                                 Handler& handler) {
  auto ends = Channel::pair();
  if (!ends) return std::unexpected(ends.error());
  std::shared_ptr<Child> child(new Child(control, std::move(ends->first), handler));
  child->listen();
  return std::pair{std::move(child), std::move(ends->second)};
}

void Child::claim(pid_t pid) {
  if (pid_ != 0 || pid <= 0) return;
  const int fd = open_pidfd(pid);
  if (fd < 0) return;
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(fd), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    ::close(fd);  // somebody else's child
    return;
  }
  pid_ = pid;
  pidfd_.assign(fd);
  if (kill_wanted_) kill();
  join_group();
  watch_end();
}

void Child::confine(std::unique_ptr<MemoryGroup> group) {
  group_ = std::move(group);
  join_group();
}

void Child::join_group() {
  if (pid_ == 0 || !group_) return;
  group_->attach(pid_, [weak = weak_from_this()](const Result<void>& done) {
    const auto self = weak.lock();
    if (!self) return;
    self->confined_ = done.has_value();
    // One that has ended meanwhile needs no limit.
    if (done || !self->pidfd_.is_open()) return;
    log::warn("worker without its memory limit",
              {{"pid", self->pid_}, {"error", done.error().message}});
  });
}

bool Child::is_confined() {
  if (!confined_ || !pidfd_.is_open()) return false;
  siginfo_t info{};
  const auto fd = static_cast<id_t>(pidfd_.native_handle());
  return ::waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

void Child::repeat_hello() {
  if (handler_ != nullptr) handler_->on_message(message::Hello{});
}

void Child::watch_end() {
  pidfd_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [self = shared_from_this()](boost::system::error_code error) {
        if (error) return;
        siginfo_t info{};
        const auto fd = static_cast<id_t>(self->pidfd_.native_handle());
        if (::waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) {
          self->watch_end();
          return;
        }
        self->pidfd_.close();
        self->ended(status_of(info));
      });
}

void Child::listen() {
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](boost::system::error_code error) {
                         if (!error) self->receive();
                       });
}

void Child::receive() {
  Packet packet;
  for (int i = 0; i < kPacketsPerTurn; ++i) {
    if (handler_ == nullptr) return;
    switch (channel_.receive(packet, false)) {
      case Channel::Received::kNothing:
        listen();
        return;
      case Channel::Received::kGone:
        readable_.close();
        // Its end says more. One that is not known yet is its template's to tell of.
        kill();
        return;
      case Channel::Received::kPacket:
        break;
    }
    auto message = message::decode_to_host(packet.bytes);
    if (!message) {
      handler_->on_garbage(message.error());
    } else {
      if (std::holds_alternative<message::Hello>(*message)) claim(packet.pid);
      handler_->on_message(std::move(*message));
    }
  }
  listen();
}

bool Child::send(const message::ToProcess& message, std::span<const int> fds) {
  return channel_.send(encode(message), fds) == Channel::Sent::kOk;
}

void Child::kill() {
  kill_wanted_ = true;
  if (pidfd_.is_open()) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.native_handle(), SIGKILL, nullptr, 0);
  }
}

void Child::forget() {
  handler_ = nullptr;
  kill();
  boost::system::error_code ignored;
  readable_.close(ignored);
  channel_.close();
}

void Child::ended(ExitStatus status) {
  // What it said before it ended comes first.
  const auto self = shared_from_this();
  Packet packet;
  while (handler_ != nullptr && channel_.receive(packet, false) == Channel::Received::kPacket) {
    if (auto message = message::decode_to_host(packet.bytes)) {
      handler_->on_message(std::move(*message));
    }
  }
  boost::system::error_code ignored;
  readable_.close(ignored);
  status.memory_limit = group_ ? group_->exceeded() : std::nullopt;
  group_.reset();
  if (Handler* handler = std::exchange(handler_, nullptr)) handler->on_exit(status);
}

}  // namespace tenon::workers

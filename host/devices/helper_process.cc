#include "host/devices/helper_process.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "host/devices/report.h"
#include "host/loop/spawn.h"

namespace tenon::devices {

namespace asio = boost::asio;

HelperProcess::HelperProcess(asio::io_context& context, int socket, pid_t pid)
    : socket_(context, asio::local::stream_protocol(), socket), pidfd_(context), pid_(pid) {
  const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd >= 0) pidfd_.assign(fd);
}

Result<std::shared_ptr<HelperProcess>> HelperProcess::start(asio::io_context& context,
                                                            const std::string& program,
                                                            std::vector<std::string> environment) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(Code::kExhausted, std::string("socketpair: ") + std::strerror(errno), true);
  }
  const auto pid = spawn(program, {"tenon-devices"}, std::move(environment), ends[1]);
  ::close(ends[1]);
  if (!pid) {
    ::close(ends[0]);
    return std::unexpected(pid.error());
  }
  std::shared_ptr<HelperProcess> process(new HelperProcess(context, ends[0], *pid));
  process->watch();
  return process;
}

void HelperProcess::watch() {
  if (!pidfd_.is_open()) return;
  pidfd_.async_wait(asio::posix::stream_descriptor::wait_read,
                    [self = shared_from_this()](boost::system::error_code error) {
                      siginfo_t info{};
                      const auto fd = static_cast<id_t>(self->pidfd_.native_handle());
                      if (error || ::waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG) != 0) return;
                      self->ended_ = true;
                      self->pidfd_.close();
                      if (auto gone = std::exchange(self->gone_, nullptr)) gone();
                    });
}

void HelperProcess::ask(Answered answered) {
  answered_ = std::move(answered);
  text_.clear();
  boost::system::error_code error;
  socket_.send(asio::buffer("?", 1), 0, error);  // one byte always has room
  if (error) {
    answer(fail(Code::kUnavailable, "tenon-devices has ended", true));
  } else {
    read();
  }
}

void HelperProcess::read() {
  socket_.async_receive(
      asio::buffer(buffer_),
      [self = shared_from_this()](boost::system::error_code error, std::size_t size) {
        if (!self->answered_) return;
        if (error) {
          self->answer(fail(Code::kUnavailable, "tenon-devices ended within its answer", true));
          return;
        }
        self->text_.append(self->buffer_, size);
        if (self->text_.ends_with("\nend\n") || self->text_.size() > kMostReportBytes) {
          self->answer(std::move(self->text_));
        } else {
          self->read();
        }
      });
}

void HelperProcess::answer(Result<std::string> result) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), result = std::move(result)] {
    if (auto answered = std::exchange(self->answered_, nullptr)) answered(result);
  });
}

void HelperProcess::end(std::function<void()> gone) {
  answered_ = nullptr;
  boost::system::error_code ignored;
  socket_.close(ignored);
  if (ended_) {
    asio::post(pidfd_.get_executor(), std::move(gone));
    return;
  }
  gone_ = std::move(gone);
  if (pidfd_.is_open()) {
    ::syscall(SYS_pidfd_send_signal, pidfd_.native_handle(), SIGKILL, nullptr, 0);
  } else {
    ::kill(pid_, SIGKILL);
  }
}

}  // namespace tenon::devices

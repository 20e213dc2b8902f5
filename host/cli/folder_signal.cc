#include "host/cli/folder_signal.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tenon::cli {
namespace {

constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE |
                                  IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR;

}  // namespace

std::shared_ptr<FolderSignal> FolderSignal::make(boost::asio::io_context& loop,
                                                 std::function<void()> told) {
  std::shared_ptr<FolderSignal> out(new FolderSignal(loop, std::move(told)));
  const int descriptor = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (descriptor < 0) return out;  // the system has no more of them
  out->descriptor_.assign(descriptor);
  out->wait();
  return out;
}

bool FolderSignal::follow(const std::set<std::string>& folders) {
  if (!descriptor_.is_open()) return false;
  bool all = true;
  std::set<int> watches;
  for (const std::string& folder : folders) {
    const int watch = ::inotify_add_watch(descriptor_.native_handle(), folder.c_str(), kEvents);
    if (watch >= 0) {
      watches.insert(watch);
    } else {
      all = all && (errno == ENOENT || errno == ENOTDIR);
    }
  }
  for (const int watch : watches_) {
    if (!watches.contains(watch)) ::inotify_rm_watch(descriptor_.native_handle(), watch);
  }
  watches_ = std::move(watches);
  return all;
}

void FolderSignal::close() {
  told_ = nullptr;
  if (descriptor_.is_open()) descriptor_.close();
}

void FolderSignal::wait() {
  using boost::asio::posix::stream_descriptor;
  descriptor_.async_wait(
      stream_descriptor::wait_read, [self = shared_from_this()](boost::system::error_code error) {
        if (error || !self->told_) return;
        std::array<char, 16 << 10> events;  // what happened is looked up anew
        while (::read(self->descriptor_.native_handle(), events.data(), events.size()) > 0) {
        }
        self->told_();
        self->wait();
      });
}

}  // namespace tenon::cli

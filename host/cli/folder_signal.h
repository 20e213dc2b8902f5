#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

namespace tenon::cli {

// Tells that something in folders may have changed, by inotify. A hint: what a network file system
// does elsewhere is not seen, so whoever must know looks now and then as well. [one loop]
class FolderSignal : public std::enable_shared_from_this<FolderSignal> {
 public:
  static std::shared_ptr<FolderSignal> make(boost::asio::io_context&, std::function<void()> told);

  // From now on these; false when one that is there cannot be followed.
  bool follow(const std::set<std::string>& folders);
  void close();

 private:
  FolderSignal(boost::asio::io_context& loop, std::function<void()> told)
      : descriptor_(loop), told_(std::move(told)) {}
  void wait();

  boost::asio::posix::stream_descriptor descriptor_;
  std::function<void()> told_;
  std::set<int> watches_;
};

}  // namespace tenon::cli

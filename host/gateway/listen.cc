#include "host/gateway/listen.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace tenon::gateway {
namespace {

using boost::asio::generic::stream_protocol;
using ErrorCode = boost::system::error_code;
using Local = boost::asio::local::stream_protocol;

constexpr int kBacklog = 4096;

std::string name_of(const ListenAddress& address) {
  return address.path.empty() ? fmt::format("{}:{}", address.host, address.port)
                              : "unix:" + address.path;
}

// Removes a socket that nobody listens on.
void remove_leftover(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  boost::asio::io_context context;
  Local::socket probe(context);
  ErrorCode ec;
  probe.connect(Local::endpoint(path), ec);
  if (ec == boost::asio::error::connection_refused) ::unlink(path.c_str());
}

Result<stream_protocol::endpoint> endpoint_of(const ListenAddress& address) {
  if (!address.path.empty()) {
    constexpr std::size_t kLongest = sizeof(sockaddr_un::sun_path) - 1;
    if (address.path.size() > kLongest) {
      return fail(Code::kInvalid, fmt::format("cannot listen on {}: the path of a Unix socket has "
                                              "at most {} bytes",
                                              name_of(address), kLongest));
    }
    return stream_protocol::endpoint(Local::endpoint(address.path));
  }
  ErrorCode ec;
  const auto ip = boost::asio::ip::make_address(address.host, ec);
  if (ec) {
    return fail(Code::kInvalid,
                fmt::format("cannot listen on \"{}\": it is no IP address", address.host));
  }
  return stream_protocol::endpoint(boost::asio::ip::tcp::endpoint(ip, address.port));
}

std::uint16_t port_of(const stream_protocol::endpoint& endpoint) {
  boost::asio::ip::tcp::endpoint out;
  std::memcpy(out.data(), endpoint.data(), std::min(endpoint.size(), out.capacity()));
  return out.port();
}

}  // namespace

Result<ListenAddress> open_acceptor(Acceptor& acceptor, const ListenAddress& address) {
  const auto refusal = [&](const char* what, const ErrorCode& ec) {
    return fail(Code::kUnavailable,
                fmt::format("cannot {} {}: {}", what, name_of(address), ec.message()));
  };
  const auto endpoint = endpoint_of(address);
  if (!endpoint) return std::unexpected(endpoint.error());
  const bool is_unix = !address.path.empty();
  if (is_unix) remove_leftover(address.path);
  ErrorCode ec;
  if (acceptor.open(endpoint->protocol(), ec)) return refusal("open a socket for", ec);
  if (!is_unix) acceptor.set_option(Acceptor::reuse_address(true), ec);
  if (acceptor.bind(*endpoint, ec)) return refusal("listen on", ec);
  // Before listen(): until then nobody can connect.
  if (is_unix && ::chmod(address.path.c_str(), 0600) != 0) {
    return refusal("restrict", ErrorCode(errno, boost::system::system_category()));
  }
  if (acceptor.listen(kBacklog, ec)) return refusal("listen on", ec);
  acceptor.native_non_blocking(true, ec);
  ListenAddress bound = address;
  if (!is_unix) bound.port = port_of(acceptor.local_endpoint(ec));
  return bound;
}

bool is_own_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace tenon::gateway

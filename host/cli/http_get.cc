#include "host/cli/http_get.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>

namespace tenon::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::uint64_t kLargestBody = 64 << 20;

struct Address {
  std::string host;
  std::string port = "80";
  std::string prefix;  // of the path: "" or "/a"
};

// "http://HOST[:PORT][/PATH]", an IPv6 address in brackets; nothing for any other text.
std::optional<Address> parse_address(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (!text.starts_with(kScheme) || text.find_first_of("?#@ \r\n\t") != text.npos) {
    return std::nullopt;
  }
  text.remove_prefix(kScheme.size());
  Address out;
  const std::size_t slash = std::min(text.find('/'), text.size());
  out.prefix = text.substr(slash);
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  std::string_view authority = text.substr(0, slash);
  const std::size_t bracket = authority.find(']');
  const std::size_t colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
  if (colon != authority.npos) {
    out.port = authority.substr(colon + 1);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) {
    authority = authority.substr(1, authority.size() - 2);
  }
  out.host = authority;
  const bool is_number = out.port.find_first_not_of("0123456789") == out.port.npos;
  if (out.host.empty() || out.port.empty() || !is_number) return std::nullopt;
  return out;
}

asio::awaitable<http::response<http::string_body>> get(std::string host, std::string port,
                                                       std::string target,
                                                       std::chrono::seconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::resolver resolver(executor);
  beast::tcp_stream stream(executor);
  stream.expires_after(timeout);
  const auto found = co_await resolver.async_resolve(host, port, asio::use_awaitable);
  co_await stream.async_connect(found, asio::use_awaitable);
  http::request<http::empty_body> request(http::verb::get, target, 11);
  request.set(http::field::host, host.contains(':') ? "[" + host + "]:" + port : host + ":" + port);
  request.set(http::field::connection, "close");
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kLargestBody);
  co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
  co_return parser.release();
}

}  // namespace

Result<std::string> http_get(const std::string& base, const std::string& path,
                             std::chrono::seconds timeout) {
  const auto address = parse_address(base);
  if (!address) {
    return fail(Code::kInvalid,
                fmt::format("'{}' is no API address: expected \"http://HOST:PORT\"", base));
  }
  asio::io_context context(1);
  std::exception_ptr failure;
  http::response<http::string_body> response;
  asio::co_spawn(context, get(address->host, address->port, address->prefix + path, timeout),
                 [&](std::exception_ptr error, http::response<http::string_body> got) {
                   failure = error;
                   response = std::move(got);
                 });
  context.run();
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return fail(Code::kUnavailable, fmt::format("{}{}: {}", base, path, error.what()), true);
  }
  if (response.result_int() != 200) {
    return fail(Code::kUnavailable,
                fmt::format("{}{} answered {}", base, path, response.result_int()));
  }
  return std::move(response.body());
}

}  // namespace tenon::cli

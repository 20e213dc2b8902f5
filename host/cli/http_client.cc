#include "host/cli/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <cstdlib>
#include <memory>
#include <optional>
#include <stdexcept>

namespace tenon::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;

constexpr std::uint64_t kLargestBody = 64 << 20;

struct Address {
  bool tls = false;
  std::string host;
  std::string port = "80";
  std::string prefix;  // of the path: "" or "/a"
};

// "http://HOST[:PORT][/PATH]" or the same with https, an IPv6 address in brackets; nothing for any
// other text.
std::optional<Address> parse_address(std::string_view text) {
  Address out;
  const std::size_t scheme = text.find("://");
  if (scheme == text.npos || text.find_first_of("?#@ \r\n\t") != text.npos) return std::nullopt;
  out.tls = text.substr(0, scheme) == "https";
  if (!out.tls && text.substr(0, scheme) != "http") return std::nullopt;
  if (out.tls) out.port = "443";
  text.remove_prefix(scheme + 3);
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

http::request<http::string_body> request_of(const HttpAsk& ask, const std::string& host,
                                            const std::string& target) {
  http::request<http::string_body> request(http::verb::get, target, 11, ask.body);
  request.method_string(ask.method);
  request.set(http::field::host, host);
  request.set(http::field::connection, "close");
  if (!ask.key.empty()) request.set(http::field::authorization, "Bearer " + ask.key);
  if (!ask.body.empty()) request.set(http::field::content_type, "application/json");
  for (const auto& [name, value] : ask.headers) request.set(name, value);
  request.prepare_payload();
  return request;
}

// One request over one connection.
template <class Stream>
class Exchange {
 public:
  Exchange(Stream& stream, const HttpAsk& ask, const TakePiece& take)
      : stream_(stream), ask_(ask), take_(take) {
    parser_.body_limit(boost::none);
    parser_.skip(ask.method == "HEAD");
  }

  asio::awaitable<HttpReply> run(http::request<http::string_body> request) {
    co_await http::async_write(stream_, request, asio::use_awaitable);
    beast::get_lowest_layer(stream_).expires_after(ask_.timeout);
    co_await http::async_read_header(stream_, buffer_, parser_, asio::use_awaitable);
    HttpReply reply{parser_.get().result_int(), {}, {}};
    for (const auto& field : parser_.get()) {
      reply.headers.emplace_back(field.name_string(), field.value());
    }
    while (!parser_.is_done()) {
      const std::string_view piece = co_await next();
      if (!piece.empty()) take_(reply, piece);
    }
    co_return reply;
  }

 private:
  asio::awaitable<std::string_view> next() {
    auto& body = parser_.get().body();
    body.data = piece_.data();
    body.size = piece_.size();
    body.more = true;
    beast::get_lowest_layer(stream_).expires_after(ask_.timeout);
    const auto [error, read] = co_await http::async_read_some(stream_, buffer_, parser_,
                                                              asio::as_tuple(asio::use_awaitable));
    if (error && error != http::error::need_buffer) throw boost::system::system_error(error);
    co_return std::string_view(piece_.data(), piece_.size() - body.size);
  }

  Stream& stream_;
  const HttpAsk& ask_;
  const TakePiece& take_;
  beast::flat_buffer buffer_;
  http::response_parser<http::buffer_body> parser_;
  std::array<char, 64 << 10> piece_;
};

bool is_ip(const std::string& host) {
  boost::system::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

// What a connection to `host` trusts. Throws when a file of certificates holds none.
ssl::context context_of(const Trust& trust, const std::string& host) {
  ssl::context out(ssl::context::tls_client);
  ::SSL_CTX_set_min_proto_version(out.native_handle(), TLS1_2_VERSION);
  if (trust.insecure) return out;
  if (trust.ca_file.empty()) {
    out.set_default_verify_paths();
  } else {
    boost::system::error_code error;
    out.load_verify_file(trust.ca_file, error);
    if (error) throw std::runtime_error(trust.ca_file + ": no certificates in PEM there");
  }
  out.set_verify_mode(ssl::verify_peer);
  out.set_verify_callback(ssl::host_name_verification(host));
  return out;
}

// Why a handshake failed, as far as the certificate is the reason.
std::string handshake_problem(SSL* session, const boost::system::error_code& error) {
  const long verified = ::SSL_get_verify_result(session);
  if (verified == X509_V_OK) return error.message();
  return fmt::format(
      "its certificate is not trusted: {}; --ca-file names the certificate of who "
      "vouches for it",
      ::X509_verify_cert_error_string(verified));
}

asio::awaitable<void> connect(beast::tcp_stream& stream, const HttpAsk& ask, const Address& to) {
  asio::ip::tcp::resolver resolver(stream.get_executor());
  stream.expires_after(ask.timeout);
  const auto found = co_await resolver.async_resolve(to.host, to.port, asio::use_awaitable);
  co_await stream.async_connect(found, asio::use_awaitable);
}

asio::awaitable<HttpReply> ask_tcp(const HttpAsk& ask, const TakePiece& take, Address to) {
  const std::string host =
      to.host.contains(':') ? "[" + to.host + "]:" + to.port : to.host + ":" + to.port;
  const auto request = request_of(ask, host, to.prefix + ask.path);
  if (!to.tls) {
    beast::tcp_stream stream(co_await asio::this_coro::executor);
    co_await connect(stream, ask, to);
    const auto exchange = std::make_unique<Exchange<beast::tcp_stream>>(stream, ask, take);
    co_return co_await exchange->run(request);
  }
  ssl::context context = context_of(ask.trust, to.host);
  using Stream = beast::ssl_stream<beast::tcp_stream>;
  Stream stream(co_await asio::this_coro::executor, context);
  if (!is_ip(to.host)) ::SSL_set_tlsext_host_name(stream.native_handle(), to.host.c_str());
  co_await connect(beast::get_lowest_layer(stream), ask, to);
  const auto [error] = co_await stream.async_handshake(ssl::stream_base::client,
                                                       asio::as_tuple(asio::use_awaitable));
  if (error) throw std::runtime_error(handshake_problem(stream.native_handle(), error));
  const auto exchange = std::make_unique<Exchange<Stream>>(stream, ask, take);
  co_return co_await exchange->run(request);
}

asio::awaitable<HttpReply> ask_socket(const HttpAsk& ask, const TakePiece& take, std::string path) {
  using Protocol = asio::local::stream_protocol;
  beast::basic_stream<Protocol> stream(co_await asio::this_coro::executor);
  stream.expires_after(ask.timeout);
  co_await stream.async_connect(Protocol::endpoint(path), asio::use_awaitable);
  const auto exchange =
      std::make_unique<Exchange<beast::basic_stream<Protocol>>>(stream, ask, take);
  co_return co_await exchange->run(request_of(ask, "localhost", ask.path));
}

std::unexpected<Error> no_answer(const HttpAsk& ask, std::string_view why) {
  return fail(Code::kUnavailable, fmt::format("{}{}: {}", ask.base, ask.path, why), true);
}

}  // namespace

Result<HttpReply> http_send(const HttpAsk& ask) {
  std::string body;
  auto reply = http_stream(ask, [&](const HttpReply&, std::string_view piece) {
    if (body.size() + piece.size() > kLargestBody) {
      throw std::length_error("the answer is longer than 64 MiB");
    }
    body += piece;
  });
  if (reply) reply->body = std::move(body);
  return reply;
}

Result<HttpReply> http_stream(const HttpAsk& ask, const TakePiece& take) {
  constexpr std::string_view kSocket = "unix:";
  const auto address = parse_address(ask.base);
  const bool is_socket = ask.base.starts_with(kSocket);
  if (!address && !is_socket) {
    return fail(
        Code::kInvalid,
        fmt::format(
            "'{}' is no API address: expected \"http://HOST:PORT\", \"https://HOST:PORT\" or "
            "\"unix:PATH\"",
            ask.base));
  }
  asio::io_context context(1);
  std::exception_ptr failure;
  HttpReply reply;
  asio::co_spawn(context,
                 is_socket ? ask_socket(ask, take, ask.base.substr(kSocket.size()))
                           : ask_tcp(ask, take, *address),
                 [&](std::exception_ptr error, HttpReply got) {
                   failure = error;
                   reply = std::move(got);
                 });
  context.run();
  try {
    if (failure) std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {  // what() names the source, too
    return no_answer(ask, error.code().message());
  } catch (const std::exception& error) {
    return no_answer(ask, error.what());
  }
  return reply;
}

std::string usual_host() {
  const char* base = std::getenv("TENON_API");
  return base && *base ? base : "http://127.0.0.1:8080";
}

std::string ca_file_of_environment() {
  const char* file = std::getenv("TENON_CA_FILE");
  return file ? file : "";
}

std::string key_of_environment() {
  const char* key = std::getenv("TENON_API_KEY");
  return key ? key : "";
}

}  // namespace tenon::cli

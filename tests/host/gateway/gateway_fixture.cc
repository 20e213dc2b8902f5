#include "tests/host/gateway/gateway_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

namespace tenon::testing {

RawClient::RawClient(unsigned port, int receive_buffer)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer != 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  const timeval patience{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
}

RawClient::RawClient(const std::string& unix_path)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{10, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  unix_path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
}

RawClient::RawClient(RawClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string RawClient::read_some() {
  char bytes[65536];
  const ssize_t size = ::recv(fd_, bytes, sizeof bytes, 0);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

bool RawClient::at_end() {
  if (!buffer_.empty()) return false;
  char byte;
  const ssize_t size = ::recv(fd_, &byte, 1, 0);
  return size == 0 || (size < 0 && errno == ECONNRESET);
}

std::optional<HttpAnswer> RawClient::receive(bool to_head) {
  const auto more = [this] {
    const std::string piece = read_some();
    buffer_ += piece;
    return !piece.empty();
  };
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return std::nullopt;
  }
  HttpAnswer answer;
  answer.head = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  answer.status = static_cast<unsigned>(std::stoul(answer.head.substr(9, 3)));
  for (std::size_t at = answer.head.find("\r\n") + 2; at < answer.head.size() - 2;) {
    const std::size_t stop = answer.head.find("\r\n", at);
    const std::string line = answer.head.substr(at, stop - at);
    const std::size_t colon = line.find(": ");
    answer.headers[line.substr(0, colon)] = line.substr(colon + 2);
    at = stop + 2;
  }
  if (to_head || answer.status / 100 == 1 || answer.status == 204) return answer;
  if (answer.header("transfer-encoding") == "chunked") {
    for (;;) {
      std::size_t line;
      while ((line = buffer_.find("\r\n")) == std::string::npos) {
        if (!more()) return std::nullopt;
      }
      const std::size_t size = std::stoul(buffer_.substr(0, line), nullptr, 16);
      while (buffer_.size() < line + 2 + size + 2) {
        if (!more()) return std::nullopt;
      }
      answer.body += buffer_.substr(line + 2, size);
      buffer_.erase(0, line + 2 + size + 2);
      if (size == 0) return answer;
    }
  }
  if (!answer.headers.contains("content-length")) {  // up to the end
    while (more()) {
    }
    answer.body = std::exchange(buffer_, {});
    return answer;
  }
  const std::size_t length = std::stoul(answer.header("content-length"));
  while (buffer_.size() < length) {
    if (!more()) return std::nullopt;
  }
  answer.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return answer;
}

void RawClient::shut_down_write() {
  ::shutdown(fd_, SHUT_WR);
}

void RawClient::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void RawClient::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

std::string get(std::string_view target, std::string_view more) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) +
         "\r\n";
}

std::string post(std::string_view target, std::string_view body, std::string_view more) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

void GatewayTest::serve() {
  gateway_ =
      std::make_unique<gateway::Gateway>(loops_, dispatcher_, control_, access_, metrics_, spec_);
  const auto bound = gateway_->listen();
  ASSERT_TRUE(bound) << bound.error().message;
  port_ = gateway_->addresses().front().port;
  loops_.start();
}

void GatewayTest::shut_down() {
  loops_.stop();
  loops_.join();
  control_.close();
  gateway_.reset();
}

}  // namespace tenon::testing

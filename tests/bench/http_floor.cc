// The floor under HTTP benchmarks: a bare epoll echo server, and a client that measures one
// connection.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kHelp = R"(usage:
  http_floor serve PORT [THREADS]       a bare epoll HTTP echo server on 127.0.0.1; PORT 0 takes a free
                                        one; prints the port. THREADS: default 2
  http_floor latency TARGET [SECONDS]   one keep-alive connection, POST of 4 bytes, one at a time
  http_floor load TARGET CONNECTIONS [SECONDS]
                                        many connections from one thread, one request each at a time
  http_floor rate TARGET PER_SECOND CONNECTIONS [SECONDS]
                                        so many requests at even times, whatever the answers take; each is
                                        timed from when it was due
TARGET is 127.0.0.1:PORT/PATH, or "bare": a bare server in a child process, pinned as the caller is.
latency, load and rate print one line of JSON: requests_per_s, p50_us, p99_us.
)";

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(unsigned port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void no_delay(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// Bytes of the first whole message in the text, and where its body begins; 0: not whole yet.
std::size_t message_size(std::string_view text, std::size_t& body) {
  const std::size_t end = text.find("\r\n\r\n");
  if (end == text.npos) return 0;
  body = end + 4;
  std::size_t length = 0;
  for (std::size_t at = text.find("\r\n"); at < end; at = text.find("\r\n", at + 2)) {
    constexpr std::string_view kName = "content-length:";
    const std::string_view line = text.substr(at + 2, kName.size());
    if (!std::ranges::equal(line, kName, {}, [](char c) { return std::tolower(c); })) continue;
    const char* digits = text.data() + at + 2 + kName.size();
    while (*digits == ' ') ++digits;
    std::from_chars(digits, text.data() + end, length);
  }
  return body + length <= text.size() ? body + length : 0;
}

// ---- the server

int listen_on(unsigned port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(fd, 1024) != 0) die("listen");
  return fd;
}

unsigned port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool echo(int fd, std::string& pending) {
  char buffer[16384];
  const ssize_t size = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  if (size <= 0) return size < 0 && errno == EAGAIN;
  pending.append(buffer, static_cast<std::size_t>(size));
  std::size_t body = 0;
  while (const std::size_t whole = message_size(pending, body)) {
    std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: ";
    answer += std::to_string(whole - body) + "\r\n\r\n" + pending.substr(body, whole - body);
    if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return false;
    pending.erase(0, whole);
  }
  return true;
}

void serve(const std::vector<int>& polls, std::size_t mine, int listener) {
  std::unordered_map<int, std::string> pending;
  epoll_event events[64];
  std::size_t next = 0;
  for (;;) {
    const int count = ::epoll_wait(polls[mine], events, 64, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (client < 0) continue;
        no_delay(client);
        epoll_event event{.events = EPOLLIN, .data = {.fd = client}};
        ::epoll_ctl(polls[next++ % polls.size()], EPOLL_CTL_ADD, client, &event);
      } else if (!echo(fd, pending[fd])) {
        pending.erase(fd);
        ::close(fd);
      }
    }
  }
}

[[noreturn]] void serve_forever(int listener, unsigned threads) {
  std::vector<int> polls(threads);
  for (int& poll : polls) poll = ::epoll_create1(0);
  epoll_event event{.events = EPOLLIN, .data = {.fd = listener}};
  ::epoll_ctl(polls[0], EPOLL_CTL_ADD, listener, &event);
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < threads; ++i) {
    others.emplace_back([&polls, i] { serve(polls, i, -1); });
  }
  serve(polls, 0, listener);
  std::exit(0);
}

// ---- the client

struct Target {
  unsigned port = 0;
  std::string path = "/";
  pid_t child = 0;  // of "bare"
};

Target parse_target(std::string_view text) {
  Target target;
  if (text == "bare") {
    const int listener = listen_on(0);
    target.port = port_of(listener);
    target.child = ::fork();
    if (target.child == 0) serve_forever(listener, 1);
    ::close(listener);
    return target;
  }
  const std::size_t colon = text.find(':');
  const std::size_t slash = std::min(text.find('/'), text.size());
  if (colon == text.npos || colon > slash) {
    std::fputs(kHelp.data(), stderr);
    std::exit(2);
  }
  std::from_chars(text.data() + colon + 1, text.data() + slash, target.port);
  if (slash < text.size()) target.path = text.substr(slash);
  return target;
}

class Client {
 public:
  Client(const Target& target, int poll)
      : request_("POST " + target.path +
                 " HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nping"),
        fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = loopback(target.port);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      die("connect");
    }
    no_delay(fd_);
    epoll_event event{.events = EPOLLIN, .data = {.ptr = this}};
    if (poll >= 0) ::epoll_ctl(poll, EPOLL_CTL_ADD, fd_, &event);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(Clock::time_point due = Clock::now()) {
    sent_ = due;
    if (::send(fd_, request_.data(), request_.size(), MSG_NOSIGNAL) < 0) die("send");
  }
  // Microseconds that the answer took; negative: not whole yet.
  double receive() {
    const ssize_t size = ::recv(fd_, buffer_ + filled_, sizeof buffer_ - filled_, 0);
    if (size <= 0) die("the server closed the connection");
    filled_ += static_cast<std::size_t>(size);
    std::size_t body = 0;
    const std::string_view text(buffer_, filled_);
    const std::size_t whole = message_size(text, body);
    if (whole == 0) return -1;
    if (!text.starts_with("HTTP/1.1 200") || text.substr(body, whole - body) != "ping") {
      std::fprintf(stderr, "unexpected answer:\n%.*s\n", static_cast<int>(whole), buffer_);
      std::exit(1);
    }
    filled_ = 0;
    return std::chrono::duration<double, std::micro>(Clock::now() - sent_).count();
  }

 private:
  std::string request_;
  int fd_;
  char buffer_[4096];
  std::size_t filled_ = 0;
  Clock::time_point sent_;
};

void report(std::vector<double>& taken, double seconds) {
  std::ranges::sort(taken);
  const auto quantile = [&](double q) {
    return taken[static_cast<std::size_t>(q * static_cast<double>(taken.size() - 1))];
  };
  std::printf("{\"requests_per_s\": %.0f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n",
              static_cast<double>(taken.size()) / seconds, quantile(0.5), quantile(0.99));
}

void measure_latency(const Target& target, double seconds) {
  Client client(target, -1);
  std::vector<double> taken;
  const auto ask = [&] {
    client.send();
    double micros = -1;
    while (micros < 0) micros = client.receive();
    return micros;
  };
  for (int i = 0; i < 2000; ++i) ask();
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) taken.push_back(ask());
  report(taken, std::chrono::duration<double>(Clock::now() - begin).count());
}

void measure_load(const Target& target, unsigned connections, double seconds) {
  const int poll = ::epoll_create1(0);
  std::vector<std::unique_ptr<Client>> clients;
  for (unsigned i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<Client>(target, poll));
  }
  for (auto& client : clients) client->send();
  std::vector<double> taken;
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration<double>(seconds);
  std::vector<epoll_event> events(connections);
  while (Clock::now() < end) {
    const int count = ::epoll_wait(poll, events.data(), static_cast<int>(connections), -1);
    for (int i = 0; i < count; ++i) {
      auto* client = static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      const double micros = client->receive();
      if (micros < 0) continue;
      taken.push_back(micros);
      client->send();
    }
  }
  report(taken, std::chrono::duration<double>(Clock::now() - begin).count());
}

void measure_rate(const Target& target, double per_second, unsigned connections, double seconds) {
  const int poll = ::epoll_create1(0);
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<Client*> idle;
  for (unsigned i = 0; i < connections; ++i) {
    clients.push_back(std::make_unique<Client>(target, poll));
    idle.push_back(clients.back().get());
  }
  const auto total = static_cast<std::size_t>(per_second * seconds);
  const auto begin = Clock::now();
  const auto due = [&](std::size_t n) {
    return begin + std::chrono::duration_cast<Clock::duration>(
                       std::chrono::duration<double>(static_cast<double>(n) / per_second));
  };
  std::vector<double> taken;
  std::vector<epoll_event> events(connections);
  std::size_t sent = 0;
  while (taken.size() < total) {
    for (; sent < total && !idle.empty() && due(sent) <= Clock::now(); ++sent) {
      idle.back()->send(due(sent));
      idle.pop_back();
    }
    const auto wait =
        sent < total && !idle.empty() ? due(sent) - Clock::now() : Clock::duration::max();
    const long nanos = std::max<long>(0, std::min<long>(wait.count(), 999'999'999));
    const timespec timeout{.tv_sec = 0, .tv_nsec = nanos};
    const int count =
        ::epoll_pwait2(poll, events.data(), static_cast<int>(connections), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      auto* client = static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
      const double micros = client->receive();
      if (micros < 0) continue;
      taken.push_back(micros);
      idle.push_back(client);
    }
  }
  report(taken, std::chrono::duration<double>(Clock::now() - begin).count());
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + 1, argv + argc);
  const auto number = [&](std::size_t index, double otherwise) {
    return index < arguments.size() ? std::atof(arguments[index].data()) : otherwise;
  };
  const std::string_view verb = arguments.empty() ? "" : arguments[0];
  if (verb == "serve" && arguments.size() >= 2) {
    const int listener = listen_on(static_cast<unsigned>(number(1, 0)));
    std::printf("%u\n", port_of(listener));
    std::fflush(stdout);
    serve_forever(listener, static_cast<unsigned>(std::max(1.0, number(2, 2))));
  }
  const std::size_t least = verb == "latency" ? 2 : verb == "load" ? 3 : verb == "rate" ? 4 : ~0UL;
  if (arguments.size() < least) {
    const bool asked = verb == "--help" || verb == "-h";
    std::fputs(kHelp.data(), asked ? stdout : stderr);
    return asked ? 0 : 2;
  }
  const Target target = parse_target(arguments[1]);
  if (verb == "latency") {
    measure_latency(target, number(2, 2));
  } else if (verb == "rate") {
    measure_rate(target, std::max(1.0, number(2, 1000)),
                 static_cast<unsigned>(std::max(1.0, number(3, 32))), number(4, 3));
  } else {
    measure_load(target, static_cast<unsigned>(std::max(1.0, number(2, 64))), number(3, 3));
  }
  if (target.child > 0) {
    ::kill(target.child, SIGKILL);
    ::waitpid(target.child, nullptr, 0);
  }
  return 0;
}

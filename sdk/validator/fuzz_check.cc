#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>

#include "sdk/validator/check.h"

namespace tenon::validator {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostOpen = 32;

// Requests that a client might send, by accident or not: those that the plugin knows, bent.
class Inputs {
 public:
  Inputs(std::uint64_t seed, const std::vector<FakeRequest>& known)
      : random_(seed), known_(known) {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  std::string bytes(std::size_t most) {
    std::string out(below(most + 1), '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }

  FakeRequest request() {
    static constexpr std::array kMethods = {"GET",  "POST",  "PUT", "DELETE",
                                            "HEAD", "PATCH", "BREW"};
    FakeRequest out = known_[below(known_.size())];
    if (one_in(4)) out.method = kMethods[below(kMethods.size())];
    if (one_in(4)) out.path = "/" + printable(64);
    if (one_in(4)) out.query = printable(64);
    if (one_in(3))
      out.headers.emplace_back("content-type", one_in(2) ? "text/plain" : printable(32));
    if (one_in(8)) out.headers.emplace_back("x-" + std::string(below(40), 'a'), printable(500));
    if (one_in(2)) bend(out.body);
    out.credit = one_in(2) ? below(64) : std::uint64_t{1} << 20;
    out.cancelled = one_in(16);
    out.deadline_ns = one_in(16) ? 1 : 0;
    return out;
  }

 private:
  std::string printable(std::size_t most) {
    std::string out(below(most + 1), ' ');
    for (char& c : out) c = static_cast<char>('!' + below(94));
    return out;
  }
  void bend(std::string& body) {
    switch (below(5)) {
      case 0:
        body = bytes(1000);
        break;
      case 1:
        body.resize(below(body.size() + 1));
        break;
      case 2:
        if (!body.empty()) body[below(body.size())] = static_cast<char>(random_());
        break;
      case 3:
        body.insert(below(body.size() + 1), bytes(40));
        break;
      default:
        body = std::string(below(64 << 10), '[');
    }
  }

  std::mt19937_64 random_;
  const std::vector<FakeRequest>& known_;
};

struct Open {
  tenon_request_id id = 0;
  bool body_complete = true;
};

// What the host's other threads do meanwhile: credit and cancel come from any of them.
class OtherThread {
 public:
  OtherThread(FakeHost& host, std::uint64_t seed)
      : host_(host), random_(seed), thread_([this] { run(); }) {}
  ~OtherThread() {
    stop_ = true;
    thread_.join();
  }
  OtherThread(const OtherThread&) = delete;
  OtherThread& operator=(const OtherThread&) = delete;

  void knows(tenon_request_id id) {
    const std::lock_guard lock(mutex_);
    ids_.push_back(id);
    if (ids_.size() > 2 * kMostOpen) ids_.erase(ids_.begin());
  }

 private:
  tenon_request_id any_id() {
    const std::lock_guard lock(mutex_);
    return ids_.empty() ? 0 : ids_[random_() % ids_.size()];
  }
  void run() {
    while (!stop_) {
      const auto id = any_id();
      if (random_() % 16 == 0) {
        host_.cancel(id);
      } else {
        host_.credit(id, random_() % 5000);
      }
      std::this_thread::sleep_for(50us);
    }
  }

  FakeHost& host_;
  std::mt19937_64 random_;
  std::mutex mutex_;
  std::vector<tenon_request_id> ids_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class Fuzzer {
 public:
  explicit Fuzzer(const Subject& subject)
      : subject_(subject), inputs_(subject.seed, subject.requests), host_(open_plugin(subject)) {
    start(host_, subject);
  }

  Verdict run() {
    {
      OtherThread other(host_, subject_.seed + 1);
      for (unsigned step = 0; step < subject_.fuzz_steps; ++step) take_step(other);
    }
    Verdict out;
    for (auto& one : open_) finish(one);
    for (const auto& one : open_) {
      if (!host_.wait(one.id).final) {
        out.faults.push_back("left a request without a final message");
        break;
      }
    }
    host_.stop();
    for (auto& broken : host_.violations()) out.faults.push_back(std::move(broken));
    if (!out.faults.empty()) out.faults.push_back("seed " + std::to_string(subject_.seed));
    return out;
  }

 private:
  void take_step(OtherThread& other) {
    std::erase_if(open_, [&](const Open& one) { return host_.answer(one.id).final; });
    if (open_.size() < kMostOpen && !inputs_.one_in(3)) return submit(other);
    if (open_.empty()) return;
    Open& one = open_[inputs_.below(open_.size())];
    if (one.body_complete) return std::this_thread::yield();
    if (inputs_.one_in(4)) return finish(one);
    host_.body(one.id, inputs_.bytes(2000), false);
  }
  void submit(OtherThread& other) {
    FakeRequest request = inputs_.request();
    request.body_complete = !host_.api().body || !inputs_.one_in(4);
    const auto id = host_.submit(request);
    if (id == 0) return std::this_thread::sleep_for(1ms);  // it has enough to do
    open_.push_back({id, request.body_complete});
    other.knows(id);
  }
  void finish(Open& one) {
    if (!std::exchange(one.body_complete, true)) host_.body(one.id, "", true);
    host_.credit(one.id, std::uint64_t{1} << 30);
  }

  const Subject& subject_;
  Inputs inputs_;
  FakeHost host_;
  std::vector<Open> open_;
};

Verdict fuzz(const Subject& subject) {
  return Fuzzer(subject).run();
}

constexpr std::array<Check, 1> kChecks = {{
    {"fuzz", "all of this at once and at random", fuzz, 120s},
}};

}  // namespace

std::span<const Check> fuzz_checks() {
  return kChecks;
}

}  // namespace tenon::validator

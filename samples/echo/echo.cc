// The smallest useful plugin: answers with what it was sent. Query parameters shape the answer:
//   sleep_ms=N    waits first; with stream, the time that the whole stream takes
//   stream=N      sends the body in N parts; stream=N&sse=1 as N server-sent events
//   status=N      answers with this status
//   log=1         logs the body
//   input_tokens=N, output_tokens=N  says that it used so many
//   burn_bytes=N  holds N touched bytes until the answer is given; hold=1: until the unload

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tenon/plugin.hpp"

namespace {

using tenon::sdk::Load;
using tenon::sdk::Model;
using tenon::sdk::Reply;
using tenon::sdk::Request;
using tenon::sdk::Result;
using tenon::sdk::Sse;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// One thread that runs tasks at their time.
class Timer {
 public:
  Timer() : thread_([this] { run(); }) {}
  ~Timer() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void at(Clock::time_point when, std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      tasks_.emplace(when, std::move(task));
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (tasks_.empty()) {
        changed_.wait(lock);
      } else if (const auto due = tasks_.begin()->first; due > Clock::now()) {
        changed_.wait_until(lock, due);
      } else {
        const auto task = std::move(tasks_.extract(tasks_.begin()).mapped());
        lock.unlock();
        task();
        lock.lock();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

struct Settings {
  std::string prefix;
  Milliseconds delay{0};
  Milliseconds load_time{0};
  std::uint64_t tokens = 0;
  std::size_t burn_bytes = 0;
};

Result<Settings> read_settings(const Model& model) {
  tenon::sdk::Options options(model);
  Settings settings;
  settings.prefix = options.string("prefix");
  settings.delay = Milliseconds(options.integer("delayMs", 0, 0, 600'000));
  settings.load_time = Milliseconds(options.integer("loadMs", 0, 0, 600'000));
  settings.tokens = static_cast<std::uint64_t>(options.integer("tokens", 0, 0, 1'000'000'000));
  settings.burn_bytes =
      static_cast<std::size_t>(options.integer("burnBytes", 0, 0, std::int64_t{16} << 30));
  if (auto read = options.finish(); !read) return read.failure();
  return settings;
}

// A whole number of the query, 0 when it is not there; nothing when it is no number up to most.
std::optional<std::uint64_t> number(const Request& request, std::string_view name,
                                    std::uint64_t most) {
  const auto text = request.parameter(name);
  if (!text) return 0;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  const bool whole = error == std::errc() && end == text->data() + text->size();
  return whole && value <= most ? std::optional(value) : std::nullopt;
}

// What one request asked for, and how far its answer has come.
struct Job {
  Job(Request q, Reply r) : request(std::move(q)), reply(std::move(r)) {}

  Request request;
  Reply reply;
  std::string text;
  std::vector<char> ballast;
  unsigned status = 200;
  std::uint64_t parts = 0;  // 0: one message
  std::uint64_t sent = 0;
  Milliseconds pause{0};  // between two parts
  std::optional<Sse> sse;
};

class EchoInstance {
 public:
  EchoInstance(const Settings& settings, tenon::sdk::Host host)
      : settings_(settings), host_(host), ballast_(settings.burn_bytes, 1) {}

  void handle(Request request, Reply reply) {
    if (request.path() == "/health") return reply.send(200, {}, "");
    if (settings_.tokens != 0) reply.usage(settings_.tokens, 0);
    if (request.query().empty() && settings_.delay.count() == 0) return answer(request, reply);
    plan(std::make_shared<Job>(std::move(request), std::move(reply)));
  }

 private:
  void answer(const Request& request, Reply& reply) {
    const auto type = request.header("content-type").value_or("application/octet-stream");
    if (settings_.prefix.empty()) return reply.send(200, {{"content-type", type}}, request.body());
    reply.send(200, {{"content-type", type}}, settings_.prefix + std::string(request.body()));
  }

  void plan(std::shared_ptr<Job> job) {
    const auto sleep = number(job->request, "sleep_ms", 600'000);
    const auto parts = number(job->request, "stream", 1'000'000);
    const auto status = number(job->request, "status", 599);
    const auto burn = number(job->request, "burn_bytes", std::uint64_t{16} << 30);
    const auto input = number(job->request, "input_tokens", 1'000'000'000);
    const auto output = number(job->request, "output_tokens", 1'000'000'000);
    if (!sleep || !parts || !status || !burn || !input || !output ||
        (*status != 0 && *status < 200)) {
      return job->reply.send(400, {{"content-type", "text/plain"}},
                             "a parameter of the query is no number or too large\n");
    }
    if (job->request.parameter("log")) host_.info(job->request.body());
    if (*input != 0 || *output != 0) job->reply.usage(*input, *output);
    job->text = settings_.prefix + std::string(job->request.body());
    job->parts = *parts;
    if (*status != 0) job->status = static_cast<unsigned>(*status);
    if (job->request.parameter("hold")) {
      ballast_.resize(ballast_.size() + *burn, 1);
    } else {
      job->ballast.assign(*burn, 1);
    }
    Milliseconds wait(*sleep);
    if (*parts != 0) {
      job->pause = wait / *parts;
      wait = Milliseconds(0);
    }
    wait += settings_.delay;
    // A client that goes away frees what the job holds at once, on the thread that answers.
    job->reply.on_cancel([this, weak = std::weak_ptr(job)] {
      timer_.at(Clock::now(), [weak] {
        if (const auto left = weak.lock()) *left = Job(left->request, Reply(nullptr));
      });
    });
    timer_.at(Clock::now() + wait, [this, job] { start(job); });
  }

  void start(const std::shared_ptr<Job>& job) {
    if (!job->reply) return;
    const auto type = job->request.header("content-type").value_or("application/octet-stream");
    if (job->parts == 0) {
      return job->reply.send(job->status, {{"content-type", type}}, std::move(job->text));
    }
    if (job->request.parameter("sse")) {
      job->sse.emplace(std::move(job->reply));
    } else {
      job->reply.begin(job->status, {{"content-type", type}});
    }
    next_part(job);
  }

  // A stream that is not read waits here too: the next part goes when the last one has gone.
  void next_part(const std::shared_ptr<Job>& job) {
    Reply& reply = job->sse ? job->sse->reply() : job->reply;
    if (!reply) return;
    const std::uint64_t from = job->text.size() * job->sent / job->parts;
    const std::uint64_t to = job->text.size() * ++job->sent / job->parts;
    const std::string_view part = std::string_view(job->text).substr(from, to - from);
    const bool room = job->sse ? job->sse->event(part) : reply.write(part);
    if (job->sent == job->parts) return job->sse ? job->sse->done() : reply.end();
    const auto then = [this, job] {
      timer_.at(Clock::now() + job->pause, [this, job] { next_part(job); });
    };
    if (room) return then();
    reply.on_room(then);
  }

  const Settings settings_;
  const tenon::sdk::Host host_;
  std::vector<char> ballast_;
  Timer timer_;
};

class Echo {
 public:
  static constexpr std::string_view kId = "echo", kVersion = "0.1.0";
  static constexpr bool kForkSafe = true;

  using Prepared = Settings;
  using Instance = EchoInstance;

  explicit Echo(tenon::sdk::Host) {}

  Result<tenon::sdk::Probe> probe(const Model&) {
    return tenon::sdk::Probe{0, "echo serves no model, whatever lies in the folder"};
  }
  Result<tenon::sdk::Estimate> estimate(const Model& model) {
    auto settings = read_settings(model);
    if (!settings) return settings.failure();
    return tenon::sdk::Estimate{(std::uint64_t{1} << 20) + settings->burn_bytes, 0, 0, 1};
  }
  Result<std::unique_ptr<Settings>> prepare(const Model& model) {
    auto settings = read_settings(model);
    if (!settings) return settings.failure();
    return std::make_unique<Settings>(*settings);
  }
  Result<std::unique_ptr<EchoInstance>> load(Settings& settings, const Load& load) {
    const auto start = Clock::now();
    while (Clock::now() - start < settings.load_time) {
      if (load.cancelled()) return tenon::sdk::fail(TENON_CANCELLED, "the load was given up");
      const std::chrono::duration<double> passed = Clock::now() - start;
      load.host.progress(passed / settings.load_time, "wait");
      std::this_thread::sleep_for(Milliseconds(5));
    }
    return std::make_unique<EchoInstance>(settings, load.host);
  }
};

}  // namespace

TENON_PLUGIN(Echo)

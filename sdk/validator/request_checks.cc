#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "sdk/validator/check.h"

namespace tenon::validator {
namespace {

using namespace std::chrono_literals;

using Faults = std::vector<std::string>;

constexpr std::size_t kBatch = 32;
constexpr tenon_request_id kStale = (std::uint64_t{7} << 32) | 0xffff'fff0;

std::string name_of(const FakeRequest& request) {
  return request.method + " " + request.path;
}

// A plugin that serves, for the length of one check.
class Served {
 public:
  explicit Served(const Subject& subject) : host_(open_plugin(subject)) { start(host_, subject); }
  FakeHost* operator->() { return &host_; }

  // The id of a request that was accepted, 0 with a fault otherwise.
  tenon_request_id submit(const FakeRequest& request) {
    const auto id = host_.submit(request);
    if (id == 0) faults_.push_back("did not accept " + name_of(request) + " with nothing to do");
    return id;
  }
  void expect_final(tenon_request_id id, const std::string& what) {
    if (id != 0 && !host_.wait(id).final) faults_.push_back("gave no final message to " + what);
  }
  void fault(std::string text) { faults_.push_back(std::move(text)); }

  Verdict end() {
    host_.stop();
    for (auto& broken : host_.violations()) faults_.push_back(std::move(broken));
    return {.faults = std::move(faults_)};
  }

 private:
  FakeHost host_;
  Faults faults_;
};

Verdict answers(const Subject& subject) {
  Served plugin(subject);
  for (const auto& request : subject.requests) {
    const auto id = plugin.submit(request);
    if (id == 0) continue;
    const FakeAnswer answer = plugin->wait(id);
    if (!answer.final) plugin.fault("gave no final message to " + name_of(request));
    if (answer.final && answer.status == 0 && !answer.error) {
      plugin.fault("ended " + name_of(request) + " with neither a status nor an error");
    }
  }
  std::this_thread::sleep_for(50ms);  // for a second final
  return plugin.end();
}

Verdict batch(const Subject& subject) {
  Served plugin(subject);
  std::vector<FakeRequest> requests;
  for (std::size_t i = 0; i < kBatch; ++i) {
    requests.push_back(subject.requests[i % subject.requests.size()]);
  }
  const auto ids = plugin->submit_batch(requests);
  if (ids.front() == 0) plugin.fault("accepted nothing of a batch with nothing to do");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    plugin.expect_final(ids[i], name_of(requests[i]) + " of a batch");
  }
  return plugin.end();
}

Verdict cancellation(const Subject& subject) {
  Served plugin(subject);
  for (FakeRequest request : subject.requests) {
    const auto during = plugin.submit(request);
    if (during != 0) plugin->cancel(during);
    plugin.expect_final(during, name_of(request) + ", cancelled at once");

    const auto after = plugin.submit(request);
    plugin.expect_final(after, name_of(request));
    if (after != 0) plugin->cancel(after);

    request.cancelled = true;
    const auto before = plugin.submit(request);
    plugin.expect_final(before, name_of(request) + ", cancelled before it came");
  }
  return plugin.end();
}

Verdict deadline(const Subject& subject) {
  Served plugin(subject);
  for (FakeRequest request : subject.requests) {
    request.deadline_ns = 1;  // long ago
    plugin.expect_final(plugin.submit(request), name_of(request) + " after its deadline");
  }
  return plugin.end();
}

Verdict credit(const Subject& subject) {
  Served plugin(subject);
  const bool grows = plugin->api().credit != nullptr;
  for (FakeRequest request : subject.requests) {
    request.credit = 7;
    const auto id = plugin.submit(request);
    const auto end = std::chrono::steady_clock::now() + 2 * subject.patience;
    // A few bytes first, then more and more: slow readers are the ones that find mistakes.
    for (std::uint64_t bytes = 7; id != 0 && grows && !plugin->answer(id).final; bytes += 1) {
      if (std::chrono::steady_clock::now() > end) break;
      plugin->credit(id, bytes);
      std::this_thread::sleep_for(100us);
    }
    plugin.expect_final(id, name_of(request) + ", read a few bytes at a time");
  }
  return plugin.end();
}

Verdict upload(const Subject& subject) {
  Served plugin(subject);
  if (!plugin->api().body) return {.skipped = "it takes whole bodies only: it has no body()"};
  for (FakeRequest request : subject.requests) {
    const std::string body = std::exchange(request.body, "");
    if (body.empty()) continue;
    request.body_complete = false;
    const auto id = plugin.submit(request);
    if (id == 0) continue;
    for (std::size_t at = 0; at < body.size(); ++at) {
      plugin->body(id, std::string_view(body).substr(at, 1), at + 1 == body.size());
    }
    plugin.expect_final(id, name_of(request) + ", whose body came byte by byte");
  }
  FakeRequest huge = subject.requests.front();
  huge.body.clear();
  huge.body_complete = false;
  huge.credit = 64 << 20;
  const auto id = plugin.submit(huge);
  const std::string part(TENON_UPLOAD_WINDOW / 4, ' ');
  // Only what was given back makes room for more, as at a host.
  for (std::uint64_t sent = 0; id != 0 && sent < 16 * TENON_UPLOAD_WINDOW; sent += part.size()) {
    const auto end = std::chrono::steady_clock::now() + subject.patience;
    FakeAnswer answer = plugin->answer(id);
    while (!answer.final && sent + part.size() > answer.consumed + TENON_UPLOAD_WINDOW) {
      if (std::chrono::steady_clock::now() > end) {
        plugin.fault("gave none of a body's bytes back; consume() lets more come");
        return plugin.end();
      }
      std::this_thread::sleep_for(1ms);
      answer = plugin->answer(id);
    }
    if (answer.final) break;
    plugin->body(id, part, false);
  }
  if (id != 0) plugin->body(id, "", true);
  plugin.expect_final(id, name_of(huge) + " with a body of 4 MB");
  return plugin.end();
}

Verdict stale_ids(const Subject& subject) {
  Served plugin(subject);
  for (const tenon_request_id id : {kStale, tenon_request_id{0}, ~tenon_request_id{0}}) {
    plugin->credit(id, 1000);
    plugin->cancel(id);
    if (plugin->api().body) plugin->body(id, "late", true);
  }
  plugin.expect_final(plugin.submit(subject.requests.front()), name_of(subject.requests.front()));
  return plugin.end();
}

// The host may say of any message that its client is gone, or that the request is.
Verdict refused_answers(const Subject& subject) {
  Served plugin(subject);
  for (const tenon_code code : {TENON_CANCELLED, TENON_NOT_FOUND}) {
    plugin->refuse_with(code);
    for (const auto& request : subject.requests) plugin->submit(request);
    std::this_thread::sleep_for(100ms);
  }
  plugin->refuse_with(TENON_OK);
  plugin.expect_final(plugin.submit(subject.requests.front()),
                      name_of(subject.requests.front()) + " after answers that were refused");
  plugin->forget_open();
  return plugin.end();
}

Verdict unload_busy(const Subject& subject) {
  Served plugin(subject);
  for (std::size_t i = 0; i < kBatch; ++i) {
    plugin->submit(subject.requests[i % subject.requests.size()]);
  }
  return plugin.end();
}

Verdict trim(const Subject& subject) {
  Served plugin(subject);
  if (!plugin->api().trim) return {.skipped = "it has no trim()"};
  plugin.expect_final(plugin.submit(subject.requests.front()), name_of(subject.requests.front()));
  std::uint64_t freed = 0;
  const auto code = plugin->api().trim(plugin->instance(), TENON_MEMORY_HOST, 1 << 30, &freed);
  if (code != TENON_OK) plugin.fault("trim failed");
  plugin.expect_final(plugin.submit(subject.requests.front()),
                      name_of(subject.requests.front()) + " after trim()");
  return plugin.end();
}

constexpr std::array<Check, 10> kChecks = {{
    {"answers", "each request gets exactly one final message, by the rules", answers},
    {"batch", "submit() takes a prefix of a batch", batch},
    {"cancel", "what is cancelled before, during or after still ends once", cancellation},
    {"deadline", "what comes too late still ends", deadline, 60s},
    {"credit", "sends no byte beyond the credit, and all of them in the end", credit, 60s},
    {"upload", "takes a body in parts, and gives back what it read", upload, 60s},
    {"stale-ids", "ids that it does not know harm nobody", stale_ids},
    {"refused-answers", "an answer that nobody takes harms nobody", refused_answers, 60s},
    {"unload-busy", "unload() ends what is open", unload_busy, 60s},
    {"trim", "serves after trim()", trim},
}};

}  // namespace

std::span<const Check> request_checks() {
  return kChecks;
}

}  // namespace tenon::validator

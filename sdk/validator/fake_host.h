#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sdk/validator/lent_memory.h"
#include "tenon/plugin.h"

// A host for the tests of plugins: it drives one plugin through its life, records all that the
// plugin says and holds it against the rules of tenon/plugin.h. What a call borrows lies in
// LentMemory.
//
//   FakeHost host(tenon_plugin_v1());
//   host.start({.path = "models/minilm"});
//   const auto id = host.submit({.path = "/embed", .body = "…"});
//   EXPECT_EQ(host.wait(id).status, 200u);
//   host.stop();
//   EXPECT_THAT(host.violations(), IsEmpty());
namespace tenon::validator {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct FakeModel {
  std::string path = "/nowhere";
  std::string name = "model";
  Pairs options = {};
};

struct FakeRequest {
  std::string method = "POST";
  std::string path = "/";
  std::string query = {};
  Pairs headers = {};
  std::string body = {};
  bool body_complete = true;
  std::uint64_t credit = 1 << 20;
  std::uint64_t deadline_ns = 0;
  bool cancelled = false;  // before it arrives
};

struct FakeAnswer {
  unsigned status = 0;
  Pairs headers = {};
  std::string body = {};
  std::vector<std::string> parts;  // of the body, one for each message that had any
  bool final = false;
  std::optional<std::pair<tenon_code, std::string>> error;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::uint64_t consumed = 0;  // bytes of the request's body given back

  std::string header(std::string_view name) const;
};

// Why a call failed: the code, and the text of its tenon_error.
struct FakeFailure {
  tenon_code code = TENON_OK;
  std::string message;
  explicit operator bool() const { return code != TENON_OK; }
};

class FakeHost {
 public:
  // host_table_size: less or more than the real size makes an older or a newer host; what a newer
  // one has more is no function.
  explicit FakeHost(const tenon_plugin_descriptor*,
                    std::uint32_t host_table_size = sizeof(tenon_host_api));
  ~FakeHost();
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  // ---- life ----
  FakeFailure create();
  FakeFailure probe(const FakeModel&, tenon_probe&);
  FakeFailure estimate(const FakeModel&, tenon_estimate&);
  FakeFailure prepare(const FakeModel&);
  FakeFailure load(unsigned threads = 1, const std::uint32_t* cancel_word = nullptr);
  // create, prepare and load; whatever fails is returned.
  FakeFailure start(const FakeModel& = {}, unsigned threads = 1);
  tenon_code drain(std::uint64_t deadline_ns);
  void unload();
  // unload, release and destroy, as far as there is something to end.
  void stop();

  const tenon_plugin_api& api() const { return api_; }
  tenon_instance* instance() const { return instance_; }

  // ---- requests; submit and body from one thread at a time ----
  tenon_request_id submit(const FakeRequest&);  // 0: the plugin did not accept it
  // At once; only a prefix may be accepted, the ids of the others are 0.
  std::vector<tenon_request_id> submit_batch(std::span<const FakeRequest>);
  void body(tenon_request_id, std::string_view part, bool last);
  void credit(tenon_request_id, std::uint64_t bytes);
  void cancel(tenon_request_id);
  // Cancels in the word alone, as a host does a moment before it calls cancel().
  void set_cancel_word(tenon_request_id);

  // How long answers are waited for; ten seconds if nothing is said.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }
  // The answer once it is final, or as far as it has come when patience ends.
  FakeAnswer wait(tenon_request_id);
  // … once its body has this many bytes.
  FakeAnswer wait_body(tenon_request_id, std::size_t bytes);
  FakeAnswer answer(tenon_request_id);
  // Lets respond() refuse with this code whatever is not final.
  void refuse_with(tenon_code);
  // Requests whose answers were refused owe nothing any more.
  void forget_open();

  // ---- what the plugin said ----
  std::vector<std::string> violations();  // rules that it broke
  std::vector<std::string> log();         // "error: …"
  std::vector<std::string> progress();
  std::optional<std::string> fault();
  double metric(const std::string& name);  // the last value, or the sum of a counter
  std::uint64_t memory();                  // of the host, as last reported

  void set_env(const std::string& key, const std::string& value) { env_[key] = value; }

 private:
  struct Open;
  struct Metric {
    std::string name;
    std::int32_t kind;
    double value = 0;
  };

  // A call of the plugin: the host, its lock held.
  struct Call {
    Call(tenon_host*, const char* function);
    FakeHost* operator->() const { return host; }
    FakeHost* host;
    std::unique_lock<std::mutex> lock;
  };
  void fill_table();
  tenon_code on_respond(Call&, tenon_request_id, const tenon_response&);
  void add_request(LentMemory&, const FakeRequest&, tenon_request&);
  tenon_code check(const Open&, const tenon_response&);
  void violation(std::string what) { violations_.push_back(std::move(what)); }
  Open* find(tenon_request_id);
  FakeAnswer wait_for(tenon_request_id, std::optional<std::size_t> bytes);

  const tenon_plugin_descriptor* const descriptor_;
  std::vector<unsigned char> table_;  // exactly as long as it says
  tenon_plugin_api api_{};
  tenon_runtime* runtime_ = nullptr;
  tenon_prepared* prepared_ = nullptr;
  tenon_instance* instance_ = nullptr;
  bool loading_ = false;
  bool ended_ = false;      // no instance may call any more
  bool destroyed_ = false;  // nobody may
  std::map<std::string, std::string> env_;
  std::chrono::milliseconds patience_{10'000};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<tenon_request_id, std::unique_ptr<Open>> requests_;
  tenon_request_id last_id_ = 0;
  tenon_code refusal_ = TENON_OK;
  std::vector<std::string> violations_, log_, progress_;
  std::deque<Metric> metrics_;
  std::optional<std::string> fault_;
  std::uint64_t memory_ = 0;
};

}  // namespace tenon::validator

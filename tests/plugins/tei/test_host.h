#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tenon/ext/cache.h"
#include "tenon/plugin.h"

namespace tenon::tei {

struct TestAnswer {
  unsigned status = 0;
  std::multimap<std::string, std::string> headers;
  std::string body;
  tenon_code error = TENON_OK;
  std::string message;
  std::uint64_t tokens = 0;

  std::string header(const std::string& name) const;
};

using Options = std::vector<std::pair<std::string, std::string>>;

// A host that opens the built plugin and keeps everything that it says. Calls come from the test's
// thread, answers from any.
class TestHost {
 public:
  TestHost();
  ~TestHost();

  // Each gives the error's message, or nothing.
  std::string prepare(const std::string& folder, const Options& options = {});
  std::string load(unsigned threads = 2);
  void unload();
  std::pair<unsigned, std::string> probe(const std::string& folder);

  tenon_request_id submit(const std::string& method, const std::string& path,
                          const std::string& body = {},
                          const std::string& content_type = "application/json");
  void cancel(tenon_request_id id);
  TestAnswer wait(tenon_request_id id);
  TestAnswer call(const std::string& method, const std::string& path, const std::string& body = {},
                  const std::string& content_type = "application/json") {
    return wait(submit(method, path, body, content_type));
  }
  TestAnswer post(const std::string& path, const std::string& body) {
    return call("POST", path, body);
  }

  // What the plugin published, by name; the test may damage it.
  std::map<std::string, std::string> published() const;
  void put(const std::string& name, const std::string& content);
  void wait_published(std::size_t n);
  std::map<std::string, std::string> env;

  const tenon_plugin_descriptor& descriptor() const { return *descriptor_; }

 private:
  struct Open {
    TestAnswer answer;
    std::uint32_t cancelled = 0;
    bool done = false;
    std::vector<std::string> kept;  // the request's own strings
  };
  struct Table;  // the functions that the plugin calls

  tenon_host_api api_{};
  tenon_cache_api cache_{};
  const tenon_plugin_descriptor* descriptor_ = nullptr;
  const tenon_plugin_api* plugin_ = nullptr;
  tenon_runtime* runtime_ = nullptr;
  tenon_prepared* prepared_ = nullptr;
  tenon_instance* instance_ = nullptr;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<tenon_request_id, std::unique_ptr<Open>> open_;
  std::map<std::string, std::string> files_;
  tenon_request_id next_ = 1;
};

}  // namespace tenon::tei

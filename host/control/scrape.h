#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "host/control/desk.h"

namespace tenon::control {

// Answers /metrics. Whoever asks while one page is made gets that page too, so that slow scrapes
// take one thread of the desk, however many ask. [any]
class Scrape {
 public:
  explicit Scrape(std::function<std::string()> metrics) : metrics_(std::move(metrics)) {}

  void answer(std::shared_ptr<Reply>);

 private:
  const std::function<std::string()> metrics_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Reply>> waiting_;  // not empty: one thread makes the page
};

}  // namespace tenon::control

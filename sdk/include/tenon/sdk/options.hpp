// Typed reading of a deployment's options.
#pragma once

#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenon/sdk/values.hpp"

namespace tenon::sdk {

// Reads options one by one and remembers what went wrong first:
//
//   Options options(model);
//   settings.delay = options.integer("delayMs", 0, 0, 60'000);
//   settings.mode = options.choice("mode", Mode::kFast, {{"fast", Mode::kFast}, {"safe", …}});
//   if (auto read = options.finish(); !read) return read.failure();
class Options {
 public:
  explicit Options(const Model& model) : model_(model), used_(model.options.size()) {}

  std::string string(std::string_view name, std::string_view fallback = {}) {
    return std::string(find(name).value_or(fallback));
  }

  std::int64_t integer(std::string_view name, std::int64_t fallback,
                       std::int64_t least = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t most = std::numeric_limits<std::int64_t>::max()) {
    return numeric(name, fallback, least, most, "a whole number");
  }

  double number(std::string_view name, double fallback,
                double least = std::numeric_limits<double>::lowest(),
                double most = std::numeric_limits<double>::max()) {
    return numeric(name, fallback, least, most, "a number");
  }

  bool boolean(std::string_view name, bool fallback) {
    return choice(name, fallback, {{"true", true}, {"false", false}});
  }

  template <class T>
  T choice(std::string_view name, T fallback,
           std::initializer_list<std::pair<std::string_view, T>> choices) {
    const auto text = find(name);
    if (!text) return fallback;
    std::string known;
    for (const auto& [word, value] : choices) {
      if (word == *text) return value;
      known.append(known.empty() ? "\"" : ", \"").append(word).append("\"");
    }
    reject(name, *text, "one of " + known);
    return fallback;
  }

  // The first failure; an option that nobody read is one.
  Result<> finish() {
    for (std::size_t i = 0; i < used_.size() && !failure_; ++i) {
      if (!used_[i]) {
        failure_ = fail(TENON_INVALID,
                        "option \"" + model_.options[i].first + "\" is not known to this plugin");
      }
    }
    if (failure_) return *failure_;
    return {};
  }

 private:
  std::optional<std::string_view> find(std::string_view name) {
    std::optional<std::string_view> found;
    for (std::size_t i = 0; i < used_.size(); ++i) {
      if (model_.options[i].first != name) continue;
      used_[i] = true;
      found = model_.options[i].second;
    }
    return found;
  }

  template <class T>
  T numeric(std::string_view name, T fallback, T least, T most, const char* what) {
    const auto text = find(name);
    if (!text) return fallback;
    T value{};
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    const bool whole = error == std::errc() && end == text->data() + text->size();
    if (whole && value >= least && value <= most) return value;
    std::string expected = what;
    if (least > std::numeric_limits<T>::lowest()) expected += " ≥ " + plain(least);
    if (most < std::numeric_limits<T>::max()) expected += " ≤ " + plain(most);
    reject(name, *text, expected);
    return fallback;
  }

  template <class T>
  static std::string plain(T value) {
    char text[32];
    return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
  }

  void reject(std::string_view name, std::string_view found, const std::string& expected) {
    if (failure_) return;
    failure_ = fail(TENON_INVALID, "option \"" + std::string(name) + "\" is \"" +
                                       std::string(found) + "\", expected " + expected);
  }

  const Model& model_;
  std::vector<bool> used_;
  std::optional<Failure> failure_;
};

}  // namespace tenon::sdk

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/config/node.h"
#include "host/domain/error.h"

namespace tenon::config {

struct Problem {
  Position at;
  std::string message;
  auto operator<=>(const Problem&) const = default;
};

// The errors of one file, or of one request.
class Problems {
 public:
  explicit Problems(std::string file = {}) : file_(std::move(file)) {}

  void add(Position at, std::string message) { found_.push_back({at, std::move(message)}); }
  bool empty() const { return found_.empty(); }
  std::vector<Problem> sorted() const;  // by position
  // What was read was JSON: positions are told as paths, that of line N being paths[N - 1].
  void name_lines(std::vector<std::string> paths) { paths_ = std::move(paths); }
  std::string_view path(Position) const;  // "" when it has none
  // One line for each: "FILE:LINE:COLUMN: message", or "PATH: message".
  std::string text() const;
  Error error() const { return {Code::kInvalid, text(), false}; }

 private:
  std::string told(const Problem&) const;

  std::string file_;
  std::vector<std::string> paths_;
  std::vector<Problem> found_;
};

}  // namespace tenon::config

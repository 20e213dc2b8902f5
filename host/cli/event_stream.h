#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tenon::cli {

// Server-sent events out of a body that comes in pieces.
class EventStream {
 public:
  struct Event {
    std::string name, data;
    bool operator==(const Event&) const = default;
  };

  // Those that are whole with this piece.
  std::vector<Event> take(std::string_view piece);

 private:
  void line(std::string_view text, std::vector<Event>& out);

  std::string rest_;  // of a line
  Event event_;       // until its empty line
};

}  // namespace tenon::cli

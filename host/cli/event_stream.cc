#include "host/cli/event_stream.h"

#include <utility>

namespace tenon::cli {

std::vector<EventStream::Event> EventStream::take(std::string_view piece) {
  std::vector<Event> out;
  for (;;) {
    const std::size_t end = piece.find('\n');
    rest_ += piece.substr(0, end);
    if (end == piece.npos) return out;
    piece.remove_prefix(end + 1);
    line(std::exchange(rest_, {}), out);
  }
}

void EventStream::line(std::string_view text, std::vector<Event>& out) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (text.empty()) {
    if (!event_.data.empty()) out.push_back(std::exchange(event_, {}));
    event_ = {};
    return;
  }
  const std::size_t colon = text.find(':');
  std::string_view value = colon == text.npos ? "" : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  const std::string_view field = text.substr(0, colon);
  if (field == "event") {
    event_.name = value;
  } else if (field == "data") {
    if (!event_.data.empty()) event_.data += '\n';
    event_.data += value;
  }  // a comment, or what this does not know
}

}  // namespace tenon::cli

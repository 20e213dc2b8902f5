// Feeds bytes to the request parser and the router as a socket would: in pieces, into a buffer that
// grows and moves. However the bytes are cut, the same requests must come out.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "host/gateway/request_id.h"
#include "host/gateway/request_parser.h"
#include "host/gateway/route.h"

namespace {

using tenon::gateway::RequestParser;

constexpr std::size_t kHeadLimit = 4096;
constexpr std::string_view kBad = "\nbad";

struct Body final : RequestParser::BodySink {
  std::size_t take(std::string_view piece) override {
    // Now and then takes only a part.
    const std::size_t size = pausing ? (piece.size() + 1) / 2 : piece.size();
    pausing = pausing && size != piece.size();
    bytes.append(piece.substr(0, size));
    return size;
  }
  std::string bytes;
  bool pausing = false;
};

// What was understood, in one text.
std::string read_all(std::string_view input, std::size_t piece, bool pausing) {
  RequestParser parser(kHeadLimit, 1 << 16);
  std::string understood;
  Body body;
  std::unique_ptr<char[]> buffer(new char[input.size() + 1]);
  std::size_t position = 0, end = 0;
  for (;;) {
    body.pausing = pausing;
    const auto step = parser.feed(buffer.get(), position, end, body);
    if (position > end) __builtin_trap();
    if (step == RequestParser::Step::kBad) return understood + body.bytes + std::string(kBad);
    if (step == RequestParser::Step::kPaused) continue;
    if (step == RequestParser::Step::kHead) {
      understood += std::string(parser.method(buffer.get())) + " ";
      understood += std::string(parser.target(buffer.get())) + "\n";
      for (const auto& field : parser.fields()) {
        understood += std::string(field.name.in(buffer.get())) + "=";
        understood += std::string(field.value.in(buffer.get())) + "\n";
        (void)tenon::gateway::parse_traceparent(field.value.in(buffer.get()));
        (void)tenon::gateway::is_sane_request_id(field.value.in(buffer.get()));
      }
      tenon::gateway::Route route;
      route.read(parser.target(buffer.get()));
      understood += std::string(route.workspace) + "/" + std::string(route.model) + "@" +
                    std::string(route.environment) + std::string(route.path) + "?" +
                    std::string(route.query) + "\n";
      continue;
    }
    if (step == RequestParser::Step::kDone) {
      understood += body.bytes + "\ndone\n";
      body.bytes.clear();
      parser.begin();
      continue;
    }
    if (end == input.size()) return understood + body.bytes;
    // More arrives, and the buffer moves.
    const std::size_t size = std::min(piece, input.size() - end);
    std::unique_ptr<char[]> moved(new char[input.size() + 1]);
    std::memcpy(moved.get(), buffer.get(), end);
    std::memcpy(moved.get() + end, input.data() + end, size);
    buffer = std::move(moved);
    end += size;
  }
}

// In pieces a mistake may be noticed later, when more has come; nothing else may differ.
void must_agree(std::string_view a, std::string_view b) {
  if (a == b) return;
  bool bad = false;
  for (std::string_view* text : {&a, &b}) {
    if (!text->ends_with(kBad)) continue;
    text->remove_suffix(kBad.size());
    bad = true;
  }
  if (!bad || !(a.starts_with(b) || b.starts_with(a))) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 8192) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string whole = read_all(input, size, false);
  if (input.size() < kHeadLimit) must_agree(read_all(input, 1 + size / 7, true), whole);
  if (input.size() < 300) must_agree(read_all(input, 1, false), whole);
  return 0;
}

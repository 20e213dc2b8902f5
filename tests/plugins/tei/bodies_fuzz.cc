// Any bytes as the body of any route: read or refused, never worse; and what is refused is said in
// valid UTF-8.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugins/tei/requests.h"
#include "plugins/tei/text.h"

namespace {

template <class T>
void check(const tenon::tei::Parsed<T>& parsed) {
  if (parsed) return;
  const std::string& message = parsed.error().message;
  if (message.find(" at line ") == std::string::npos) std::abort();
  if (tenon::tei::valid_utf8_prefix(message) != message.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  using namespace tenon::tei;
  check(parse_embed(body));
  check(parse_openai(body));
  check(parse_similarity(body));
  check(parse_tokenize(body));
  check(parse_decode(body));
  check(parse_predict(body));
  check(parse_rerank(body));
  return 0;
}

// Any Authorization value: refused with a sentence, unless it is the one key's.

#include <cstdlib>

#include "host/access/access.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon::access;
  static Access* const access = [] {
    auto* out = new Access(Sha256{});
    Grant grant;
    grant.caller.id = "k1";
    grant.secret = digest_of("tn_one");
    out->set({grant}, true);
    return out;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CredentialReader reader;
  reader.add("authorization", text);
  const auto found = access->identify(reader.found(), {std::chrono::system_clock::now(), 1});
  if (!found && found.error().message.empty()) std::abort();
  return 0;
}

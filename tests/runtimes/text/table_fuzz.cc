// Any bytes as a vocabulary table: an error, or a tokenizer that can be used.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtimes/text/tenon_text.h"

namespace {

// The reader's checksum (rust/src/table.rs), so that damage gets past it and reaches the checks.
std::uint64_t checksum(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kFactor = 0x9fb21c651e98df25;
  const auto rotate = [](std::uint64_t value, int by) { return value << by | value >> (64 - by); };
  const auto word = [&](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, data + at, std::min<std::size_t>(8, size - at));
    return value;
  };
  std::uint64_t lanes[] = {1, 2, 3, 4};
  std::size_t at = 0;
  for (; at + 32 <= size; at += 32) {
    for (std::size_t i = 0; i < 4; ++i) {
      lanes[i] = rotate((lanes[i] ^ word(at + 8 * i)) * kFactor, 29);
    }
  }
  std::uint64_t sum = size;
  for (const auto lane : lanes) sum = rotate((sum ^ lane) * kFactor, 31);
  for (; at < size; at += 8) sum = rotate((sum ^ word(at)) * kFactor, 31);
  return sum;
}

void use(const tenon_text_tokenizer* tokenizer) {
  constexpr char kText[] = "The quick \u4e2d\u6587 fox, unwanted caf\u00e9 [MASK]!";
  tenon_text_options options{};
  options.add_special_tokens = 1;
  tenon_text_tokens tokens{};
  tenon_text_bytes bytes{};
  for (const std::size_t size : {std::size_t{9}, sizeof(kText) - 1}) {
    const auto status = tenon_text_encode(tokenizer, reinterpret_cast<const std::uint8_t*>(kText),
                                          size, &options, &tokens, &bytes);
    if (status != TENON_TEXT_OK) {
      if (bytes.size == 0) std::abort();
      tenon_text_bytes_free(bytes);
      continue;
    }
    for (std::size_t i = 0; i < tokens.size; ++i) {
      const auto& token = tokens.data[i];
      if (token.start > token.stop || token.stop > size) std::abort();
      if (tenon_text_id_to_token(tokenizer, token.id, &bytes)) tenon_text_bytes_free(bytes);
    }
    tenon_text_tokens_free(tokens);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> table(data, data + size);
  if (size >= 16) {
    const auto sum = checksum(table.data() + 16, size - 16);
    std::memcpy(table.data() + 8, &sum, sizeof(sum));
  }
  tenon_text_tokenizer* tokenizer = nullptr;
  tenon_text_bytes error{};
  if (tenon_text_from_table(table.data(), table.size(), &tokenizer, &error) == TENON_TEXT_OK) {
    use(tokenizer);
    tenon_text_free(tokenizer);
  } else {
    if (error.size == 0) std::abort();
    tenon_text_bytes_free(error);
  }
  return 0;
}

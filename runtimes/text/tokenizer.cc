#include "runtimes/text/tokenizer.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtimes/text/tenon_text.h"

namespace tenon::text {
namespace {

const std::uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const std::uint8_t*>(text.data());
}

// Memory that the Rust side made, given back to it.
struct OwnedBytes {
  tenon_text_bytes bytes{};
  OwnedBytes() = default;
  OwnedBytes(const OwnedBytes&) = delete;
  OwnedBytes& operator=(const OwnedBytes&) = delete;
  ~OwnedBytes() { tenon_text_bytes_free(bytes); }

  std::string str() const { return {reinterpret_cast<const char*>(bytes.data), bytes.size}; }
};

struct OwnedTokens {
  tenon_text_tokens tokens{};
  OwnedTokens() = default;
  OwnedTokens(const OwnedTokens&) = delete;
  OwnedTokens& operator=(const OwnedTokens&) = delete;
  ~OwnedTokens() { tenon_text_tokens_free(tokens); }
};

Error::Kind kind_of(tenon_text_status status) {
  switch (status) {
    case TENON_TEXT_INVALID:
      return Error::Kind::kInvalid;
    case TENON_TEXT_UNSUPPORTED:
      return Error::Kind::kUnsupported;
    default:
      return Error::Kind::kInternal;
  }
}

std::unexpected<Error> failure(tenon_text_status status, const OwnedBytes& message) {
  return std::unexpected(Error{kind_of(status), message.str()});
}

tenon_text_options c_options(const EncodeOptions& options) {
  tenon_text_options out{};
  out.add_special_tokens = options.add_special_tokens;
  if (options.truncation) {
    out.truncation = options.truncation->direction == Direction::kLeft ? TENON_TEXT_DROP_LEFT
                                                                       : TENON_TEXT_DROP_RIGHT;
    out.max_tokens = options.truncation->max_tokens;
  }
  return out;
}

std::unexpected<Error> system_failure(std::string_view what) {
  return std::unexpected(
      Error{Error::Kind::kInternal, fmt::format("cannot {}: {}", what, std::strerror(errno))});
}

Result<void> write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure("write the tokenizer table");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

// A whole file, read through the page cache.
class Mapping {
 public:
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (size_ != 0) ::munmap(data_, size_);
  }

  Result<void> map(int fd) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return system_failure("look at the tokenizer table");
    if (info.st_size == 0) return {};
    const auto size = static_cast<std::size_t>(info.st_size);
    // Every page is read at once by the checksum: filling the page table now is cheaper.
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED) return system_failure("map the tokenizer table");
    data_ = data;
    size_ = size;
    return {};
  }

  std::span<const std::uint8_t> bytes() const {
    return {static_cast<const std::uint8_t*>(data_), size_};
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace

struct Tokenizer::Impl {
  Mapping table;  // outlives the handle, which reads it
  tenon_text_tokenizer* handle = nullptr;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { tenon_text_free(handle); }
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Result<Tokenizer> Tokenizer::from_json(std::string_view json) {
  auto impl = std::make_unique<Impl>();
  OwnedBytes error;
  const auto status =
      tenon_text_from_json(bytes_of(json), json.size(), &impl->handle, &error.bytes);
  if (status != TENON_TEXT_OK) return failure(status, error);
  return Tokenizer(std::move(impl));
}

Result<void> Tokenizer::write_table(std::string_view json, int fd) {
  OwnedBytes table;
  OwnedBytes error;
  const auto status =
      tenon_text_make_table(bytes_of(json), json.size(), &table.bytes, &error.bytes);
  if (status != TENON_TEXT_OK) return failure(status, error);
  return write_all(fd, {table.bytes.data, table.bytes.size});
}

Result<Tokenizer> Tokenizer::map_table(int fd) {
  auto impl = std::make_unique<Impl>();
  if (auto mapped = impl->table.map(fd); !mapped) return std::unexpected(mapped.error());
  const auto table = impl->table.bytes();
  OwnedBytes error;
  const auto status =
      tenon_text_from_table(table.data(), table.size(), &impl->handle, &error.bytes);
  if (status != TENON_TEXT_OK) return failure(status, error);
  return Tokenizer(std::move(impl));
}

Result<std::vector<Token>> Tokenizer::encode(std::string_view text,
                                             const EncodeOptions& options) const {
  const auto raw_options = c_options(options);
  OwnedTokens encoded;
  OwnedBytes error;
  const auto status = tenon_text_encode(impl_->handle, bytes_of(text), text.size(), &raw_options,
                                        &encoded.tokens, &error.bytes);
  if (status != TENON_TEXT_OK) return failure(status, error);
  std::vector<Token> tokens;
  tokens.reserve(encoded.tokens.size);
  for (const auto& token : std::span(encoded.tokens.data, encoded.tokens.size)) {
    tokens.push_back({token.id, token.type_id, token.start, token.stop, token.special != 0});
  }
  return tokens;
}

Result<void> Tokenizer::encode_ids(std::string_view text, const EncodeOptions& options,
                                   std::vector<std::uint32_t>& ids) const {
  const auto raw_options = c_options(options);
  // Few texts have more tokens than a third of their bytes; the second try is for those that do.
  ids.resize(text.size() / 3 + 16);
  for (;;) {
    std::size_t count = 0;
    OwnedBytes error;
    const auto status =
        tenon_text_encode_ids(impl_->handle, bytes_of(text), text.size(), &raw_options, ids.data(),
                              ids.size(), &count, &error.bytes);
    const bool all = count <= ids.size();
    ids.resize(count);
    if (status != TENON_TEXT_OK) return failure(status, error);
    if (all) return {};
  }
}

Result<std::string> Tokenizer::decode(std::span<const std::uint32_t> ids,
                                      bool skip_special_tokens) const {
  OwnedBytes text;
  OwnedBytes error;
  const auto status = tenon_text_decode(impl_->handle, ids.data(), ids.size(), skip_special_tokens,
                                        &text.bytes, &error.bytes);
  if (status != TENON_TEXT_OK) return failure(status, error);
  return text.str();
}

std::optional<std::uint32_t> Tokenizer::token_to_id(std::string_view token) const {
  std::uint32_t id = 0;
  if (!tenon_text_token_to_id(impl_->handle, bytes_of(token), token.size(), &id)) return {};
  return id;
}

std::optional<std::string> Tokenizer::id_to_token(std::uint32_t id) const {
  OwnedBytes token;
  if (!tenon_text_id_to_token(impl_->handle, id, &token.bytes)) return {};
  return token.str();
}

std::size_t Tokenizer::vocabulary_size() const {
  return tenon_text_vocabulary_size(impl_->handle);
}

}  // namespace tenon::text

#include "runtimes/weights/safetensors.h"

#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <boost/json.hpp>
#include <cstring>
#include <optional>
#include <vector>

namespace tenon::weights {
namespace {

namespace json = boost::json;

// As the format's own library has it.
constexpr std::uint64_t kLargestHeader = 100'000'000;
constexpr std::size_t kLargestRank = 64;

std::unexpected<Error> invalid(std::string message) {
  return fail(Error::Kind::kInvalid, std::move(message));
}

// A header may come from anywhere: names are cut and made printable before they enter a message.
std::string quoted(std::string_view name) {
  std::string text = "\"";
  for (const char c : name.substr(0, 100)) text += c < ' ' || c == '"' || c == 127 ? '?' : c;
  return text + (name.size() > 100 ? "…\"" : "\"");
}

std::optional<std::uint64_t> whole(const json::value& value) {
  if (const auto* number = value.if_uint64()) return *number;
  if (const auto* number = value.if_int64(); number && *number >= 0)
    return static_cast<std::uint64_t>(*number);
  return std::nullopt;
}

Result<std::vector<std::uint64_t>> whole_list(const json::value* value, const std::string& what) {
  const json::array* array = value ? value->if_array() : nullptr;
  if (!array) return invalid(what + " is not an array");
  if (array->size() > kLargestRank)
    return invalid(what + " has " + std::to_string(array->size()) + " numbers");
  std::vector<std::uint64_t> numbers;
  for (const json::value& element : *array) {
    const auto number = whole(element);
    if (!number)
      return invalid(what + " holds something other than whole numbers from 0 to 2^64 - 1");
    numbers.push_back(*number);
  }
  return numbers;
}

// Bytes of a tensor; none where they do not fit 64 bits.
std::optional<std::uint64_t> bytes_of(tensor::DType dtype, std::span<const std::uint64_t> shape) {
  std::uint64_t bytes = tensor::size_of(dtype);
  for (const std::uint64_t size : shape) {
    if (__builtin_mul_overflow(bytes, size, &bytes)) return std::nullopt;
  }
  return bytes;
}

Result<TensorEntry> parse_entry(const std::string& name, const json::value& value,
                                std::uint64_t data_size) {
  const json::object* object = value.if_object();
  if (!object) return invalid("tensor " + name + " is not described by an object");
  TensorEntry entry;
  const json::value* dtype = object->if_contains("dtype");
  const json::string* spelled = dtype ? dtype->if_string() : nullptr;
  if (!spelled) return invalid("tensor " + name + " has no dtype");
  const auto known = tensor::dtype_of(std::string_view(*spelled));
  if (!known) {
    return fail(Error::Kind::kUnsupported,
                "tensor " + name + " has the unknown dtype " + quoted(*spelled));
  }
  entry.dtype = *known;

  auto shape = whole_list(object->if_contains("shape"), "the shape of tensor " + name);
  if (!shape) return std::unexpected(shape.error());
  entry.shape = std::move(*shape);

  auto offsets = whole_list(object->if_contains("data_offsets"), "data_offsets of tensor " + name);
  if (!offsets) return std::unexpected(offsets.error());
  if (offsets->size() != 2)
    return invalid("data_offsets of tensor " + name + " are not two numbers");
  entry.begin = (*offsets)[0];
  entry.end = (*offsets)[1];
  if (entry.begin > entry.end || entry.end > data_size) {
    return invalid("tensor " + name + " lies at [" + std::to_string(entry.begin) + ", " +
                   std::to_string(entry.end) + ") of " + std::to_string(data_size) +
                   " bytes of data: the file is cut short or its header is wrong");
  }
  const auto bytes = bytes_of(entry.dtype, entry.shape);
  if (!bytes || *bytes != entry.end - entry.begin) {
    return invalid("tensor " + name + " takes " + std::to_string(entry.end - entry.begin) +
                   " bytes, but " + std::string(tensor::name_of(entry.dtype)) + " " +
                   tensor::to_string(entry.shape) + " asks for " +
                   (bytes ? std::to_string(*bytes) : "more than 2^64"));
  }
  return entry;
}

// Finds shared bytes, and counts those that belong to nobody.
Result<std::uint64_t> claim(const SafetensorsHeader& header, std::uint64_t data_size) {
  using Item = decltype(header.tensors)::const_pointer;
  std::vector<Item> ordered;
  for (const auto& item : header.tensors) ordered.push_back(&item);
  std::ranges::sort(ordered, {},
                    [](Item item) { return std::pair(item->second.begin, item->second.end); });
  std::uint64_t reached = 0;
  std::uint64_t unclaimed = 0;
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    const TensorEntry& entry = ordered[i]->second;
    if (entry.begin < reached && entry.begin != entry.end) {
      return invalid("tensors " + quoted(ordered[i - 1]->first) + " and " +
                     quoted(ordered[i]->first) + " overlap");
    }
    if (entry.begin > reached) unclaimed += entry.begin - reached;
    reached = std::max(reached, entry.end);
  }
  return unclaimed + (data_size - reached);
}

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) return invalid("the header is not JSON: " + error.message());
  return value;
}

std::size_t members_of(const json::value& value) {
  std::size_t count = 0;
  if (const auto* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += members_of(member.value());
  } else if (const auto* array = value.if_array()) {
    for (const json::value& element : *array) count += members_of(element);
  }
  return count;
}

// The parser keeps one of two equal names. Valid JSON has a colon outside of its strings for each.
bool names_twice(std::string_view text, const json::value& value) {
  std::size_t colons = 0;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (inside && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      inside = !inside;
    } else if (!inside && text[i] == ':') {
      ++colons;
    }
  }
  return colons != members_of(value);
}

}  // namespace

Result<SafetensorsHeader> SafetensorsHeader::parse(std::span<const std::byte> file) {
  std::uint64_t size = 0;
  if (file.size() < sizeof size) {
    return invalid("the file has " + std::to_string(file.size()) +
                   " bytes: too short for a header length");
  }
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(&size, file.data(), sizeof size);
  if (size > kLargestHeader) {
    return invalid("the header length is " + std::to_string(size) + "; at most " +
                   std::to_string(kLargestHeader) + " is allowed");
  }
  if (size > file.size() - sizeof size) {
    return invalid("the header length is " + std::to_string(size) + ", but only " +
                   std::to_string(file.size() - sizeof size) +
                   " bytes follow: the file is cut short");
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + sizeof size, size);
  if (text.empty() || text[0] != '{') return invalid("the header does not begin with {");
  const auto value = parse_json(text);
  if (!value) return std::unexpected(value.error());
  const json::object* members = value->if_object();
  if (!members) return invalid("the header is not an object");
  if (names_twice(text, *value)) return invalid("the header has a name twice");

  const std::uint64_t start = sizeof size + size;
  const std::uint64_t data_size = file.size() - start;
  SafetensorsHeader header;
  for (const auto& [key, description] : *members) {
    if (key == "__metadata__") continue;
    auto entry = parse_entry(quoted(key), description, data_size);
    if (!entry) return std::unexpected(entry.error());
    header.tensors.emplace(key, std::move(*entry));
  }
  const auto unclaimed = claim(header, data_size);
  if (!unclaimed) return std::unexpected(unclaimed.error());
  header.unclaimed_bytes = *unclaimed;
  for (auto& [name, entry] : header.tensors) {
    entry.begin += start;
    entry.end += start;
  }
  return header;
}

Result<Safetensors> Safetensors::open(const std::string& path) {
  auto mapping = tensor::Mapping::open(path);
  if (!mapping) return std::unexpected(mapping.error());
  auto header = SafetensorsHeader::parse(mapping->bytes());
  if (!header) return fail(header.error().kind, path + ": " + header.error().message);
  Safetensors file;
  file.mapping_ = std::move(*mapping);
  file.header_ = std::move(*header);
  return file;
}

Result<Safetensors> Safetensors::open_folder(const std::string& folder) {
  auto file = open(folder + "/model.safetensors");
  if (file || file.error().kind != Error::Kind::kNotFound) return file;
  struct stat status{};
  if (stat((folder + "/pytorch_model.bin").c_str(), &status) == 0) {
    return fail(Error::Kind::kUnsupported,
                folder +
                    " holds its weights as a pickle (pytorch_model.bin), which can run code when "
                    "it is read; "
                    "save the model as model.safetensors");
  }
  if (stat((folder + "/model.safetensors.index.json").c_str(), &status) == 0) {
    return fail(Error::Kind::kUnsupported,
                folder +
                    " holds its weights in several files "
                    "(model.safetensors.index.json); one model.safetensors is known");
  }
  return file;
}

tensor::TensorView Safetensors::view(const TensorEntry& entry) const {
  return {entry.dtype, entry.shape, mapping_.bytes().subspan(entry.begin, entry.end - entry.begin)};
}

}  // namespace tenon::weights

#include "runtimes/encoder/config.h"

#include <array>
#include <boost/json.hpp>
#include <limits>
#include <utility>

#include "runtimes/encoder/packed.h"
#include "runtimes/tensor/mapping.h"
#include "runtimes/weights/safetensors.h"

namespace tenon::encoder {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, Pooling>, 3> kPoolings = {
    {{"mean", Pooling::kMean}, {"cls", Pooling::kCls}, {"max", Pooling::kMax}}};

std::unexpected<Error> invalid(std::string message) {
  return tensor::fail(Error::Kind::kInvalid, std::move(message));
}

std::unexpected<Error> unsupported(std::string message) {
  return tensor::fail(Error::Kind::kUnsupported, std::move(message));
}

// A JSON object of a model folder, and the path for messages about it.
struct File {
  std::string path;
  json::object members;
};

Result<File> read_json(const std::string& path) {
  auto mapping = tensor::Mapping::open(path);
  if (!mapping) return std::unexpected(mapping.error());
  const auto bytes = mapping->bytes();
  boost::system::error_code error;
  json::value value =
      json::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, error);
  if (error) return invalid(path + " is not JSON: " + error.message());
  if (!value.is_object()) return invalid(path + " is not a JSON object");
  return File{path, std::move(value.get_object())};
}

Result<std::uint32_t> number(const File& file, std::string_view key, std::uint32_t at_most) {
  const json::value* value = file.members.if_contains(key);
  if (!value) return invalid(file.path + " has no " + std::string(key));
  const std::int64_t* found = value->if_int64();
  if (!found || *found < 1 || *found > at_most) {
    return invalid(file.path + ": " + std::string(key) + " is " + json::serialize(*value) +
                   "; expected a whole number from 1 to " + std::to_string(at_most));
  }
  return static_cast<std::uint32_t>(*found);
}

// Missing is the model library's default; anything but the known value is refused by name.
Result<void> only(const File& file, std::string_view key, std::string_view known) {
  const json::value* value = file.members.if_contains(key);
  if (!value || (value->is_string() && std::string_view(value->get_string()) == known)) return {};
  return unsupported(file.path + ": " + std::string(key) + " is " + json::serialize(*value) +
                     "; known: \"" + std::string(known) + "\"");
}

// Other architectures hide behind "bert" and say so only by where their code lies.
Result<void> refuse_foreign_code(const File& file) {
  const json::value* map = file.members.if_contains("auto_map");
  if (!map) return {};
  return unsupported(file.path + " brings its own model code (auto_map " + json::serialize(*map) +
                     "); only the model library's own \"bert\" is known");
}

Result<EncoderConfig> read_architecture(const std::string& folder) {
  auto file = read_json(folder + "/config.json");
  if (!file) return std::unexpected(file.error());
  if (!file->members.contains("model_type")) return invalid(file->path + " has no model_type");
  for (const auto& checked :
       {only(*file, "model_type", "bert"), only(*file, "hidden_act", "gelu"),
        only(*file, "position_embedding_type", "absolute"), refuse_foreign_code(*file)}) {
    if (!checked) return std::unexpected(checked.error());
  }
  EncoderConfig config;
  config.model_type = "bert";
  struct Field {
    std::string_view key;
    std::uint32_t& value;
    std::uint32_t at_most;
  };
  // The limits keep every size that is computed from them far below 2^63.
  for (const Field& field : {Field{"hidden_size", config.hidden, 1U << 16},
                             Field{"num_hidden_layers", config.layers, 1U << 10},
                             Field{"num_attention_heads", config.heads, 1U << 10},
                             Field{"intermediate_size", config.intermediate, 1U << 18},
                             Field{"vocab_size", config.vocabulary, 1U << 24},
                             Field{"max_position_embeddings", config.positions, 1U << 20},
                             Field{"type_vocab_size", config.token_types, 1U << 10}}) {
    const auto value = number(*file, field.key, field.at_most);
    if (!value) return std::unexpected(value.error());
    field.value = *value;
  }
  if (config.hidden % config.heads != 0) {
    return invalid(file->path + ": hidden_size " + std::to_string(config.hidden) +
                   " is not a multiple of num_attention_heads " + std::to_string(config.heads));
  }
  const json::value* epsilon = file->members.if_contains("layer_norm_eps");
  config.layer_norm_eps = 1e-12;
  if (epsilon) {
    boost::system::error_code error;
    config.layer_norm_eps = epsilon->to_number<double>(error);
    if (error || !(config.layer_norm_eps > 0 && config.layer_norm_eps < 1)) {
      return invalid(file->path + ": layer_norm_eps is " + json::serialize(*epsilon) +
                     "; expected a number between 0 and 1");
    }
  }
  return config;
}

// Which modes a pooling file may switch on, in the order in which they are looked at.
constexpr std::array<std::pair<std::string_view, Pooling>, 3> kPoolingModes = {
    {{"pooling_mode_cls_token", Pooling::kCls},
     {"pooling_mode_mean_tokens", Pooling::kMean},
     {"pooling_mode_max_tokens", Pooling::kMax}}};

Result<Pooling> read_pooling(const std::string& folder) {
  auto file = read_json(folder + "/1_Pooling/config.json");
  if (!file && file.error().kind == Error::Kind::kNotFound) return Pooling::kCls;
  if (!file) return std::unexpected(file.error());
  for (const auto& [mode, pooling] : kPoolingModes) {
    const json::value* value = file->members.if_contains(mode);
    if (value && value->is_bool() && value->get_bool()) return pooling;
  }
  return unsupported(file->path +
                     " switches on none of pooling_mode_cls_token, pooling_mode_mean_tokens and "
                     "pooling_mode_max_tokens");
}

constexpr std::array<std::string_view, 7> kSentenceFiles = {
    "sentence_bert_config.json",       "sentence_roberta_config.json",
    "sentence_distilbert_config.json", "sentence_camembert_config.json",
    "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json"};

// The longest input to serve: what the sentence file says, but never more than there are positions.
Result<std::uint32_t> read_max_tokens(const std::string& folder, std::uint32_t positions) {
  for (const std::string_view name : kSentenceFiles) {
    auto file = read_json(folder + "/" + std::string(name));
    if (!file && file.error().kind == Error::Kind::kNotFound) continue;
    if (!file) return std::unexpected(file.error());
    const json::value* limit = file->members.if_contains("max_seq_length");
    if (!limit || limit->is_null()) return positions;
    const auto tokens = number(*file, "max_seq_length", std::numeric_limits<std::int32_t>::max());
    if (!tokens) return std::unexpected(tokens.error());
    return std::min(*tokens, positions);
  }
  return positions;
}

}  // namespace

std::string_view name_of(Pooling pooling) {
  for (const auto& [name, known] : kPoolings) {
    if (known == pooling) return name;
  }
  return "";
}

Result<Pooling> pooling_of(std::string_view name) {
  for (const auto& [known, pooling] : kPoolings) {
    if (known == name) return pooling;
  }
  return invalid("unknown pooling \"" + std::string(name) + "\"; known are mean, cls and max");
}

Result<EncoderConfig> EncoderConfig::from_folder(const std::string& folder) {
  auto config = read_architecture(folder);
  if (!config) return config;
  const auto pooling = read_pooling(folder);
  if (!pooling) return std::unexpected(pooling.error());
  const auto max_tokens = read_max_tokens(folder, config->positions);
  if (!max_tokens) return std::unexpected(max_tokens.error());
  config->pooling = *pooling;
  config->max_tokens = *max_tokens;
  return config;
}

Result<Footprint> estimate(const std::string& folder, const EncoderConfig& config) {
  const auto file = weights::Safetensors::open_folder(folder);
  if (!file) return std::unexpected(file.error());
  const auto source = find_tensors(*file, config);
  if (!source) return tensor::fail(source.error().kind, folder + ": " + source.error().message);
  const ops::Kernels& kernels = ops::kernels_for(ops::detect_isa());
  return Footprint{.mapped = PackedLayout::of(config, kernels).bytes + word_bytes(config),
                   .anonymous = scratch_layout(config, kernels, config.positions, 1).bytes};
}

}  // namespace tenon::encoder

#include "plugins/tei/model_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "plugins/tei/json_reader.h"
#include "plugins/tei/text.h"
#include "tenon/sdk/host.hpp"

namespace tenon::tei {

namespace {

using Presence = JsonReader::Presence;
constexpr std::size_t kMaxMetadata = 16 << 20;

struct ConfigFile {
  std::vector<std::string> architectures;
};

struct PromptsFile {
  std::optional<Prompts> prompts;
};

struct Module {
  std::string type;
};

template <class T, std::size_t N>
sdk::Result<T> read_json(const std::string& path, std::string_view name,
                         const std::array<JsonReader::Field<T>, N>& fields) {
  auto text = read_file(path, kMaxMetadata);
  if (!text) return text.failure();
  JsonReader reader(*text);
  T value;
  if (reader.read_struct<T>(name, fields, value)) return value;
  return sdk::fail(TENON_INVALID, path + ": " + reader.error().message);
}

bool exists(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0;
}

// What makes the model another kind than a text encoder.
sdk::Result<> check_architecture(const std::string& path) {
  static constexpr std::array kFields{JsonReader::Field<ConfigFile>{
      "architectures", Presence::kDefault, [](JsonReader& reader, ConfigFile& config) {
        return reader.read_strings(config.architectures);
      }}};
  auto config = read_json<ConfigFile>(path + "/config.json", "config", kFields);
  if (!config) return config.failure();
  for (const std::string& name : config->architectures) {
    if (name.ends_with("Classification")) {
      return sdk::fail(TENON_INVALID,
                       fmt::format("{}/config.json names the architecture {}, a classifier or "
                                   "re-ranker: expected a text encoder that gives embeddings",
                                   path, name));
    }
  }
  return {};
}

// What lies between the encoder and the answer and is not served.
sdk::Result<> check_modules(const std::string& path) {
  const std::string file = path + "/modules.json";
  if (!exists(file)) return {};
  auto text = read_file(file, kMaxMetadata);
  if (!text) return text.failure();
  static constexpr std::array kFields{JsonReader::Field<Module>{
      "type", Presence::kRequired,
      [](JsonReader& reader, Module& m) { return reader.read_string(m.type); }}};
  std::vector<Module> modules;
  JsonReader reader(*text);
  const bool read = reader.read_array<Module>(modules, [](JsonReader& r, Module& module) {
    return r.read_struct<Module>("module", kFields, module);
  });
  if (!read) return sdk::fail(TENON_INVALID, file + ": " + reader.error().message);
  static constexpr std::array<std::string_view, 3> kServed{"Transformer", "Pooling", "Normalize"};
  for (const Module& module : modules) {
    const std::string_view type = module.type;
    const std::string_view kind = type.substr(type.rfind('.') + 1);
    if (std::ranges::find(kServed, kind) == kServed.end()) {
      return sdk::fail(TENON_INVALID,
                       fmt::format("{} has a module of type {}, expected only Transformer, Pooling "
                                   "and Normalize",
                                   file, type));
    }
  }
  return {};
}

sdk::Result<> check_weights(const std::string& path) {
  if (exists(path + "/model.safetensors")) return {};
  const bool pickle = exists(path + "/pytorch_model.bin");
  return sdk::fail(
      TENON_INVALID,
      pickle ? path +
                   " has its weights in pytorch_model.bin, a pickle file, which can run code when "
                   "it is read: expected model.safetensors"
             : path + " has no model.safetensors: expected the weights in it");
}

sdk::Result<std::optional<Prompts>> read_prompts(const std::string& path) {
  const std::string file = path + "/config_sentence_transformers.json";
  if (!exists(file)) return std::optional<Prompts>();
  static constexpr std::array kFields{JsonReader::Field<PromptsFile>{
      "prompts", Presence::kDefault, [](JsonReader& reader, PromptsFile& config) {
        return reader.read_optional(&JsonReader::read_string_map, config.prompts);
      }}};
  auto config = read_json<PromptsFile>(file, "config", kFields);
  if (!config) return config.failure();
  return std::move(config->prompts);
}

}  // namespace

sdk::Failure to_failure(const tensor::Error& error) {
  using Kind = tensor::Error::Kind;
  const bool invalid = error.kind == Kind::kInvalid || error.kind == Kind::kNotFound ||
                       error.kind == Kind::kUnsupported;
  const tenon_code code = invalid                          ? TENON_INVALID
                          : error.kind == Kind::kExhausted ? TENON_EXHAUSTED
                                                           : TENON_INTERNAL;
  return sdk::fail(code, error.message);
}

sdk::Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const sdk::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (fd.get() < 0 || ::fstat(fd.get(), &status) != 0) {
    return sdk::fail(TENON_INVALID, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (!S_ISREG(status.st_mode) || size > limit) {
    return sdk::fail(TENON_INVALID,
                     fmt::format("{} is {}, expected a file of at most {} bytes", path,
                                 S_ISREG(status.st_mode) ? fmt::format("{} bytes long", size)
                                                         : std::string("not a regular file"),
                                 limit));
  }
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd.get(), text.data() + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sdk::fail(TENON_INVALID, fmt::format("{}: {}", path, std::strerror(errno)));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  text.resize(done);
  return text;
}

sdk::Result<ModelFolder> ModelFolder::read(const std::string& path) {
  ModelFolder folder;
  folder.path = path;
  if (auto ok = check_architecture(path); !ok) return ok.failure();
  auto config = encoder::EncoderConfig::from_folder(path);
  if (!config) return to_failure(config.error());
  folder.config = std::move(*config);
  if (auto ok = check_modules(path); !ok) return ok.failure();
  if (auto ok = check_weights(path); !ok) return ok.failure();
  if (!exists(path + "/tokenizer.json")) {
    return sdk::fail(TENON_INVALID,
                     path + " has no tokenizer.json: only fast tokenizers are served");
  }
  auto prompts = read_prompts(path);
  if (!prompts) return prompts.failure();
  folder.prompts = *std::move(prompts);
  return folder;
}

std::expected<std::string_view, std::string> find_prompt(const std::optional<Prompts>& prompts,
                                                         std::string_view name) {
  if (!prompts) {
    return std::unexpected(fmt::format(
        "`default-prompt-name` is set to `{}` but no prompts were found in the Sentence "
        "Transformers configuration",
        name));
  }
  std::string known;
  for (const auto& [key, prompt] : *prompts) {
    if (key == name) return prompt;
    known += (known.empty() ? "" : ", ") + debug_quoted(key);
  }
  return std::unexpected(fmt::format(
      "`default-prompt-name` is set to `{}` but it was not found in the Sentence Transformers "
      "prompts. Available prompts: [{}]",
      name, known));
}

sdk::Result<Limits> Limits::from(const ModelFolder& folder, const Settings& settings) {
  Limits limits;
  limits.max_input_tokens = folder.config.max_tokens;
  if (limits.max_input_tokens > settings.max_batch_tokens) {
    if (!settings.auto_truncate) {
      return sdk::fail(TENON_INVALID,
                       fmt::format("the model takes inputs of {} tokens, but option "
                                   "\"maxBatchTokens\" is {}: expected at least as much, or "
                                   "\"autoTruncate\" set to true",
                                   limits.max_input_tokens, settings.max_batch_tokens));
    }
    limits.max_input_tokens = settings.max_batch_tokens;
  }
  limits.has_default_prompt = !settings.default_prompt.empty();
  limits.default_prompt = settings.default_prompt;
  if (!settings.default_prompt_name.empty()) {
    auto prompt = find_prompt(folder.prompts, settings.default_prompt_name);
    if (!prompt) return sdk::fail(TENON_INVALID, prompt.error());
    limits.has_default_prompt = true;
    limits.default_prompt = *prompt;
  }
  return limits;
}

}  // namespace tenon::tei

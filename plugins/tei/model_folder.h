#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/tei/settings.h"
#include "runtimes/encoder/config.h"
#include "tenon/sdk/values.hpp"

namespace tenon::tei {

// Prompts by name, in the file's order.
using Prompts = std::vector<std::pair<std::string, std::string>>;

// What a folder says about the model in it: metadata only, nothing of it is believed unchecked.
struct ModelFolder {
  std::string path;
  encoder::EncoderConfig config;
  std::optional<Prompts> prompts;  // of config_sentence_transformers.json

  // Reads and refuses: what is no text encoder, what this plugin does not serve, what it must not
  // read. Each refusal is one sentence with the reason.
  static sdk::Result<ModelFolder> read(const std::string& path);
};

// The content of a file that is at most `limit` bytes long.
sdk::Result<std::string> read_file(const std::string& path, std::size_t limit);

// The limits that a server of this model keeps.
struct Limits {
  std::uint64_t max_input_tokens = 0;
  std::string default_prompt;
  bool has_default_prompt = false;

  static sdk::Result<Limits> from(const ModelFolder& folder, const Settings& settings);
};

// The prompt of this name, or TEI's complaint about it.
std::expected<std::string_view, std::string> find_prompt(const std::optional<Prompts>& prompts,
                                                         std::string_view name);

sdk::Failure to_failure(const tensor::Error& error);

}  // namespace tenon::tei

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtimes/encoder/config.h"
#include "tenon/sdk/options.hpp"

namespace tenon::tei {

// What a deployment may choose: the options that tenon-plugin.toml declares, with TEI's defaults.
struct Settings {
  std::string served_model_name;                // the model's name unless chosen
  std::optional<encoder::Pooling> pooling;      // what the folder says unless chosen
  std::uint64_t max_concurrent_requests = 512;  // counts inputs, as TEI does
  std::uint64_t max_batch_tokens = 16384;
  std::uint64_t max_client_batch_size = 32;
  std::uint64_t payload_limit = 2'000'000;  // bytes of a request body
  bool auto_truncate = true;
  std::string default_prompt;  // at most one of the two
  std::string default_prompt_name;

  static sdk::Result<Settings> from(const sdk::Model& model);
};

}  // namespace tenon::tei

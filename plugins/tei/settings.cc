#include "plugins/tei/settings.h"

namespace tenon::tei {

sdk::Result<Settings> Settings::from(const sdk::Model& model) {
  constexpr std::int64_t kMost = 1'000'000'000;
  sdk::Options options(model);
  Settings settings;
  settings.served_model_name = options.string("servedModelName", model.name);
  if (settings.served_model_name.empty()) settings.served_model_name = model.name;
  const auto count = [&options](std::string_view name, std::uint64_t fallback) {
    return static_cast<std::uint64_t>(
        options.integer(name, static_cast<std::int64_t>(fallback), 1, kMost));
  };
  settings.max_concurrent_requests =
      count("maxConcurrentRequests", settings.max_concurrent_requests);
  settings.max_batch_tokens = count("maxBatchTokens", settings.max_batch_tokens);
  settings.max_client_batch_size = count("maxClientBatchSize", settings.max_client_batch_size);
  settings.payload_limit = count("payloadLimit", settings.payload_limit);
  settings.auto_truncate = options.boolean("autoTruncate", settings.auto_truncate);
  using Pooling = std::optional<encoder::Pooling>;
  settings.pooling = options.choice<Pooling>("pooling", std::nullopt,
                                             {{"auto", std::nullopt},
                                              {"cls", encoder::Pooling::kCls},
                                              {"mean", encoder::Pooling::kMean},
                                              {"max", encoder::Pooling::kMax}});
  settings.default_prompt = options.string("defaultPrompt");
  settings.default_prompt_name = options.string("defaultPromptName");
  if (auto read = options.finish(); !read) return read.failure();
  if (!settings.default_prompt.empty() && !settings.default_prompt_name.empty()) {
    return sdk::fail(TENON_INVALID,
                     "options \"defaultPrompt\" and \"defaultPromptName\" are both set, expected "
                     "at most one of them");
  }
  return settings;
}

}  // namespace tenon::tei

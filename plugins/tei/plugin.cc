// The plugin "tei": text-embeddings-inference's protocol on Tenon's own encoder.

#include "tenon/plugin.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "plugins/tei/inputs.h"
#include "plugins/tei/model_folder.h"
#include "plugins/tei/service.h"
#include "plugins/tei/settings.h"
#include "runtimes/encoder/encoder.h"
#include "runtimes/ops/isa.h"
#include "runtimes/ops/thread_pool.h"
#include "runtimes/text/tokenizer.h"

namespace tenon::tei {

namespace {

constexpr std::size_t kMaxTokenizer = 256 << 20;

// Logs how long the stages of a start take.
class Stages {
 public:
  explicit Stages(sdk::Host host) : host_(host) {}
  void done(std::string_view stage) {
    const auto now = Clock::now();
    if (host_.logs(TENON_LOG_DEBUG)) {
      const std::chrono::duration<double, std::milli> took = now - last_;
      host_.debug(fmt::format("{} took {:.2f} ms", stage, took.count()));
    }
    last_ = now;
  }

 private:
  sdk::Host host_;
  Clock::time_point last_ = Clock::now();
};

sdk::Failure unusable_tokenizer(const std::string& path, const text::Error& error) {
  return sdk::fail(TENON_INVALID, fmt::format("{}/tokenizer.json: {}", path, error.message));
}

sdk::Result<text::Tokenizer> parse_tokenizer(const std::string& path) {
  auto json = read_file(path + "/tokenizer.json", kMaxTokenizer);
  if (!json) return json.failure();
  auto tokenizer = text::Tokenizer::from_json(*json);
  if (!tokenizer) return unusable_tokenizer(path, tokenizer.error());
  return std::move(*tokenizer);
}

}  // namespace

class Tei {
 public:
  static constexpr std::string_view kId = "tei";
  static constexpr std::string_view kVersion = "0.1.0";
  static constexpr bool kForkSafe = true;

  // A model read, but for its weights.
  struct Prepared {
    std::string name;
    Settings settings;
    ModelFolder folder;
    Limits limits;
    text::Tokenizer tokenizer;
    bool tokenizer_cached = false;
  };

  class Instance {
   public:
    struct Parts {
      std::unique_ptr<ops::ThreadPool> pool;
      encoder::Encoder encoder;
      std::optional<sdk::Fd> packed;  // new packed weights, to be published
    };

    Instance(sdk::Host host, const Prepared& prepared, Parts parts)
        : host_(host),
          prepared_(prepared),
          parts_(std::move(parts)),
          inputter_(prepared.tokenizer, prepared.folder.prompts, prepared.limits),
          service_(host, {prepared.name, parts_.encoder, *parts_.pool, inputter_},
                   prepared.settings) {
      const bool table = !prepared.tokenizer_cached;
      if (table || parts_.packed) publisher_ = std::thread([this, table] { publish(table); });
    }
    ~Instance() {
      service_.stop();
      if (publisher_.joinable()) publisher_.join();
    }

    void handle(sdk::Request request, sdk::Reply reply) {
      service_.handle(std::move(request), std::move(reply));
    }
    void too_large(const sdk::Request& request, sdk::Reply reply) {
      service_.refuse_large_body(request, std::move(reply));
    }

   private:
    // Makes the next start quicker, once this one is over.
    void publish(bool table) {
      if (!service_.wait_first_answer(std::chrono::seconds(2))) return;
      const sdk::Cache cache = host_.cache();
      if (parts_.packed) {
        cache.publish(encoder::Encoder::packed_name(parts_.encoder.isa()), *parts_.packed);
        parts_.packed.reset();
      }
      if (!table) return;
      const auto file = cache.create(text::Tokenizer::kTableName);
      if (!file) return;
      auto json = read_file(prepared_.folder.path + "/tokenizer.json", kMaxTokenizer);
      if (json && text::Tokenizer::write_table(*json, file->get())) {
        cache.publish(text::Tokenizer::kTableName, *file);
      }
    }

    sdk::Host host_;
    const Prepared& prepared_;
    Parts parts_;
    Inputter inputter_;
    Service service_;
    std::thread publisher_;
  };

  explicit Tei(sdk::Host host) : host_(host) {}

  sdk::Result<sdk::Probe> probe(const sdk::Model& model) {
    auto folder = ModelFolder::read(model.path);
    if (!folder) return sdk::Probe{0, folder.failure().message};
    return sdk::Probe{
        90, fmt::format("a text encoder of type {}, {} layers of {}, {} pooling",
                        folder->config.model_type, folder->config.layers, folder->config.hidden,
                        encoder::name_of(folder->config.pooling))};
  }

  sdk::Result<sdk::Estimate> estimate(const sdk::Model& model) {
    auto folder = ModelFolder::read(model.path);
    if (!folder) return folder.failure();
    auto footprint = encoder::estimate(model.path, folder->config);
    if (!footprint) return to_failure(footprint.error());
    sdk::Estimate estimate;
    estimate.mapped_bytes = footprint->mapped;
    estimate.host_bytes = footprint->anonymous + kPrivateBytes;
    return estimate;
  }

  sdk::Result<std::unique_ptr<Prepared>> prepare(const sdk::Model& model) {
    Stages stages(host_);
    auto settings = Settings::from(model);
    if (!settings) return settings.failure();
    auto folder = ModelFolder::read(model.path);
    if (!folder) return folder.failure();
    if (settings->pooling) folder->config.pooling = *settings->pooling;
    auto limits = Limits::from(*folder, *settings);
    if (!limits) return limits.failure();
    stages.done("reading the configuration");

    bool cached = true;
    auto tokenizer = map_tokenizer();
    if (!tokenizer) {
      cached = false;
      auto parsed = parse_tokenizer(model.path);
      if (!parsed) return parsed.failure();
      tokenizer = *std::move(parsed);
    }
    stages.done(cached ? "mapping the tokenizer" : "reading the tokenizer");
    const std::size_t words = tokenizer->vocabulary_size();
    if (words > folder->config.vocabulary) {
      return sdk::fail(TENON_INVALID,
                       fmt::format("{}/tokenizer.json has {} tokens, but config.json says that the "
                                   "model knows {}: expected a tokenizer of the same vocabulary",
                                   model.path, words, folder->config.vocabulary));
    }
    return std::make_unique<Prepared>(Prepared{model.name, *std::move(settings), *std::move(folder),
                                               *std::move(limits), *std::move(tokenizer), cached});
  }

  sdk::Result<std::unique_ptr<Instance>> load(Prepared& prepared, const sdk::Load& load) {
    Stages stages(host_);
    auto isa = ops::choose_isa(host_.env("TENON_ISA").value_or(std::string_view()));
    if (!isa) return to_failure(isa.error());
    auto pool = std::make_unique<ops::ThreadPool>(load.lease.threads);
    host_.progress(0, "map");
    std::optional<sdk::Fd> packed;
    auto weights = map_weights(prepared, *isa, *pool);
    if (!weights) {
      if (load.cancelled()) return sdk::fail(TENON_CANCELLED, "the load was given up");
      packed = host_.cache().create(encoder::Encoder::packed_name(*isa));
      auto made = encoder::Encoder::pack(prepared.folder.path, prepared.folder.config, *isa, *pool,
                                         packed ? packed->get() : -1);
      if (!made) return to_failure(made.error());
      weights = *std::move(made);
    }
    if (load.cancelled()) return sdk::fail(TENON_CANCELLED, "the load was given up");
    stages.done(packed ? "packing the weights" : "mapping the weights");
    auto instance = std::make_unique<Instance>(
        host_, prepared, Instance::Parts{std::move(pool), *std::move(weights), std::move(packed)});
    host_.progress(1, "map");
    stages.done("starting the service");
    return instance;
  }

 private:
  // Tokenizer, queues and threads, beside what the encoder itself estimates.
  static constexpr std::uint64_t kPrivateBytes = 16 << 20;

  std::optional<text::Tokenizer> map_tokenizer() const {
    const auto file = host_.cache().open(text::Tokenizer::kTableName);
    if (!file) return std::nullopt;
    auto tokenizer = text::Tokenizer::map_table(file->fd.get());
    if (tokenizer) return std::move(*tokenizer);
    host_.warn("the cached vocabulary table cannot be used: " + tokenizer.error().message);
    return std::nullopt;
  }

  std::optional<encoder::Encoder> map_weights(const Prepared& prepared, ops::Isa isa,
                                              ops::ThreadPool& pool) const {
    const auto file = host_.cache().open(encoder::Encoder::packed_name(isa));
    if (!file) return std::nullopt;
    auto encoder = encoder::Encoder::map(prepared.folder.path, prepared.folder.config, isa,
                                         file->fd.get(), &pool);
    if (encoder) return std::move(*encoder);
    host_.warn("the cached packed weights cannot be used: " + encoder.error().message);
    return std::nullopt;
  }

  sdk::Host host_;
};

}  // namespace tenon::tei

TENON_PLUGIN(tenon::tei::Tei)

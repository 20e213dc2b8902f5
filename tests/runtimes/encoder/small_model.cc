#include "tests/runtimes/encoder/small_model.h"

#include <stdlib.h>

#include <fstream>
#include <random>

namespace tenon::encoder {
namespace {

std::filesystem::path make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "tenon-model-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
  return name;
}

}  // namespace

SmallModel::SmallModel() : folder_(make_folder()) {
  const auto linear = [this](const std::string& name, std::uint64_t outputs, std::uint64_t inputs) {
    tensors_[name + ".weight"] = {{outputs, inputs}};
    tensors_[name + ".bias"] = {{outputs}};
  };
  const auto norm = [this](const std::string& name) {
    tensors_[name + ".weight"] = {{kHidden}};
    tensors_[name + ".bias"] = {{kHidden}};
  };
  tensors_["embeddings.word_embeddings.weight"] = {{kVocabulary, kHidden}};
  tensors_["embeddings.position_embeddings.weight"] = {{kPositions, kHidden}};
  tensors_["embeddings.token_type_embeddings.weight"] = {{kTypes, kHidden}};
  tensors_["embeddings.position_ids"] = {{1, kPositions}, "I64"};
  norm("embeddings.LayerNorm");
  for (std::uint32_t i = 0; i < kLayers; ++i) {
    const std::string name = "encoder.layer." + std::to_string(i) + ".";
    for (const char* part : {"query", "key", "value"})
      linear(name + "attention.self." + part, kHidden, kHidden);
    linear(name + "attention.output.dense", kHidden, kHidden);
    norm(name + "attention.output.LayerNorm");
    linear(name + "intermediate.dense", kInner, kHidden);
    linear(name + "output.dense", kHidden, kInner);
    norm(name + "output.LayerNorm");
  }
  write_file("config.json", R"({"model_type": "bert", "hidden_act": "gelu", "hidden_size": 36,
    "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 70, "vocab_size": 50,
    "max_position_embeddings": 600, "type_vocab_size": 2, "layer_norm_eps": 1e-12})");
}

SmallModel::~SmallModel() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void SmallModel::write_weights(const std::string& prefix, std::uint64_t tail) const {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 0.3F);
  std::string header = "{";
  std::string data;
  for (const auto& [name, tensor] : tensors_) {
    std::uint64_t count = 1;
    std::string shape;
    for (const std::uint64_t size : tensor.shape) {
      count *= size;
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    const std::size_t begin = data.size();
    const std::size_t size = tensor.dtype == "F32" ? 4 : tensor.dtype == "I64" ? 8 : 2;
    for (std::uint64_t i = 0; i < count; ++i) {
      float value = normal(random);
      if (name.ends_with("LayerNorm.weight")) value += 1;
      char bytes[8] = {};
      static_assert(sizeof value == 4);
      __builtin_memcpy(bytes, &value, sizeof value);
      data.append(bytes, size);
    }
    header += (header.size() > 1 ? ",\"" : "\"") + prefix + name + R"(":{"dtype":")" +
              tensor.dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" +
              std::to_string(begin) + "," + std::to_string(data.size()) + "]}";
  }
  header += "}";
  const std::uint64_t size = header.size();
  std::string whole(reinterpret_cast<const char*>(&size), sizeof size);
  write_file("model.safetensors", whole + header + data + std::string(tail, '\0'));
}

void SmallModel::write_file(const std::string& name, const std::string& content) const {
  std::filesystem::create_directories((folder_ / name).parent_path());
  std::ofstream(folder_ / name, std::ios::binary) << content;
}

}  // namespace tenon::encoder

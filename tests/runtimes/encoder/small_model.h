#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace tenon::encoder {

// A BERT of odd, tiny sizes with made-up weights, in a folder of its own that goes with this
// object.
class SmallModel {
 public:
  static constexpr std::uint32_t kHidden = 36;
  static constexpr std::uint32_t kHeads = 3;
  static constexpr std::uint32_t kLayers = 2;
  static constexpr std::uint32_t kInner = 70;
  static constexpr std::uint32_t kVocabulary = 50;
  static constexpr std::uint32_t kPositions = 600;
  static constexpr std::uint32_t kTypes = 2;

  struct Tensor {
    std::vector<std::uint64_t> shape;
    std::string dtype = "F32";
  };

  SmallModel();
  ~SmallModel();
  SmallModel(const SmallModel&) = delete;
  SmallModel& operator=(const SmallModel&) = delete;

  std::string folder() const { return folder_.string(); }
  // What the weights will be; write() makes the file.
  std::map<std::string, Tensor>& tensors() { return tensors_; }
  // Every name begins with `prefix`; `tail` bytes that belong to nobody follow the data.
  void write_weights(const std::string& prefix = "", std::uint64_t tail = 0) const;
  void write_file(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path folder_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace tenon::encoder

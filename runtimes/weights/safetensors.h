#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "runtimes/tensor/mapping.h"
#include "runtimes/tensor/tensor.h"

namespace tenon::weights {

using tensor::Error;
using tensor::Result;

// Where a tensor lies in its file.
struct TensorEntry {
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;  // bytes from the file's start
  std::uint64_t end = 0;
};

// A safetensors header, checked in full: every entry lies within the file, has exactly the bytes
// that its dtype and shape ask for, and shares none of them with another.
struct SafetensorsHeader {
  std::map<std::string, TensorEntry, std::less<>> tensors;
  // The format wants every byte of the data to belong to a tensor. What does not is only named
  // here, so that a missing tensor can be reported by its name.
  std::uint64_t unclaimed_bytes = 0;

  // Of the whole file's bytes.
  static Result<SafetensorsHeader> parse(std::span<const std::byte> file);
};

// A file of tensors, mapped. Movable; safe for concurrent use.
class Safetensors {
 public:
  // Errors begin with the path. Where only a pickle lies (pytorch_model.bin), they say why that is
  // refused.
  static Result<Safetensors> open_folder(const std::string& folder);
  static Result<Safetensors> open(const std::string& path);

  const SafetensorsHeader& header() const { return header_; }
  // The tensor's bytes live as long as this object.
  tensor::TensorView view(const TensorEntry& entry) const;
  // Gives the mapping away, to be kept for what view() returned.
  tensor::Mapping release() && { return std::move(mapping_); }

 private:
  tensor::Mapping mapping_;
  SafetensorsHeader header_;
};

}  // namespace tenon::weights

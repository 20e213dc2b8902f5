#pragma once

#include <boost/json.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "tests/plugins/tei/test_host.h"
#include "tests/runtimes/encoder/small_model.h"

namespace tenon::tei {

// A small BERT with a tokenizer and all the files that TEI reads, inputs of 12 tokens at most.
class TeiModel : public encoder::SmallModel {
 public:
  static constexpr int kTokens = 12;
  TeiModel();
};

std::vector<float> floats(const boost::json::value& list);
// The embeddings of an /embed answer.
std::vector<std::vector<float>> embeddings(const TestAnswer& answer);

}  // namespace tenon::tei

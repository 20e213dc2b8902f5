#pragma once

#include <string>

#include "runtimes/text/tokenizer.h"

namespace tenon::text {

// Holds a tokenizer against a file of tests/golden/make_tokenizer_goldens.py.
void expect_golden(const Tokenizer& tokenizer, const std::string& golden_path);

}  // namespace tenon::text

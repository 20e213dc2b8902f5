#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "plugins/tei/answer.h"

namespace tenon::tei {

enum class Route : std::uint8_t {
  kInfo,
  kHealth,
  kMetrics,
  kEmbed,
  kEmbedAll,
  kEmbedSparse,
  kOpenAi,
  kSimilarity,
  kTokenize,
  kDecode,
  kPredict,
  kRerank,
};

// Whether the route takes a JSON body.
bool takes_json(Route route);

// Who answers, or the framework's own answer. `root` is what POST / and POST /invocations mean.
std::variant<Route, Answer> find_route(std::string_view method, std::string_view path, Route root);

}  // namespace tenon::tei

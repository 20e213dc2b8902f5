#include "plugins/tei/routes.h"

#include <array>

namespace tenon::tei {

namespace {

struct Entry {
  std::string_view path;
  bool get;  // else POST
  Route route;
};

// POST / and POST /invocations depend on the model: see find_route().
constexpr std::array kEntries = {
    Entry{"/embed", false, Route::kEmbed},
    Entry{"/embed_all", false, Route::kEmbedAll},
    Entry{"/embed_sparse", false, Route::kEmbedSparse},
    Entry{"/v1/embeddings", false, Route::kOpenAi},
    Entry{"/embeddings", false, Route::kOpenAi},
    Entry{"/similarity", false, Route::kSimilarity},
    Entry{"/tokenize", false, Route::kTokenize},
    Entry{"/decode", false, Route::kDecode},
    Entry{"/predict", false, Route::kPredict},
    Entry{"/rerank", false, Route::kRerank},
    Entry{"/info", true, Route::kInfo},
    Entry{"/health", true, Route::kHealth},
    Entry{"/ping", true, Route::kHealth},
    Entry{"/metrics", true, Route::kMetrics},
};

}  // namespace

bool takes_json(Route route) {
  return route != Route::kInfo && route != Route::kHealth && route != Route::kMetrics;
}

std::variant<Route, Answer> find_route(std::string_view method, std::string_view path, Route root) {
  if (method == "OPTIONS") return answer_preflight();
  const bool get = method == "GET" || method == "HEAD";
  if (path == "/") {
    if (get) return Route::kHealth;
    if (method == "POST") return root;
    return answer_method_not_allowed("POST,GET,HEAD");
  }
  if (path == "/invocations") {
    if (method == "POST") return root;
    return answer_method_not_allowed("POST");
  }
  for (const Entry& entry : kEntries) {
    if (entry.path != path) continue;
    if (entry.get ? get : method == "POST") return entry.route;
    return answer_method_not_allowed(entry.get ? "GET,HEAD" : "POST");
  }
  return answer_not_found();
}

}  // namespace tenon::tei

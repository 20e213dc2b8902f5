#include "host/control/page.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <string_view>
#include <utility>

namespace tenon::control {
namespace {

namespace json = boost::json;

constexpr std::int64_t kUsual = 100;
constexpr std::int64_t kMost = 1'000;

// Shorter names first: so numbers stand in their order.
std::pair<std::size_t, std::string_view> order(std::string_view name) {
  return {name.size(), name};
}

std::pair<std::size_t, std::string_view> order_of(const json::value& item) {
  return order(item.at("name").as_string());
}

}  // namespace

std::size_t page_size(const Call& call) {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(call.integer("limit", kUsual), 1, kMost));
}

void answer_page(Call& call, json::array items) {
  std::ranges::sort(items, {}, order_of);
  if (const auto after = call.text("after")) {
    const auto rest = std::ranges::upper_bound(items, order(*after), {}, order_of);
    items.erase(items.begin(), rest);
  }
  json::value next = nullptr;
  if (items.size() > page_size(call)) {
    items.resize(page_size(call));
    next = items.back().at("name");
  }
  call.answer(json::object{{"items", std::move(items)}, {"next", std::move(next)}});
}

}  // namespace tenon::control

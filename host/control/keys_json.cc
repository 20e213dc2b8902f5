#include "host/control/keys_json.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <charconv>

#include "host/domain/deployment.h"
#include "host/domain/moment.h"
#include "host/domain/units.h"

namespace tenon::control {
namespace {

namespace json = boost::json;

// "90d", or as parse_duration() reads it.
Result<std::chrono::seconds> read_life(std::string_view text) {
  constexpr int kMostDays = 36'500;
  if (text.ends_with('d')) {
    const char* const last = text.data() + text.size() - 1;
    int days = 0;
    const auto [end, error] = std::from_chars(text.data(), last, days);
    if (error == std::errc() && end == last && days > 0 && days <= kMostDays) {
      return std::chrono::days(days);
    }
  } else if (const auto time = parse_duration(text); time && time->count() > 0) {
    return std::chrono::ceil<std::chrono::seconds>(*time);
  }
  return fail(Code::kInvalid, fmt::format("expiresIn: expected a time such as \"90d\", \"12h\" or "
                                          "\"30m\", found '{}'",
                                          text));
}

// "100/s"
Result<unsigned> read_rate(std::string_view text) {
  constexpr unsigned kMostRequests = 1'000'000;
  constexpr std::string_view kUnit = "/s";
  unsigned out = 0;
  const char* const end = text.data() + text.size() - (text.ends_with(kUnit) ? kUnit.size() : 0);
  const auto [last, error] = std::from_chars(text.data(), end, out);
  if (text.ends_with(kUnit) && error == std::errc() && last == end && out > 0 &&
      out <= kMostRequests) {
    return out;
  }
  return fail(Code::kInvalid,
              fmt::format("rate: expected requests a second, from \"1/s\" to \"{}/s\", found '{}'",
                          kMostRequests, text));
}

Result<void> read_field(access::KeyWish& wish, std::string_view name, const std::string& text,
                        access::Time now) {
  if (name == "role") {
    const auto role = parse_role(text);
    if (!role) {
      return fail(Code::kInvalid,
                  fmt::format("role: expected admin, member or invoke, found '{}'", text));
    }
    wish.role = *role;
  } else if (name == "workspace") {
    if (!text.empty() && !is_valid_name(text)) {
      return fail(Code::kInvalid,
                  fmt::format("workspace: '{}' is no name: expected 1 to 63 of a-z, 0-9 and -, "
                              "with a letter or digit at both ends",
                              text));
    }
    wish.workspace = text;
  } else if (name == "name") {
    wish.name = text;
  } else if (name == "rate") {
    const auto rate = read_rate(text);
    if (!rate) return std::unexpected(rate.error());
    wish.requests_per_second = *rate;
  } else if (name == "expiresIn") {
    const auto life = read_life(text);
    if (!life) return std::unexpected(life.error());
    wish.expires_at = now + *life;
  } else {
    return fail(
        Code::kInvalid,
        fmt::format("unknown key '{}'; known keys: role, workspace, name, expiresIn, rate", name));
  }
  return {};
}

}  // namespace

Result<access::KeyWish> read_key_wish(const json::object& body, access::Time now) {
  access::KeyWish wish;
  for (const auto& [name, value] : body) {
    if (!value.is_string()) {
      return fail(Code::kInvalid, fmt::format("{}: expected a string", std::string_view(name)));
    }
    auto read = read_field(wish, name, std::string(value.get_string()), now);
    if (!read) return std::unexpected(read.error());
  }
  if (!body.contains("role")) return fail(Code::kInvalid, "role: expected admin, member or invoke");
  return wish;
}

json::object key_json(const store::ApiKey& key) {
  const auto time = [](const std::optional<access::Time>& at) {
    return at ? json::value(utc_text(*at)) : json::value(nullptr);
  };
  return {{"id", key.id},
          {"name", key.name},
          {"role", to_string(key.role)},
          {"workspace", key.workspace},
          {"createdAt", utc_text(key.created_at)},
          {"expiresAt", time(key.expires_at)},
          {"lastUsedAt", time(key.last_used_at)},
          {"rate", key.requests_per_second == 0
                       ? json::value(nullptr)
                       : json::value(fmt::format("{}/s", key.requests_per_second))}};
}

json::object key_json(const access::NewKey& made) {
  json::object out = key_json(made.key);
  out["key"] = made.secret;
  return out;
}

json::object keys_json(const std::vector<store::ApiKey>& keys) {
  json::array items;
  for (const store::ApiKey& key : keys) items.push_back(key_json(key));
  return {{"items", std::move(items)}, {"next", nullptr}};
}

}  // namespace tenon::control

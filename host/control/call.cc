#include "host/control/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/url/decode_view.hpp>
#include <boost/url/params_encoded_view.hpp>
#include <boost/url/parse_query.hpp>
#include <charconv>

#include "host/config/json_nodes.h"
#include "host/domain/nearest.h"

namespace tenon::control {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view media_type(const Request& request) {
  const std::string_view type = request.header("content-type");
  return type.substr(0, type.find(';'));
}

std::optional<boost::json::object> read_form(std::string_view text) {
  const auto fields = boost::urls::parse_query(text);
  if (!fields) return std::nullopt;
  boost::urls::encoding_opts form;
  form.space_as_plus = true;
  boost::json::object out;
  for (const auto& field : *fields) {
    const boost::urls::decode_view name(field.key, form), value(field.value, form);
    out[std::string(name.begin(), name.end())] = std::string(value.begin(), value.end());
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> whole_number(const boost::json::value& value) {
  boost::system::error_code error;
  const auto number = value.is_number() ? value.to_number<std::int64_t>(error) : 0;
  return value.is_number() && !error ? std::optional(number) : std::nullopt;
}

bool Call::read_query() {
  const auto parsed = boost::urls::parse_query(request_.query);
  if (!parsed) {
    refuse(api::kBadRequest, "the query cannot be read: expected name=value&…");
    return false;
  }
  for (const auto& param : *parsed) {
    std::string name(boost::urls::decode_view(param.key).begin(),
                     boost::urls::decode_view(param.key).end());
    std::string value(boost::urls::decode_view(param.value).begin(),
                      boost::urls::decode_view(param.value).end());
    const auto known = std::ranges::find(route_.query, name, &Param::name);
    if (known == route_.query.end()) {
      std::vector<std::string_view> names;
      for (const Param& each : route_.query) names.push_back(each.name);
      refuse(api::kBadRequest, fmt::format("query: there is no parameter '{}' here{}", name,
                                           did_you_mean(name, names)));
      return false;
    }
    std::string_view wanted;
    if (known->type == Param::Type::kInteger && to_integer(value).value_or(-1) < 0) {
      wanted = "an integer of at least 0";
    } else if (known->type == Param::Type::kBoolean && value != "true" && value != "false") {
      wanted = "true or false";
    }
    if (!wanted.empty()) {
      refuse(api::kBadRequest,
             fmt::format("query: '{}' must be {}, found '{}'", name, wanted, value));
      return false;
    }
    if (!query_.emplace(std::move(name), std::move(value)).second) {
      refuse(api::kBadRequest, fmt::format("query: '{}' is given twice", known->name));
      return false;
    }
  }
  for (const Param& param : route_.query) {
    if (!param.required || query_.contains(param.name)) continue;
    refuse(api::kBadRequest, fmt::format("query: '{}' is missing: {}", param.name, param.help));
    return false;
  }
  return true;
}

bool Call::read_body() {
  if (route_.body.empty()) return true;
  const std::string_view type = media_type(request_);
  if (route_.takes_form && type == kForm) {
    auto fields = read_form(request_.body);
    if (!fields) {
      refuse(api::kBadRequest, "the body cannot be read as a form: expected name=value&…");
      return false;
    }
    body_ = *std::move(fields);
    return true;
  }
  if (type != kJson) {
    refuse(api::kUnsupportedType, fmt::format("the body must be JSON{}, with content-type: {}",
                                              route_.takes_form ? " or a form" : "", kJson));
    return false;
  }
  auto object = config::parse_json_object(request_.body);
  if (!object) {
    refuse(api::kBadRequest, "the body is " + object.error().message);
    return false;
  }
  body_ = *std::move(object);
  return true;
}

std::optional<std::string> Call::text(std::string_view param) const {
  const auto found = query_.find(param);
  return found == query_.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Call::integer(std::string_view param, std::int64_t otherwise) const {
  const auto found = query_.find(param);
  return found == query_.end() ? otherwise : to_integer(found->second).value_or(otherwise);
}

bool Call::flag(std::string_view param) const {
  const auto found = query_.find(param);
  return found != query_.end() && found->second == "true";
}

void Call::answer(const boost::json::value& value, unsigned status) {
  answer_text(boost::json::serialize(value), status);
}

void Call::answer_text(std::string json, unsigned status) {
  // What one caller is shown, and a new key above all, is kept by nobody between.
  reply_->whole(status, kJson, std::move(json), {{"cache-control", "no-store"}});
}

void Call::refuse(const ApiError& error, std::string message) {
  const bool is_of_sender = error.status == 401 || error.status == 403;
  if (is_of_sender && route_.method != "GET") {
    const std::string& name = request_.caller.name;
    access_.note_refused_write(name.empty() ? "unknown" : name,
                               fmt::format("{} {}", request_.method, request_.path),
                               std::string(error.code), std::chrono::system_clock::now());
  }
  reply_->refuse(refusal(error, std::move(message)));
}

// The first decides the status; all are told.
void Call::refuse(const std::vector<Refused>& all) {
  std::string message;
  for (const Refused& each : all) message += (message.empty() ? "" : "\n") + each.message;
  refuse(all.front().code, std::move(message));
}

void Call::refuse(const Error& error) {
  refuse(api_error_of(error.code), error.message);
}

}  // namespace tenon::control

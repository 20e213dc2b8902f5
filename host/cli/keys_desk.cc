#include "host/cli/keys_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "host/access/keys.h"
#include "host/cli/http_get.h"
#include "host/cli/machine.h"
#include "host/config/config.h"
#include "host/control/keys_json.h"
#include "host/store/sqlite_store.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

constexpr std::string_view kDefaultApi = "http://127.0.0.1:8080";

// What a key's id is made of: it becomes a part of a path.
bool is_id(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

class ApiDesk final : public KeyDesk {
 public:
  ApiDesk(std::string base, std::string key) : base_(std::move(base)), key_(std::move(key)) {}

  Result<json::value> create(const json::object& wish) override {
    return ask("POST", "/v0/keys", json::serialize(wish));
  }
  Result<json::value> list() override { return ask("GET", "/v0/keys", ""); }
  Result<void> remove(const std::string& id) override {
    if (!is_id(id)) return std::unexpected(store::no_key(id));
    const auto gone = ask("DELETE", "/v0/keys/" + id, "");
    if (!gone) return std::unexpected(gone.error());
    return {};
  }

 private:
  Result<json::value> ask(std::string method, const std::string& path, std::string body) {
    const auto reply = http_send({.base = base_,
                                  .method = std::move(method),
                                  .path = path,
                                  .body = std::move(body),
                                  .key = key_});
    if (!reply && reply.error().code != Code::kInvalid) {
      return fail(reply.error().code, reply.error().message +
                                          ". While no host runs, --config or --data names the "
                                          "store to change");
    }
    if (!reply) return std::unexpected(reply.error());
    if (reply->status / 100 != 2) {
      return fail(Code::kUnavailable, fmt::format("{}{} {}", base_, path, reason_of(*reply)));
    }
    boost::system::error_code error;
    json::value out = json::parse(reply->body, error);
    if (error || !out.is_object()) {
      return fail(Code::kUnavailable,
                  fmt::format("{}{} answered no JSON object: is this a Tenon host?", base_, path));
    }
    return out;
  }

  const std::string base_, key_;
};

class StoreDesk final : public KeyDesk {
 public:
  explicit StoreDesk(std::unique_ptr<store::Store> store)
      : store_(std::move(store)),
        keys_(*store_, access_, access::system_random(), std::chrono::system_clock::now) {}

  Result<json::value> create(const json::object& wish) override {
    const auto read = control::read_key_wish(wish, std::chrono::system_clock::now());
    if (!read) return std::unexpected(read.error());
    const auto made = keys_.create(*read, kWho);
    if (!made) return std::unexpected(made.error());
    return control::key_json(*made);
  }
  Result<json::value> list() override {
    const auto keys = keys_.list();
    if (!keys) return std::unexpected(keys.error());
    return control::keys_json(*keys);
  }
  Result<void> remove(const std::string& id) override {
    const auto removed = keys_.remove(id, kWho);
    if (!removed) return std::unexpected(removed.error());
    return {};
  }

 private:
  static constexpr std::string_view kWho = "tenon keys";

  const std::unique_ptr<store::Store> store_;
  access::Access access_{{}};
  access::Keys keys_;
};

// The absolute folder that --config or --data names; "" without either.
Result<std::string> data_folder(const variables_map& given) {
  Machine machine;
  if (given.count("data")) return machine.absolute(given["data"].as<std::string>());
  if (!given.count("config")) return std::string();
  const std::string path = given["config"].as<std::string>();
  const auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  const auto config = config::read_config(*text, path, machine);
  if (!config) return std::unexpected(config.error().error());
  return config->host.data;
}

Result<std::unique_ptr<KeyDesk>> open_store_desk(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return fail(Code::kUnavailable,
                fmt::format("cannot make the folder {}: {}", folder, error.message()));
  }
  auto store = store::SqliteStore::open(folder + "/tenon.db");
  if (store) return std::make_unique<StoreDesk>(*std::move(store));
  std::string message = store.error().message;
  if (store.error().code == Code::kPrecondition) {
    message += " (a running host changes its own keys: --api URL)";
  }
  return fail(store.error().code, std::move(message));
}

Result<std::string> first_line(const std::string& path) {
  auto text = read_file(path);
  if (text) text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  return text;
}

}  // namespace

void add_desk_options(options_description& options) {
  options.add_options()("api", value<std::string>())("key-file", value<std::string>())(
      "config", value<std::string>())("data", value<std::string>());
}

Result<std::unique_ptr<KeyDesk>> open_desk(const variables_map& given) {
  if (given.count("config") + given.count("data") + given.count("api") > 1) {
    return fail(Code::kInvalid, "--api, --config and --data exclude each other");
  }
  const auto folder = data_folder(given);
  if (!folder) return std::unexpected(folder.error());
  if (!folder->empty()) return open_store_desk(*folder);
  std::string key = key_of_environment();
  if (given.count("key-file")) {
    const auto line = first_line(given["key-file"].as<std::string>());
    if (!line) return std::unexpected(line.error());
    key = *line;
  }
  std::string api(kDefaultApi);
  if (given.count("api")) api = given["api"].as<std::string>();
  return std::make_unique<ApiDesk>(std::move(api), std::move(key));
}

}  // namespace tenon::cli

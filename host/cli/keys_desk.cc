#include "host/cli/keys_desk.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "host/access/keys.h"
#include "host/cli/host_client.h"
#include "host/cli/machine.h"
#include "host/config/config.h"
#include "host/control/keys_json.h"
#include "host/store/sqlite_store.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

std::unexpected<KeyDesk::Fault> fault(Error error) {
  const int status = error.code == Code::kInvalid ? kBadUsage : kFailed;
  return std::unexpected(KeyDesk::Fault{std::move(error), status});
}

class ApiDesk final : public KeyDesk {
 public:
  explicit ApiDesk(HostClient host) : host_(std::move(host)) {}

  Answer create(const json::object& wish) override {
    return ask("POST", target("/v0/keys"), json::serialize(wish));
  }
  Answer list() override { return ask("GET", target("/v0/keys"), ""); }
  Answer remove(const std::string& id) override {
    return ask("DELETE", target("/v0/keys", {id}), "");
  }

 private:
  Answer ask(std::string_view method, std::string path, std::string body) {
    const auto reply = host_.send(method, std::move(path), std::move(body));
    if (!reply && reply.error().code == Code::kInvalid) return fault(reply.error());
    if (!reply) {
      return fault({reply.error().code, reply.error().message +
                                            ". While no host runs, --config or --data names the "
                                            "store to change"});
    }
    if (const int status = exit_status(reply->status); status != kOk) {
      return std::unexpected(Fault{{Code::kUnavailable, refusal_text(*reply)}, status});
    }
    boost::system::error_code error;
    json::value out = json::parse(reply->body, error);
    if (!error && out.is_object()) return out;
    return fault({Code::kUnavailable, "the answer is no JSON object: is this a Tenon host?"});
  }

  const HostClient host_;
};

class StoreDesk final : public KeyDesk {
 public:
  StoreDesk(std::unique_ptr<store::Store> store, std::string workspace)
      : store_(std::move(store)),
        workspace_(std::move(workspace)),
        keys_(*store_, access_, access::system_random(), std::chrono::system_clock::now) {}

  Answer create(const json::object& wish) override {
    const auto read = control::read_key_wish(wish, std::chrono::system_clock::now());
    if (!read) return fault(read.error());
    const auto made = keys_.create(*read, kWho);
    if (!made) return fault(made.error());
    return control::key_json(*made);
  }
  Answer list() override {
    auto keys = keys_.list();
    if (!keys) return fault(keys.error());
    std::erase_if(*keys, [&](const store::ApiKey& key) {
      return !workspace_.empty() && key.workspace != workspace_;
    });
    return control::keys_json(*keys);
  }
  Answer remove(const std::string& id) override {
    const auto removed = keys_.remove(id, kWho);
    if (!removed) return fault(removed.error());
    return control::key_json(*removed);
  }

 private:
  static constexpr std::string_view kWho = "tenon keys";

  const std::unique_ptr<store::Store> store_;
  const std::string workspace_;  // "": all
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

Result<std::unique_ptr<KeyDesk>> open_store_desk(const std::string& folder, std::string workspace) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return fail(Code::kUnavailable,
                fmt::format("cannot make the folder {}: {}", folder, error.message()));
  }
  auto store = store::SqliteStore::open(folder + "/tenon.db");
  if (store) return std::make_unique<StoreDesk>(*std::move(store), std::move(workspace));
  std::string message = store.error().message;
  if (store.error().code == Code::kPrecondition) {
    message += " (a running host changes its own keys: --api URL)";
  }
  return fail(store.error().code, std::move(message));
}

}  // namespace

void add_desk_options(options_description& options) {
  add_host_options(options);
  options.add_options()("config", value<std::string>())("data", value<std::string>());
}

Result<std::unique_ptr<KeyDesk>> open_desk(const variables_map& given) {
  const std::size_t asks_host = given["api"].defaulted() ? 0 : 1;
  if (given.count("config") + given.count("data") + asks_host > 1) {
    return fail(Code::kInvalid, "--api, --config and --data exclude each other");
  }
  const auto folder = data_folder(given);
  if (!folder) return std::unexpected(folder.error());
  if (!folder->empty()) return open_store_desk(*folder, given["workspace"].as<std::string>());
  return std::make_unique<ApiDesk>(HostClient(given));
}

}  // namespace tenon::cli

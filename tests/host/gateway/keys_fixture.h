#pragma once

#include <memory>
#include <optional>
#include <string>

#include "host/access/keys.h"
#include "host/control/api.h"
#include "host/control/event_books.h"
#include "host/control/usage_books.h"
#include "tests/host/gateway/gateway_fixture.h"
#include "tests/host/store/memory_store.h"

namespace tenon::testing {

class NoMachine final : public config::Surroundings {
 public:
  std::string absolute(const std::string& path) const override { return path; }
  bool is_folder(const std::string&) const override { return true; }
  Result<std::vector<plugins::Manifest>> plugins(const std::vector<std::string>&) override {
    return {};
  }
};

// A host with a store, keys and the whole API, and a client of it; its models are fakes.
class ServedKeys : public GatewayTest {
 protected:
  ServedKeys() {
    if (!usage_.open(store_)) std::abort();
    keys_.emplace(store_, access_, access::system_random(), std::chrono::system_clock::now);
    catalog_ = *control::Catalog::open(store_, "default", {}, std::chrono::system_clock::now);
    rest_.emplace(control::Api::Parts{
        loops_, *catalog_, store_, dispatcher_, [] { return std::make_shared<control::Known>(); },
        machine_, "default", *keys_, access_, usage_, events_, *logs_,
        [](std::string_view) { return std::string(); }, ledger_, "node-1", metrics_});
    api_ = [this](const control::Request& request, std::shared_ptr<control::Reply> reply) {
      rest_->handle(request, std::move(reply));
    };
    dispatcher_.add("echo", {});
    serve();
    client_.emplace(connect());
  }
  ~ServedKeys() override {
    shut_down();
    rest_.reset();
    catalog_.reset();
    keys_.reset();
  }

  access::NewKey make(Role role, const std::string& workspace = "") {
    return *keys_->create({"", workspace, role, {}}, "test");
  }
  static std::string header_of(const std::string& secret) {
    return "Authorization: Bearer " + secret + "\r\n";
  }

  NoMachine machine_;
  store::testing::MemoryStore store_;
  lifecycle::Ledger ledger_{devices::Cpus{}, lifecycle::RoomLimits{}};
  control::UsageBooks usage_{loops_.control(), [](auto what) { what(); }};
  control::EventBooks events_{loops_.control(), [](auto what) { what(); }, store_};
  const std::shared_ptr<control::LogBook> logs_ =
      std::make_shared<control::LogBook>(loops_, control::LogBook::Limits());
  std::optional<access::Keys> keys_;
  std::unique_ptr<control::Catalog> catalog_;
  std::optional<control::Api> rest_;
  std::optional<RawClient> client_;
};

}  // namespace tenon::testing

#include "host/access/keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "host/telemetry/log.h"

namespace tenon::access {
namespace {

constexpr std::chrono::seconds kBetweenNotes{10};
constexpr std::size_t kLongestName = 100;

Grant grant_of(const store::ApiKey& key) {
  Grant out;
  out.caller = {key.id, label(key), key.role, key.workspace, Caller::Via::kKey};
  out.secret = key.secret;
  out.expires_at = key.expires_at;
  out.requests_per_second = key.requests_per_second;
  return out;
}

// A name goes into logs and tables as it is.
Result<void> check_name(std::string_view name) {
  const bool is_plain = std::ranges::all_of(
      name, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7F; });
  if (is_plain && name.size() <= kLongestName) return {};
  return fail(Code::kInvalid,
              fmt::format("name: expected at most {} bytes without control characters, found {} "
                          "bytes{}",
                          kLongestName, name.size(), is_plain ? "" : " with some"));
}

}  // namespace

Keys::Keys(store::Store& store, Access& access, Random random, Clock clock)
    : store_(store), access_(access), random_(std::move(random)), clock_(std::move(clock)) {}

Keys::~Keys() {
  notes_ = {};
  std::ignore = note_now();  // what the store does not take now is not worth more
}

Result<void> Keys::load() {
  const std::lock_guard lock(changing_);
  return refresh();
}

Result<void> Keys::refresh() {
  const auto keys = store_.keys();
  if (!keys) return std::unexpected(keys.error());
  const auto created = store_.keys_were_created();
  if (!created) return std::unexpected(created.error());
  std::vector<Grant> grants;
  for (const store::ApiKey& key : *keys) grants.push_back(grant_of(key));
  access_.set(std::move(grants), *created);
  return {};
}

Result<NewKey> Keys::create(const KeyWish& wish, std::string_view who) {
  if (auto good = check_name(wish.name); !good) return std::unexpected(good.error());
  const Time now = clock_();
  if (wish.expires_at && *wish.expires_at <= now) {
    return fail(Code::kInvalid, "the key would have ended before it begins");
  }
  NewKey made;
  made.secret = make_secret(random_);
  made.key.id = make_key_id(random_);
  made.key.name = wish.name;
  made.key.workspace = wish.workspace;
  made.key.role = wish.role;
  made.key.secret = digest_of(made.secret);
  made.key.created_at = now;
  made.key.expires_at = wish.expires_at;
  made.key.requests_per_second = wish.requests_per_second;
  const std::lock_guard lock(changing_);
  auto added = store_.add_key(made.key, {std::string(who), now});
  if (added) added = refresh();
  if (!added) return std::unexpected(added.error());
  return made;
}

Result<std::vector<store::ApiKey>> Keys::list() {
  return store_.keys();
}

Result<store::ApiKey> Keys::remove(std::string_view id, std::string_view who) {
  const std::lock_guard lock(changing_);
  auto removed = store_.remove_key(id, {std::string(who), clock_()});
  if (!removed) return removed;
  if (auto fresh = refresh(); !fresh) return std::unexpected(fresh.error());
  return removed;
}

void Keys::keep_notes() {
  notes_ = std::jthread([this](const std::stop_token& stop) {
    std::unique_lock lock(waiting_);
    while (!wake_.wait_for(lock, stop, kBetweenNotes, [&] { return stop.stop_requested(); })) {
      if (const auto noted = note_now(); !noted) {
        log::error("cannot note the use of keys", {{"why", noted.error().message}});
      }
    }
  });
}

Result<void> Keys::note_now() {
  std::vector<store::KeyUse> uses;
  for (auto& [id, at] : access_.uses()) uses.push_back({std::move(id), at});
  if (!uses.empty()) {
    if (auto marked = store_.mark_keys_used(uses); !marked) return marked;
  }
  std::vector<store::AuditEntry> refused;
  for (const RefusedWrite& write : access_.refused_writes()) {
    const std::string times = write.count == 1 ? "" : fmt::format(" ({} times)", write.count);
    refused.push_back({0, write.at, write.who, "refused", write.what, write.why + times});
  }
  return refused.empty() ? Result<void>() : store_.add_audit(refused);
}

}  // namespace tenon::access

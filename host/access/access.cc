#include "host/access/access.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "host/access/rate.h"
#include "host/domain/moment.h"

namespace tenon::access {
namespace {

constexpr std::int64_t kUseStep = 60;  // seconds between two notes of a key's use

std::uint64_t next_instance() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

std::uint64_t head_of(const Sha256& digest) {
  std::uint64_t out;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

bool equal(const Sha256& a, const Sha256& b) {
  return ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Denial failed(std::string message) {
  return {api::kBadCredentials, std::move(message)};
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3, '\0');
  const int size = ::EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (text.size() % 4 != 0 || size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

}  // namespace

struct Access::Entry {
  explicit Entry(Grant given) : grant(std::move(given)), by_token(grant.caller) {
    by_token.via = Caller::Via::kToken;
  }

  Grant grant;
  Caller by_token;
  Rate rate;
  std::atomic<std::int64_t> used_at{0};  // seconds since 1970
  std::atomic<bool> used{false};         // since uses() asked
};

struct Access::Table {
  // By the begin of the digest: what a client can learn from the time of a look-up is about
  // digests, which tell nothing of secrets.
  std::unordered_multimap<std::uint64_t, std::shared_ptr<Entry>> by_secret;
  std::unordered_map<std::string_view, Entry*> by_id;
};

struct Access::CopyOfThread {
  std::uint64_t instance = 0, version = 0;
  std::shared_ptr<const Table> table;
};

Access::Access(const Sha256& token_secret)
    : instance_(next_instance()), tokens_(token_secret), table_(std::make_shared<Table>()) {}

Access::~Access() = default;

void Access::set(std::vector<Grant> grants, bool keys_were_created) {
  auto after = std::make_shared<Table>();
  const std::lock_guard lock(mutex_);
  for (Grant& grant : grants) {
    std::shared_ptr<Entry> entry;
    // A key that goes on keeps its count of requests.
    const auto [from, to] = table_->by_secret.equal_range(head_of(grant.secret));
    for (auto known = from; known != to; ++known) {
      const Grant& before = known->second->grant;
      const bool same = equal(before.secret, grant.secret) && before.caller == grant.caller &&
                        before.expires_at == grant.expires_at &&
                        before.requests_per_second == grant.requests_per_second;
      if (same) entry = known->second;
    }
    if (!entry) entry = std::make_shared<Entry>(std::move(grant));
    after->by_id.emplace(entry->grant.caller.id, entry.get());
    after->by_secret.emplace(head_of(entry->grant.secret), std::move(entry));
  }
  table_ = std::move(after);
  if (keys_were_created || !table_->by_id.empty()) open_.store(false);
  version_.fetch_add(1, std::memory_order_release);
}

const Access::Table& Access::table() const {
  thread_local CopyOfThread mine;
  const std::uint64_t version = version_.load(std::memory_order_acquire);
  if (mine.instance != instance_ || mine.version != version) {
    const std::lock_guard lock(mutex_);
    mine = {instance_, version, table_};
  }
  return *mine.table;
}

std::expected<const Caller*, Denial> Access::identify(const Credential& credential,
                                                      const Now& now) const {
  static const Caller kAnyone{"", "anonymous", Role::kAdmin, "", Caller::Via::kOpen};
  if (open()) return &kAnyone;
  bool by_token = false;
  const auto found = find(credential, now, by_token);
  if (!found) return std::unexpected(found.error());
  Entry& entry = **found;
  if (entry.grant.expires_at && now.wall >= *entry.grant.expires_at) {
    return std::unexpected(failed("the API key " + entry.grant.caller.id + " ended at " +
                                  utc_text(*entry.grant.expires_at)));
  }
  const unsigned own = entry.grant.requests_per_second;
  if (const unsigned rate = own ? own : rate_.load(std::memory_order_relaxed); rate != 0) {
    if (const std::uint64_t wait = entry.rate.take(now.steady_ns, rate); wait != 0) {
      return std::unexpected(Denial{
          api::kRateLimit,
          "the API key " + entry.grant.caller.id + " sends more than the " + std::to_string(rate) +
              " requests a second that " + (own ? "it was made for" : "[host.limits] allows a key"),
          static_cast<unsigned>(wait / 1'000'000'000 + 1)});
    }
  }
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(now.wall).time_since_epoch().count();
  if (seconds - entry.used_at.load(std::memory_order_relaxed) >= kUseStep) {
    entry.used_at.store(seconds, std::memory_order_relaxed);
    entry.used.store(true, std::memory_order_release);
  }
  return by_token ? &entry.by_token : &entry.grant.caller;
}

std::expected<Access::Entry*, Denial> Access::find(const Credential& credential, const Now& now,
                                                   bool& by_token) const {
  switch (credential.kind) {
    case Credential::Kind::kNone:
      return std::unexpected(
          Denial{api::kUnauthenticated,
                 "this host wants an API key with each request: \"Authorization: Bearer tn_…\""});
    case Credential::Kind::kOther:
      return std::unexpected(
          failed("the Authorization header is of no scheme known here: expected \"Bearer tn_…\""));
    case Credential::Kind::kClient: {
      const auto text = decode_base64(credential.text);
      const std::size_t colon = text ? text->find(':') : std::string::npos;
      if (colon == std::string::npos) {
        return std::unexpected(failed("the Basic credentials are not base64 of \"id:key\""));
      }
      return find_client(text->substr(0, colon), text->substr(colon + 1));
    }
    case Credential::Kind::kSecret:
      break;
  }
  const Table& all = table();
  by_token = Tokens::is_token(credential.text);
  if (by_token) {
    const auto claims = tokens_.read(credential.text);
    if (!claims) return std::unexpected(failed("the token is not one of this host"));
    if (now.wall >= claims->expires_at) {
      return std::unexpected(failed("the token ended at " + utc_text(claims->expires_at) +
                                    ": get a new one at /v0/oauth/token"));
    }
    const auto found = all.by_id.find(claims->key_id);
    if (found != all.by_id.end()) return found->second;
    return std::unexpected(failed("the API key that the token stands for was deleted"));
  }
  const Sha256 digest = digest_of(credential.text);
  const auto [from, to] = all.by_secret.equal_range(head_of(digest));
  for (auto each = from; each != to; ++each) {
    if (equal(each->second->grant.secret, digest)) return each->second.get();
  }
  switch (form_of(credential.text)) {
    case SecretForm::kTypo:
      return std::unexpected(
          failed("the API key is mistyped: its last letters do not fit the others"));
    case SecretForm::kForeign:
      return std::unexpected(failed("the credential is no API key of Tenon: they begin with tn_"));
    case SecretForm::kKey:
      break;
  }
  return std::unexpected(failed("the API key is not known here, or was deleted"));
}

std::expected<Access::Entry*, Denial> Access::find_client(std::string_view id,
                                                          std::string_view secret) const {
  const Table& all = table();
  const auto found = all.by_id.find(id);
  if (found != all.by_id.end() && equal(found->second->grant.secret, digest_of(secret))) {
    return found->second;
  }
  return std::unexpected(
      failed("the client id and secret are not those of an API key: its id, and the key itself"));
}

std::expected<Access::NewToken, Denial> Access::issue_token(std::string_view id,
                                                            std::string_view secret,
                                                            const Now& now) const {
  const auto found = find_client(id, secret);
  if (!found) return std::unexpected(found.error());
  return issue_token((*found)->grant, now);
}

std::expected<Access::NewToken, Denial> Access::issue_token(std::string_view id,
                                                            const Now& now) const {
  const Table& all = table();
  const auto found = all.by_id.find(id);
  if (found == all.by_id.end()) return std::unexpected(failed("the API key was deleted"));
  return issue_token(found->second->grant, now);
}

std::expected<Access::NewToken, Denial> Access::issue_token(const Grant& grant,
                                                            const Now& now) const {
  Time end = now.wall + Tokens::kLife;
  if (grant.expires_at) end = std::min(end, *grant.expires_at);
  const auto life = std::chrono::floor<std::chrono::seconds>(end - now.wall);
  if (life.count() <= 0) {
    return std::unexpected(
        failed("the API key " + grant.caller.id + " ended at " + utc_text(*grant.expires_at)));
  }
  return NewToken{tokens_.issue(grant.caller.id, end), life};
}

std::vector<std::pair<std::string, Time>> Access::uses() {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, Time>> out;
  for (const auto& [id, entry] : table_->by_id) {
    if (!entry->used.exchange(false, std::memory_order_acquire)) continue;
    out.emplace_back(id, Time(std::chrono::seconds(entry->used_at.load())));
  }
  return out;
}

}  // namespace tenon::access

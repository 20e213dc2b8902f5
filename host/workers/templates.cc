#include "host/workers/templates.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <filesystem>

#include "host/plugins/library.h"
#include "host/plugins/pin.h"
#include "host/telemetry/log.h"
#include "host/workers/codes.h"
#include "host/workers/lease_view.h"
#include "tenon/plugin.h"

namespace tenon::workers {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kOpenLimit{60};

// A library that was replaced is another plugin.
std::string key_of(const plugins::Manifest& plugin, const PluginGrant& grant, bool devices) {
  struct stat info{};
  ::stat(plugin.library.c_str(), &info);
  return plugin.library + '|' + std::to_string(info.st_ino) + '|' +
         std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + '|' +
         grant.sha256 + '|' + (grant.sockets ? "s" : "") + (grant.exec ? "x" : "") +
         (devices ? "d" : "");
}

bool lies_in(const std::string& path, const std::vector<std::string>& folders) {
  const fs::path real = fs::weakly_canonical(path);
  return std::ranges::any_of(folders, [&](const std::string& folder) {
    const fs::path root = fs::weakly_canonical(folder);
    return std::ranges::mismatch(root, real).in1 == root.end();
  });
}

message::Open open_message(const plugins::Manifest& plugin, std::string identity,
                           const PluginGrant& grant, bool sandbox,
                           std::vector<std::string> readable, std::vector<std::string> devices) {
  message::Open open;
  open.library = plugin.library;
  open.identity = std::move(identity);
  open.readable = std::move(readable);
  open.sandbox = sandbox;
  open.sockets = grant.sockets;
  open.exec = grant.exec;
  open.devices = std::move(devices);
  return open;
}

// The files of all NVIDIA devices, those beside one of them: "/dev/nvidia0", "/dev/nvidia-caps".
std::vector<std::string> devices_beside(const std::vector<std::string>& files) {
  std::vector<std::string> out = files;
  for (const std::string& file : files) {
    std::error_code error;
    for (fs::directory_iterator at(fs::path(file).parent_path(), error), end; !error && at != end;
         at.increment(error)) {
      if (at->path().filename().string().starts_with("nvidia")) out.push_back(at->path());
    }
  }
  std::ranges::sort(out);
  const auto repeats = std::ranges::unique(out);
  out.erase(repeats.begin(), repeats.end());
  return out;
}

// A folder in which nothing can be found or made any more.
Descriptor make_nowhere() {
  std::string path = fs::temp_directory_path() / "tenon-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return Descriptor(::open("/", O_PATH | O_CLOEXEC));
  Descriptor folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ::rmdir(path.c_str());
  return folder;
}

// A fork that waits in its memory group for a replica to become.
class Spare final : public Child::Handler {
 public:
  ~Spare() { drop(); }
  bool is_wanted() const { return !child_; }
  void set(std::shared_ptr<Child> child) { child_ = std::move(child); }
  // The process, if it is ready.
  std::shared_ptr<Child> take() { return greeted_ && child_->is_confined() ? release() : nullptr; }
  void drop() {
    if (const auto child = release()) child->forget();
  }

 private:
  std::shared_ptr<Child> release() {
    greeted_ = false;
    return std::exchange(child_, nullptr);
  }
  void on_message(message::ToHost&& message) override {
    greeted_ |= std::holds_alternative<message::Hello>(message);
  }
  void on_garbage(const Error&) override { drop(); }
  void on_exit(const ExitStatus&) override { release(); }

  std::shared_ptr<Child> child_;
  bool greeted_ = false;
};

}  // namespace

// What is known of one plugin's processes.
class Templates::Entry final : public Child::Handler {
 public:
  Entry(Templates& owner, std::string key, const plugins::Manifest& plugin,
        const PluginGrant& grant)
      : owner_(owner), key_(std::move(key)), plugin_(plugin), grant_(grant) {}
  ~Entry() {
    if (child_) child_->forget();
  }

  const plugins::Manifest& plugin() const { return plugin_; }
  const PluginGrant& grant() const { return grant_; }
  bool is_idle(Clock::time_point since) const {
    return state_ != State::kPlain && waiting_.empty() && forking_.empty() && used_ < since;
  }

  // Holds the library against its pin; what it must still be when a process opens it. Read once,
  // then known again by its identity.
  Result<std::string> pinned() {
    if (identity_.empty() || plugins::file_identity(plugin_.library) != identity_) {
      auto checked = plugins::check_pin(plugin_.library, grant_);
      if (!checked) return checked;
      identity_ = *std::move(checked);
    }
    return identity_;
  }

  // A plugin that does not come back from being opened.
  void end_if_hung(Clock::time_point since) {
    if (state_ == State::kStarting && child_ && used_ < since) child_->kill();
  }

  void start(Wanted wanted) {
    used_ = Clock::now();
    wants_spare_ |= wanted.memory_bytes != 0;
    // A template's view of the files is fixed when it starts.
    if (state_ == State::kNone) {
      readable_ = widest(wanted.model_path);
      devices_ = devices_beside(wanted.devices);
    }
    if (state_ != State::kPlain && !is_seen(wanted)) {
      owner_.spawn_plain(*this, std::move(wanted));
      return;
    }
    switch (state_) {
      case State::kPlain:
        owner_.spawn_plain(*this, std::move(wanted));
        return;
      case State::kReady:
        fork(std::move(wanted));
        return;
      case State::kStarting:
        waiting_.push_back(std::move(wanted));
        return;
      case State::kNone:
        break;
    }
    waiting_.push_back(std::move(wanted));
    auto identity = pinned();
    if (!identity) {
      fail_waiting(identity.error());
      return;
    }
    auto child = Child::spawn(owner_.loops_.control(), owner_.options_.worker, *this);
    if (!child) {
      fail_waiting(child.error());
      return;
    }
    child_ = *child;
    state_ = State::kStarting;
    const int nowhere = owner_.nowhere_.get();
    child_->send(open_message(plugin_, *std::move(identity), grant_, owner_.options_.sandbox,
                              readable_, devices_),
                 {&nowhere, 1});
  }

  void make_spare() {
    if (state_ != State::kReady || !wants_spare_ || !spare_.is_wanted()) return;
    auto group = owner_.groups_ ? owner_.groups_->make(0) : nullptr;
    if (!group) return;
    auto expected = Child::expect(owner_.loops_.control(), spare_);
    if (!expected) return;
    expected->first->confine(std::move(group));
    const int end = expected->second.fd();
    if (!child_->send(message::Fork{}, {&end, 1})) {
      expected->first->forget();
      return;
    }
    forking_.push_back({{}, expected->first});
    spare_.set(std::move(expected->first));
  }

 private:
  enum class State : std::uint8_t { kNone, kStarting, kReady, kPlain };
  struct Forking {
    std::optional<Wanted> wanted;  // none: it will be the spare
    std::shared_ptr<Child> child;
  };

  // Every folder that a fork may need.
  std::vector<std::string> widest(const std::string& model_path) const {
    auto folders = owner_.options_.readable_for(plugin_, model_path);
    const auto& roots = owner_.options_.model_roots;
    folders.insert(folders.end(), roots.begin(), roots.end());
    return folders;
  }

  bool is_seen(const Wanted& wanted) const {
    return lies_in(wanted.model_path, readable_) &&
           std::ranges::all_of(wanted.devices,
                               [&](const std::string& file) { return lies_in(file, devices_); });
  }

  bool give_spare(const Wanted& wanted) {
    if (wanted.memory_bytes == 0) return false;
    const auto child = spare_.take();
    if (!child) return false;
    if (!child->group()->limit(wanted.memory_bytes)) {
      child->forget();
      return false;
    }
    child->hand_to(*wanted.handler);
    wanted.take(Started{child, true});
    child->repeat_hello();
    return true;
  }

  void fork(Wanted wanted) {
    if (give_spare(wanted)) return;
    auto expected = Child::expect(owner_.loops_.control(), *wanted.handler);
    if (!expected) {
      owner_.refuse(std::move(wanted), expected.error());
      return;
    }
    owner_.limit_memory(*expected->first, wanted);
    const int end = expected->second.fd();
    if (!child_->send(message::Fork{}, {&end, 1})) {
      expected->first->forget();
      owner_.spawn_plain(*this, std::move(wanted));
      return;
    }
    forking_.push_back({wanted, expected->first});
    wanted.take(Started{expected->first, true});
  }

  void on_message(message::ToHost&& message) override {
    if (auto* opened = std::get_if<message::Opened>(&message)) {
      on_opened(*opened);
    } else if (auto* forked = std::get_if<message::Forked>(&message)) {
      on_forked(*forked);
    } else if (auto* failed = std::get_if<message::Failed>(&message)) {
      on_failed(*failed);
    } else if (auto* line = std::get_if<message::Log>(&message)) {
      log::warn("plugin", {{"plugin", plugin_.id}, {"message", printable(line->text)}});
    }
  }

  void on_opened(const message::Opened& opened) {
    if (state_ != State::kStarting) return;
    std::string parts;
    for (const auto& part : opened.sandbox) parts += (parts.empty() ? "" : ", ") + printable(part);
    std::vector<std::string> missing = opened.missing;
    if (owner_.groups_) {
      const auto& part = owner_.groups_->part();
      parts += ", " + part.value_or("memory limit by RLIMIT_DATA");
      if (!part && !std::exchange(owner_.told_of_groups_, true)) {
        missing.push_back(part.error().message);
      }
    }
    log::info("plugin opened",
              {{"plugin", plugin_.id}, {"pid", child_->pid()}, {"sandbox", parts}});
    for (const auto& part : missing) {
      log::warn("sandbox part missing", {{"plugin", plugin_.id}, {"part", printable(part)}});
    }
    auto waiting = std::exchange(waiting_, {});
    if ((opened.features & TENON_FEATURE_FORK_SAFE) != 0) {
      state_ = State::kReady;
      for (Wanted& wanted : waiting) fork(std::move(wanted));
      return;
    }
    become_plain();
    for (Wanted& wanted : waiting) owner_.spawn_plain(*this, std::move(wanted));
  }

  void on_forked(const message::Forked& forked) {
    if (forking_.empty()) return;
    const Forking first = std::move(forking_.front());
    forking_.pop_front();
    first.child->claim(forked.pid);
    if (first.child->pid() != 0) return;
    log::warn("template does not fork",
              {{"plugin", plugin_.id}, {"reason", printable(forked.reason)}});
    become_plain();
    if (!first.wanted) return;
    first.child->forget();
    owner_.spawn_plain(*this, *first.wanted);
  }

  void on_failed(const message::Failed& failed) {
    fail_waiting({failed.error.code,
                  "plugin '" + plugin_.id + "' failed to " + printable(failed.stage, 32) + ": " +
                      printable(failed.error.message),
                  failed.error.retryable});
    child_->kill();
  }

  void on_garbage(const Error&) override { child_->kill(); }

  void on_exit(const ExitStatus& status) override {
    child_.reset();
    spare_.drop();
    if (state_ != State::kPlain) {
      log::info("template ended", {{"plugin", plugin_.id}, {"how", status.text}});
      state_ = State::kNone;
    }
    fail_waiting({Code::kUnavailable,
                  "plugin '" + plugin_.id + "' ended while it was opened: " + status.text, true});
    // Those that it did not come to fork any more are started without it.
    for (Forking& left : std::exchange(forking_, {})) {
      if (left.child->pid() != 0 || !left.wanted) continue;
      left.child->forget();
      owner_.spawn_plain(*this, std::move(*left.wanted));
    }
  }

  void become_plain() {
    state_ = State::kPlain;
    spare_.drop();
    if (child_) child_->kill();
  }

  void fail_waiting(const Error& error) {
    for (Wanted& wanted : std::exchange(waiting_, {})) owner_.refuse(std::move(wanted), error);
  }

  Templates& owner_;
  const std::string key_;
  const plugins::Manifest plugin_;
  const PluginGrant grant_;
  State state_ = State::kNone;
  std::string identity_;  // of the library whose digest was the pinned one
  std::vector<std::string> readable_;
  std::vector<std::string> devices_;  // files; of a template for leases with devices
  std::shared_ptr<Child> child_;
  std::vector<Wanted> waiting_;  // for the template
  std::deque<Forking> forking_;  // asked for, not yet told
  Spare spare_;
  bool wants_spare_ = false;  // somebody wanted a memory limit
  Clock::time_point used_ = Clock::now();
};

Templates::Templates(EventLoops& loops, ProcessOptions options)
    : loops_(loops),
      options_(std::move(options)),
      groups_(options_.sandbox ? std::make_shared<MemoryGroups>(loops.control()) : nullptr),
      nowhere_(make_nowhere()) {}

Templates::~Templates() {
  clear();
}

std::string ProcessOptions::cache_folder(const plugins::Manifest& plugin) const {
  return data.empty() ? "" : data + "/cache/" + plugin.id;
}

std::vector<std::string> ProcessOptions::readable_for(const plugins::Manifest& plugin,
                                                      const std::string& model_path) const {
  std::vector<std::string> folders{fs::path(plugin.library).parent_path(), model_path};
  if (!data.empty()) folders.push_back(cache_folder(plugin));
  return folders;
}

void Templates::start(const plugins::Manifest& plugin, const PluginGrant& grant,
                      const std::string& model_path, const Lease& lease, Child::Handler& handler,
                      Take take) {
  std::vector<std::string> devices = device_files(lease);
  const std::string key = key_of(plugin, grant, !devices.empty());
  auto& entry = entries_[key];
  if (!options_.data.empty()) {  // before a process is confined to what exists
    std::error_code ignored;
    fs::create_directories(options_.cache_folder(plugin), ignored);
  }
  if (!entry) entry = std::make_shared<Entry>(*this, key, plugin, grant);
  entry->start({&handler, std::move(take), model_path, lease.memory_bytes, std::move(devices)});
}

void Templates::spawn_plain(Entry& entry, Wanted wanted) {
  auto identity = entry.pinned();
  if (!identity) {
    refuse(std::move(wanted), identity.error());
    return;
  }
  auto child = Child::spawn(loops_.control(), options_.worker, *wanted.handler);
  if (!child) {
    refuse(std::move(wanted), child.error());
    return;
  }
  limit_memory(**child, wanted);
  const int nowhere = nowhere_.get();
  const auto readable = options_.readable_for(entry.plugin(), wanted.model_path);
  (*child)->send(open_message(entry.plugin(), *std::move(identity), entry.grant(), options_.sandbox,
                              readable, wanted.devices),
                 {&nowhere, 1});
  wanted.take(Started{*child, false});
}

void Templates::refuse(Wanted wanted, Error error) {
  asio::post(loops_.control(), [take = std::move(wanted.take), error = std::move(error)] {
    take(std::unexpected(error));
  });
}

void Templates::limit_memory(Child& child, const Wanted& wanted) {
  if (!groups_ || wanted.memory_bytes == 0) return;
  if (auto group = groups_->make(wanted.memory_bytes)) child.confine(std::move(group));
}

void Templates::tick() {
  const auto since = Clock::now() - options_.template_idle;
  for (const auto& [key, entry] : entries_) entry->end_if_hung(Clock::now() - kOpenLimit);
  std::erase_if(entries_, [since](const auto& item) { return item.second->is_idle(since); });
  for (const auto& [key, entry] : entries_) entry->make_spare();
}

void Templates::clear() {
  entries_.clear();
  if (groups_) groups_->close();
}

}  // namespace tenon::workers

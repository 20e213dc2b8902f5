#include "host/cli/manifest_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

#include "host/telemetry/log.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;

// How long a file must have been the same.
constexpr milliseconds kSettle{250};
// From what a folder tells to a look at it: events come in swarms.
constexpr milliseconds kSoon{20};
// Between looks where folders tell of themselves, which not every file system does, and where they
// do not.
constexpr milliseconds kNowAndThen{10'000};
constexpr milliseconds kOften{2'000};

constexpr std::string_view kFile = "file:";

std::string_view path_of(std::string_view managed_by) {
  return managed_by.starts_with(kFile) ? managed_by.substr(kFile.size()) : std::string_view();
}

bool is_gone(std::string_view path) {
  std::error_code error;
  return !path.empty() && fs::status(path, error).type() == fs::file_type::not_found;
}

// Files whose folder is there without them, and which still manage resources.
std::set<std::string> lost_files(const control::Snapshot& now,
                                 const std::vector<std::string>& folders) {
  std::set<std::string> seen, out;
  for (const auto& entry : now.entries) {
    const std::string path(path_of(entry->authors->managed_by));
    if (path.empty() || !seen.insert(path).second) continue;
    const std::string folder = fs::path(path).parent_path();
    std::error_code error;
    if (std::ranges::find(folders, folder) != folders.end() && fs::is_directory(folder, error) &&
        is_gone(path)) {
      out.insert(path);
    }
  }
  return out;
}

// The folders whose news may mean that a manifest changed.
std::set<std::string> folders_of(const std::string& config, const HostSpec& host) {
  std::set<std::string> out;
  std::vector<std::string> paths = host.manifests;
  paths.push_back(config);
  for (const std::string& path : paths) {
    std::error_code error;
    out.insert(fs::path(path).parent_path());  // where it may be replaced, or come back
    if (fs::is_directory(path, error)) out.insert(path);
    const fs::path real = fs::canonical(path, error);
    if (!error) out.insert(real.parent_path());
  }
  return out;
}

void log_problem(const std::string& path, const std::string& problem) {
  std::istringstream lines(problem);
  for (std::string line; std::getline(lines, line);) {
    log::error("manifest not in force", {{"file", path}, {"error", line}});
  }
}

void log_applied(const std::string& path, const ManifestKeeper::Applied& applied) {
  log::info("manifest applied", {{"file", path},
                                 {"added", applied.added},
                                 {"changed", applied.changed},
                                 {"removed", applied.removed}});
}

}  // namespace

ManifestKeeper::ManifestKeeper(Parts parts)
    : parts_(std::move(parts)),
      signal_(FolderSignal::make(parts_.loop, [this] { look_after(kSoon); })),
      timer_(parts_.loop) {}

Result<ManifestKeeper::Applied> ManifestKeeper::apply(control::Catalog& catalog,
                                                      const std::vector<ResourceFile>& files,
                                                      const HostSpec& host) {
  const std::lock_guard lock(applying_);
  std::string problems;
  Applied applied;
  const auto add = [&](const ResourceFile& file) {
    const auto done = apply_file(catalog, file, host.prune, applied);
    note(file.path, done ? "" : done.error().message);
    if (!done) problems += (problems.empty() ? "" : "\n") + done.error().message;
  };
  for (const ResourceFile& file : files) add(file);
  if (host.prune) {
    for (const std::string& path : lost_files(*catalog.snapshot(), host.manifests)) add({path, {}});
  }
  if (!problems.empty()) return fail(Code::kInvalid, std::move(problems));
  return applied;
}

Result<void> ManifestKeeper::apply_file(control::Catalog& catalog, const ResourceFile& file,
                                        bool prune, Applied& applied) {
  const std::string manager = std::string(kFile) + file.path;
  control::Who who{manager, manager, true, false};
  const auto snapshot = catalog.snapshot();
  std::vector<control::Wish> wishes;
  std::set<ResourceKey> held;
  std::set<std::string> others;
  for (const Draft& draft : file.resources) {
    const control::Entry* entry = snapshot->find(draft.key);
    if (entry && entry->authors->managed_by != manager) others.insert(entry->authors->managed_by);
    wishes.push_back({.draft = draft});
    held.insert(draft.key);
  }
  for (const auto& entry : snapshot->entries) {
    if (!prune || entry->authors->managed_by != manager || held.contains(entry->key())) continue;
    wishes.push_back({.draft = {entry->key(), {}, {}}, .remove = true});
  }
  std::ranges::copy_if(others, std::back_inserter(who.heir_of),
                       [](const std::string& other) { return is_gone(path_of(other)); });
  const auto done = catalog.change(wishes, who);
  if (!done) {
    std::string problems;
    for (const control::Refused& refused : done.error()) {
      problems += fmt::format("{}{}: {}", problems.empty() ? "" : "\n", file.path, refused.message);
    }
    return fail(Code::kInvalid, std::move(problems));
  }
  for (const control::Planned& planned : *done) {
    applied.added += planned.done == store::Done::kCreated;
    applied.changed += planned.done == store::Done::kConfigured;
    applied.removed += planned.done == store::Done::kDeleted;
  }
  return {};
}

void ManifestKeeper::watch(control::Catalog& catalog, const std::string& config,
                           const HostSpec& host, ManifestSource::Files stamps) {
  std::vector<std::string> paths = host.manifests;
  paths.push_back(config);
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, problem] : problems_) stamps.erase(path);  // to be tried again
  }
  watching_.reset();
  due_.reset();
  if (host.watch) {
    watching_ = std::make_shared<Watching>(
        Watching{catalog, config, host, {std::move(paths), std::move(stamps), kSettle}, {}});
  }
  followed_ = signal_->follow(watching_ ? folders_of(config, host) : std::set<std::string>());
  if (watching_) look_after(kSoon);
}

void ManifestKeeper::stop() {
  stopped_ = true;
  timer_.cancel();
  signal_->close();
}

void ManifestKeeper::look_after(milliseconds wait) {
  again_ = looking_;
  if (looking_ || stopped_ || !watching_) return;
  const auto due = std::chrono::steady_clock::now() + wait;
  if (due_ && *due_ <= due) return;  // however often a folder tells
  due_ = due;
  timer_.expires_at(due);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error || stopped_ || !watching_) return;
    due_.reset();
    looking_ = true;
    parts_.run([this, watching = watching_] {
      const bool settling = look(watching);
      boost::asio::post(parts_.loop, [this, settling] { looked(settling); });
    });
  });
}

void ManifestKeeper::looked(bool settling) {
  looking_ = false;
  if (stopped_ || !watching_) return;
  // A folder that came back is another one.
  followed_ = signal_->follow(folders_of(watching_->config, watching_->host));
  look_after(std::exchange(again_, false) ? kSoon
             : settling                   ? kSettle
             : followed_                  ? kNowAndThen
                                          : kOften);
}

bool ManifestKeeper::look(const std::shared_ptr<Watching>& watching) {
  const std::lock_guard lock(applying_);
  ManifestFolders folders;
  auto looked = watching->watch.look(folders, std::chrono::steady_clock::now());
  for (const std::string& path : watching->host.manifests) {
    const auto found = looked.problems.find(path);
    if (found != looked.problems.end()) {
      note(path, found->second);
    } else if (std::error_code error; fs::is_directory(path, error)) {
      note(path, "");
    }
  }
  if (!looked.changes.empty()) take(*watching, std::move(looked.changes));
  return looked.settling;
}

void ManifestKeeper::take(Watching& watching, std::vector<ManifestWatch::Change> changes) {
  std::vector<ResourceFile> todo = std::exchange(watching.refused, {});
  std::vector<ResourceFile> gone;
  bool reload = has_problem(watching.config);
  const auto read = [&](const std::string& file, const Result<std::string>& text) {
    std::erase_if(todo, [&](const ResourceFile& known) { return known.path == file; });
    auto resources = text ? parts_.read(*text, file) : std::unexpected(text.error());
    if (!resources) return note(file, resources.error().message);
    todo.push_back({file, *std::move(resources)});
  };
  for (ManifestWatch::Change& change : changes) {
    if (change.file == watching.config) {
      reload = true;
    } else if (change.text) {
      read(change.file, *change.text);
    } else {
      std::erase_if(todo, [&](const ResourceFile& known) { return known.path == change.file; });
      gone.push_back({change.file, {}});
    }
  }
  if (reload) {
    gone.clear();  // what they held may stand in the configuration now, which is read as a whole
  } else if (!gone.empty()) {
    // It may stand in another file that was there before: that one takes it over.
    ManifestFolders folders;
    for (const auto& [file, stamp] : watching.watch.read()) {
      const auto is_it = [&](const auto& one) { return one.path == file; };
      if (file != watching.config && std::ranges::none_of(todo, is_it) && !has_problem(file)) {
        read(file, folders.read(file));
      }
    }
  }
  std::ranges::move(gone, std::back_inserter(todo));
  apply_until_it_helps_no_more(watching, std::move(todo));
  if (reload) parts_.reload();
}

// Files that name each other's resources may come in any order, so what is refused is tried again.
void ManifestKeeper::apply_until_it_helps_no_more(Watching& watching,
                                                  std::vector<ResourceFile> files) {
  std::map<std::string, std::string> problems;
  for (bool helped = true; helped && !files.empty();) {
    helped = false;
    std::erase_if(files, [&](const ResourceFile& file) {
      Applied applied;
      const auto done = apply_file(watching.catalog, file, watching.host.prune, applied);
      if (!done) problems[file.path] = done.error().message;
      if (!done) return false;
      problems.erase(file.path);
      note(file.path, "");
      if (applied.added + applied.changed + applied.removed != 0) log_applied(file.path, applied);
      return helped = true;
    });
  }
  for (auto& [path, problem] : problems) note(path, std::move(problem));
  watching.refused = std::move(files);
}

void ManifestKeeper::note(const std::string& path, std::string problem) {
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto known = problems_.find(path);
    if ((known == problems_.end() ? "" : known->second) == problem) return;
    if (!problem.empty()) log_problem(path, problem);
    if (problem.empty()) {
      problems_.erase(known);
    } else {
      problems_[path] = std::move(problem);
    }
    count = problems_.size();
  }
  parts_.on_problems(count);
}

bool ManifestKeeper::has_problem(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return problems_.contains(path);
}

std::string ManifestKeeper::problem_of(std::string_view managed_by) const {
  const std::string_view path = path_of(managed_by);
  const std::lock_guard lock(mutex_);
  if (problems_.empty() || path.empty()) return "";
  const auto known = problems_.find(path);
  if (known == problems_.end()) return "";
  // Where, not what: a file may hold secrets, and the resources of other workspaces.
  const std::string_view line = std::string_view(known->second).substr(0, known->second.find('\n'));
  const auto place = line.starts_with(path) ? line.substr(0, line.find(": ")) : path;
  return fmt::format("{}: it is not in force as it is now; the host's log says why", place);
}

}  // namespace tenon::cli

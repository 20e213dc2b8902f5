#include "host/cli/manifest_watch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <utility>

#include "host/cli/machine.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;

std::optional<FileStamp> stamp_of(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  return FileStamp{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                   status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
}

bool lies_in(const std::string& file, const std::string& path) {
  return file == path || fs::path(file).parent_path() == path;
}

}  // namespace

Result<ManifestSource::Files> ManifestFolders::list(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return fail(Code::kNotFound, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  Files out;
  if (!S_ISDIR(status.st_mode)) {
    const auto stamp = stamp_of(status);
    if (!stamp) return fail(Code::kInvalid, path + ": neither a file nor a folder");
    out.emplace(path, *stamp);
    return out;
  }
  std::error_code error;
  for (auto each = fs::directory_iterator(path, error); !error && each != fs::end(each);
       each.increment(error)) {
    if (each->path().extension() != ".toml") continue;
    const std::string file = each->path();
    const auto stamp = ::stat(file.c_str(), &status) == 0 ? stamp_of(status) : std::nullopt;
    if (stamp) out.emplace(file, *stamp);
  }
  if (error) return fail(Code::kUnavailable, fmt::format("{}: {}", path, error.message()));
  return out;
}

Result<std::string> ManifestFolders::read(const std::string& file) {
  return read_file(file);
}

ManifestWatch::ManifestWatch(std::vector<std::string> paths, ManifestSource::Files read,
                             milliseconds settle)
    : paths_(std::move(paths)), settle_(settle), read_(std::move(read)) {}

// Whether a path has been like this for long enough.
bool ManifestWatch::settled(const std::string& path, const std::optional<FileStamp>& stamp,
                            Time now, Looked& looked) {
  const auto [at, fresh] = waiting_.try_emplace(path, Waiting{stamp, now});
  if (!fresh && at->second.stamp != stamp) at->second = {stamp, now};
  if (now - at->second.since >= settle_) return true;
  looked.settling = true;
  return false;
}

ManifestWatch::Looked ManifestWatch::look(ManifestSource& source, Time now) {
  Looked out;
  std::vector<Change> gone;
  ManifestSource::Files there;
  std::vector<std::string> unseen;  // paths whose files are not known
  for (const std::string& path : paths_) {
    auto listed = source.list(path);
    if (listed) {
      there.merge(*listed);
      continue;
    }
    unseen.push_back(path);
    if (!settled(path, std::nullopt, now, out)) continue;
    out.problems[path] = listed.error().message;
    read_.erase(path);  // when it is back, it is told whatever it holds
  }
  for (const auto& [file, stamp] : there) {
    const auto known = read_.find(file);
    if (known != read_.end() && known->second == stamp) {
      waiting_.erase(file);
      continue;
    }
    if (!settled(file, stamp, now, out)) continue;
    auto text = source.read(file);
    const auto again = source.list(file);
    if (!again || !again->contains(file) || again->at(file) != stamp) {
      out.settling = true;  // it changed while it was read
      continue;
    }
    waiting_.erase(file);
    read_[file] = stamp;
    out.changes.push_back({file, std::move(text)});
  }
  std::erase_if(read_, [&](const auto& known) {
    const std::string& file = known.first;
    if (there.contains(file)) return false;
    for (const std::string& path : unseen) {
      if (lies_in(file, path)) return false;
    }
    if (!settled(file, std::nullopt, now, out)) return false;
    waiting_.erase(file);
    gone.push_back({file, std::nullopt});
    return true;
  });
  std::erase_if(waiting_, [&](const auto& waiting) {
    const bool is_unseen = std::ranges::find(unseen, waiting.first) != unseen.end();
    return !is_unseen && !there.contains(waiting.first) && !read_.contains(waiting.first);
  });
  std::ranges::move(gone, std::back_inserter(out.changes));
  return out;
}

}  // namespace tenon::cli

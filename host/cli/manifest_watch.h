#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "host/domain/error.h"
#include "host/domain/units.h"

namespace tenon::cli {

// What tells that a file is no longer the one that was read.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t changed = 0;  // nanoseconds; of its content, name or rights
  bool operator==(const FileStamp&) const = default;
};

// Where manifests lie.
class ManifestSource {
 public:
  using Files = std::map<std::string, FileStamp>;

  virtual ~ManifestSource() = default;
  // The file itself or, of a folder, the manifests in it. The error: why neither can be looked at.
  virtual Result<Files> list(const std::string& path) = 0;
  virtual Result<std::string> read(const std::string& file) = 0;
};

// The manifests of this machine: of a folder the regular files whose name ends in .toml.
class ManifestFolders final : public ManifestSource {
 public:
  Result<Files> list(const std::string& path) override;
  Result<std::string> read(const std::string& file) override;
};

// Which manifests changed since they were read. A file counts as changed once it has been the same
// for a while, so that nobody's half of a write is read; one that is gone likewise, so that whoever
// removes a file to write it anew removes nothing. A folder that cannot be looked at has lost no
// file.
class ManifestWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Change {
    std::string file;
    std::optional<Result<std::string>> text;  // nothing: the file is gone
  };
  struct Looked {
    std::vector<Change> changes;                  // those that are gone come last
    std::map<std::string, std::string> problems;  // of paths that cannot be looked at: why
    bool settling = false;                        // something may count as changed in a while
  };

  // `read`: what was read before, with the stamps of before reading.
  ManifestWatch(std::vector<std::string> paths, ManifestSource::Files read, milliseconds settle);

  Looked look(ManifestSource&, Time now);
  const ManifestSource::Files& read() const { return read_; }  // as they were told last

 private:
  struct Waiting {
    std::optional<FileStamp> stamp;  // nothing: it is gone
    Time since;
    bool operator==(const Waiting&) const = default;
  };

  bool settled(const std::string& path, const std::optional<FileStamp>&, Time now, Looked&);

  const std::vector<std::string> paths_;
  const milliseconds settle_;
  ManifestSource::Files read_;
  std::map<std::string, Waiting> waiting_;
};

}  // namespace tenon::cli

#include "host/store/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "host/store/database.h"
#include "host/store/schema.h"
#include "host/store/store_lock.h"

namespace tenon::store {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> failed(const std::string& what) {
  return fail(Code::kUnavailable, fmt::format("{}: {}", what, std::strerror(errno)));
}

// Goes away with this, and so do the files that SQLite put beside it.
struct Partial {
  explicit Partial(std::string name) : path(std::move(name)) { remove(); }
  ~Partial() { remove(); }
  Partial(const Partial&) = delete;
  Partial& operator=(const Partial&) = delete;

  void remove() const {
    for (const char* end : {"", "-wal", "-shm", "-journal"}) ::unlink((path + end).c_str());
  }
  const std::string path;
};

// The disk has the names in a file's folder, too.
Result<void> sync_folder(const std::string& file) {
  const std::string parent = fs::path(file).parent_path();
  const int fd = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!done) return failed("the folder of " + file);
  return {};
}

Result<void> copy(const std::string& from, const std::string& to) {
  auto source = Database::open(from);
  if (!source) return std::unexpected(source.error());
  if (auto sound = check(*source); !sound) return sound;
  auto target = Database::open(to);
  if (!target) return std::unexpected(target.error());
  sqlite3_backup* copying = sqlite3_backup_init(target->handle(), "main", source->handle(), "main");
  // In one step: one read transaction, which holds nobody up. That a lock was not to be had is not
  // told by the end.
  const bool whole = copying && sqlite3_backup_step(copying, -1) == SQLITE_DONE;
  if (!copying || sqlite3_backup_finish(copying) != SQLITE_OK || !whole) {
    return fail(Code::kUnavailable,
                fmt::format("copying {} to {}: {}", from, to, sqlite3_errmsg(target->handle())));
  }
  if (auto single = target->execute("PRAGMA journal_mode=DELETE"); !single) return single;
  return check(*target);
}

// One file is under the store's name at any time.
Result<void> set_aside(const std::string& store) {
  if (!fs::exists(store)) return {};
  // Its log goes into it, if it is sound; a log that stays must not be read into another store.
  if (auto present = Database::open(store)) {
    (void)present->execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const std::string aside = store + ".before-restore";
  for (const char* end : {"", "-wal"}) ::unlink((aside + end).c_str());
  if (::link(store.c_str(), aside.c_str()) != 0) return failed(aside);
  if (::rename((store + "-wal").c_str(), (aside + "-wal").c_str()) != 0 && errno != ENOENT) {
    return failed("the log of " + store);
  }
  ::unlink((store + "-shm").c_str());
  return sync_folder(store);
}

}  // namespace

Result<void> backup(const std::string& store, const std::string& to) {
  if (!fs::exists(store)) return fail(Code::kNotFound, fmt::format("there is no store {}", store));
  const Partial partial(to + ".partial");
  if (auto copied = copy(store, partial.path); !copied) return copied;
  if (::link(partial.path.c_str(), to.c_str()) == 0) return sync_folder(to);
  if (errno != EEXIST) return failed(to);
  return fail(Code::kPrecondition,
              fmt::format("{} exists already; a backup never replaces a file", to));
}

Result<void> restore(const std::string& from, const std::string& store) {
  if (!fs::exists(from)) return fail(Code::kNotFound, fmt::format("there is no backup {}", from));
  const auto lock = StoreLock::take(store);
  if (!lock) return std::unexpected(lock.error());
  const Partial partial(store + ".restoring");
  if (auto copied = copy(from, partial.path); !copied) return copied;
  if (auto done = set_aside(store); !done) return done;
  if (::rename(partial.path.c_str(), store.c_str()) != 0) return failed(store);
  return sync_folder(store);
}

}  // namespace tenon::store

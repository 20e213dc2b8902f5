#include "host/plugins/library.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

namespace tenon::plugins {
namespace {

// Handles live as long as the process: closing a library with threads, thread-locals or registered
// destructors breaks whoever comes after. Never destroyed, so that no exit order matters.
struct Registry {
  struct Opened {
    boost::dll::shared_library library;
    std::string identity;  // as it was opened
  };
  std::mutex mutex;
  std::map<std::string, Opened> libraries;
};

Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

Result<void> check_file(const std::string& path) {
  if (path.empty() || path.front() != '/') {
    return fail(Code::kInvalid, path + ": a plugin's path must be absolute");
  }
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) {
    return fail(Code::kNotFound, path + ": " + std::strerror(errno));
  }
  if (!S_ISREG(st.st_mode)) return fail(Code::kInvalid, path + ": not a regular file");
  if (st.st_uid != 0 && st.st_uid != geteuid()) {
    return fail(Code::kInvalid, path + ": belongs to user " + std::to_string(st.st_uid) +
                                    ", expected root or the host's own user");
  }
  if (st.st_mode & S_IWOTH) {
    return fail(Code::kInvalid, path + ": anybody may write to it; chmod o-w makes it trustworthy");
  }
  return {};
}

Result<void> check_identity(const std::string& path, const std::string& identity) {
  if (identity.empty() || file_identity(path) == identity) return {};
  return fail(Code::kInvalid,
              path +
                  ": is another file than the one whose SHA-256 was checked; put the pinned one "
                  "back, or pin the new one's sha256 and reload");
}

}  // namespace

std::string file_identity(const std::string& path) {
  struct stat st{};
  if (stat(path.c_str(), &st) != 0) return "";
  const auto time = [](const timespec& t) {
    return ' ' + std::to_string(t.tv_sec) + '.' + std::to_string(t.tv_nsec);
  };
  return std::to_string(st.st_dev) + ' ' + std::to_string(st.st_ino) + ' ' +
         std::to_string(st.st_size) + time(st.st_mtim) + time(st.st_ctim);
}

Result<Library> Library::open(const std::string& path, const std::string& identity) {
  if (auto checked = check_file(path); !checked) return std::unexpected(checked.error());
  if (auto same = check_identity(path, identity); !same) return std::unexpected(same.error());
  auto& all = registry();
  const std::lock_guard lock(all.mutex);
  try {
    auto& [library, opened_as] = all.libraries[path];
    if (!library.is_loaded()) {
      opened_as = file_identity(path);
      // The throwing overload carries the loader's own words: which symbol, which dependency.
      library.load(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    }
    if (!identity.empty() && opened_as != identity) {
      return fail(Code::kPrecondition,
                  path +
                      ": this process opened an earlier file of that name, which stays until the "
                      "host is restarted");
    }
    if (auto same = check_identity(path, identity); !same) return std::unexpected(same.error());
    if (!library.has("tenon_plugin_v1")) {
      return fail(Code::kInvalid, path + ": exports no tenon_plugin_v1: not a Tenon plugin");
    }
    auto* entry = library.get<const tenon_plugin_descriptor*()>("tenon_plugin_v1");
    auto descriptor = adopt_descriptor(entry(), path);
    if (!descriptor) return std::unexpected(descriptor.error());
    return Library(path, std::move(*descriptor));
  } catch (const std::exception& error) {
    all.libraries.erase(path);
    return fail(Code::kInvalid, path + ": did not open: " + error.what());
  }
}

}  // namespace tenon::plugins

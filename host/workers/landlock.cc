#include "host/workers/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "host/workers/descriptor.h"

namespace tenon::workers {
namespace {

// Later than the system's header: the values are the kernel's.
constexpr std::uint64_t kTruncate = 1ULL << 14;  // version 3
constexpr std::uint64_t kIoctlDev = 1ULL << 15;  // 5
constexpr std::uint64_t kNetBoth = 3;            // 4: bind and connect
constexpr std::uint64_t kScopeBoth = 3;          // 6: abstract sockets and signals
struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

void allow(int ruleset, const std::string& path, std::uint64_t access) {
  const Descriptor at(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat info{};
  if (!at || ::fstat(at.get(), &info) != 0) return;
  if (!S_ISDIR(info.st_mode)) access &= ~std::uint64_t{LANDLOCK_ACCESS_FS_READ_DIR};
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access;
  rule.parent_fd = at.get();
  ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

void allow_links(int ruleset, const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_symlink(error)) allow(ruleset, at->path().string(), LANDLOCK_ACCESS_FS_READ_FILE);
  }
}

}  // namespace

int landlock_version() {
  const auto version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version < 0 ? 0 : static_cast<int>(version);
}

Result<std::vector<std::string>> confine_files(const LandlockRules& rules) {
  const int version = landlock_version();
  if (version == 0) {
    return fail(Code::kUnavailable,
                "Landlock: the kernel has none or it is off; workers see all files that their "
                "user sees");
  }
  RulesetAttributes attributes;
  attributes.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
  if (version >= 2) attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) attributes.handled_access_fs |= kTruncate;
  if (version >= 5) attributes.handled_access_fs |= kIoctlDev;
  if (rules.exec) attributes.handled_access_fs &= ~std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE};
  if (version >= 4 && !rules.sockets) attributes.handled_access_net = kNetBoth;
  if (version >= 6) attributes.scoped = kScopeBoth;
  const std::size_t size = version >= 6   ? sizeof attributes
                           : version >= 4 ? 2 * sizeof(std::uint64_t)
                                          : sizeof(std::uint64_t);
  const Descriptor ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset) return fail(Code::kUnavailable, std::string("Landlock: ") + std::strerror(errno));
  for (const auto& path : rules.readable) {
    allow(ruleset.get(), path, kRead);
    if (rules.links) allow_links(ruleset.get(), path);
  }
  for (const auto& path : rules.writable) {
    allow(ruleset.get(), path, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
  }
  for (const auto& path : rules.devices) {
    allow(ruleset.get(), path,
          LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
              (attributes.handled_access_fs & kIoctlDev));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return fail(Code::kUnavailable, std::string("Landlock: ") + std::strerror(errno));
  }
  std::vector<std::string> parts{"files"};
  if (attributes.handled_access_net != 0) parts.emplace_back("TCP ports");
  if (attributes.scoped != 0) parts.emplace_back("signals");
  return parts;
}

}  // namespace tenon::workers

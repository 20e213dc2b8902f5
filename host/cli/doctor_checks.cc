#include "host/cli/doctor_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <filesystem>
#include <memory>

#include "host/cli/loaded.h"
#include "host/plugins/manifest_reader.h"
#include "host/workers/memory_group.h"

namespace tenon::cli {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

using State = Finding::State;

constexpr std::uintmax_t kLittleDisk = 2'000'000'000;

bool has(const std::vector<std::string>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

Finding check_processor(const devices::Cpus& cpus) {
  const std::string found = fmt::format(
      "{} threads, {:.1f} GB, {}", cpus.usable,
      static_cast<double>(cpus.memory_limit ? cpus.memory_limit : cpus.memory_bytes) / 1e9,
      cpus.model.empty() ? "unnamed" : cpus.model);
  if (has(cpus.isa, "avx512f")) return {State::kOk, "processor", found + ", AVX-512", ""};
  if (has(cpus.isa, "avx2")) return {State::kOk, "processor", found + ", AVX2", ""};
  return {State::kMissing, "processor", found,
          "neither AVX2 nor AVX-512: models on the CPU run on the slow path"};
}

Finding check_landlock(int version) {
  constexpr int kTcp = 4, kSignals = 6;
  const std::string found = version ? fmt::format("version {}", version) : "not in this kernel";
  std::string costs;
  if (version == 0) {
    costs = "a plugin can read every file that the host can";
  } else if (version < kTcp) {
    costs = "TCP ports and signals of plugins are confined by seccomp only";
  } else if (version < kSignals) {
    costs = "signals of plugins are not confined by it";
  }
  return {costs.empty() ? State::kOk : State::kMissing, "Landlock", found, costs};
}

Finding check_seccomp() {
  if (::prctl(PR_GET_SECCOMP) >= 0) return {State::kOk, "seccomp", "there", ""};
  return {State::kMissing, "seccomp", "not in this kernel", "a plugin can make any system call"};
}

Finding check_memory_groups() {
  asio::io_context context;
  const auto groups = std::make_shared<workers::MemoryGroups>(context);
  const auto part = groups->part();
  groups->close();
  if (part) return {State::kOk, "memory limits", *part, ""};
  return {State::kMissing, "memory limits", part.error().message,
          "workers are limited by RLIMIT_DATA, which counts less exactly"};
}

Finding check_descriptors(unsigned connections) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::string found = limit.rlim_max == RLIM_INFINITY
                                ? std::string("any number")
                                : fmt::format("at most {}", limit.rlim_max);
  constexpr rlim_t kOwn = 512;  // the host's, beside its connections
  if (limit.rlim_max >= connections + kOwn) return {State::kOk, "open files", found, ""};
  return {
      State::kMissing, "open files", found,
      fmt::format("fewer than the {} connections that it may hold: raise the limit (ulimit -Hn)",
                  connections)};
}

Finding check_worker(const std::string& folder) {
  std::vector<std::string> missing;
  for (const char* name : {"tenon-worker", "tenon-devices"}) {
    if (::access((folder + "/" + name).c_str(), X_OK) != 0) missing.emplace_back(name);
  }
  if (missing.empty()) return {State::kOk, "programs", folder, ""};
  const bool wrong = missing.front() == "tenon-worker";
  return {wrong ? State::kWrong : State::kMissing, "programs",
          fmt::format("{} is not in {}", fmt::join(missing, ", "), folder),
          wrong ? "no replica can start" : "GPUs are not seen"};
}

Finding check_plugins(const std::vector<std::string>& folders) {
  const auto found = plugins::scan(folders);
  if (!found) return {State::kWrong, "plugins", found.error().message, "a host does not start"};
  std::vector<std::string> names;
  for (const auto& plugin : *found) names.push_back(plugin.id);
  if (!names.empty()) {
    return {State::kOk, "plugins", fmt::format("{}", fmt::join(names, ", ")), ""};
  }
  return {State::kWrong, "plugins", fmt::format("none in {}", fmt::join(folders, ", ")),
          "no model can be served: [host] plugins names the folders"};
}

Finding check_manifests(const std::string& config) {
  const auto loaded = load(config);
  if (!loaded) {
    return {State::kWrong, "manifests",
            loaded.error().message.substr(0, loaded.error().message.find('\n')),
            "a host does not start; one that runs keeps what was: `tenon serve --check` tells all"};
  }
  std::size_t resources = 0;
  for (const ResourceFile& file : loaded->files) resources += file.resources.size();
  return {State::kOk, "manifests",
          fmt::format("{} resources in {} files", resources, loaded->files.size()), ""};
}

Finding check_data(const std::string& folder) {
  fs::path there = folder;  // the folder itself is made by the host
  std::error_code error;
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  const auto space = fs::space(there, error);
  if (error || ::access(there.c_str(), W_OK) != 0) {
    return {State::kWrong, "data", fmt::format("{} cannot be written", there.string()),
            "a host does not start"};
  }
  const std::string found =
      fmt::format("{:.1f} GB free for {}", static_cast<double>(space.available) / 1e9, folder);
  if (space.available >= kLittleDisk) return {State::kOk, "data", found, ""};
  return {State::kMissing, "data", found,
          "packed weights may find no room: cold starts take longer"};
}

Finding check_address(const ListenAddress& address) {
  const std::string text = to_string(address);
  if (!address.path.empty()) return {State::kOk, "address", text, ""};
  asio::io_context context;
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address.host, error);
  const asio::ip::tcp::endpoint endpoint(ip, address.port);
  asio::ip::tcp::acceptor acceptor(context);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) return {State::kOk, "address", text + " is free", ""};
  return {State::kMissing, "address", fmt::format("{}: {}", text, error.message()),
          "another host cannot listen there; one that runs already is asked by `tenon get models`"};
}

Finding check_gpus(const devices::Gpus& gpus) {
  std::vector<std::string> names;
  for (const devices::Gpu& gpu : gpus.devices) {
    names.push_back(fmt::format("{} ({})", gpu.name, to_string(gpu.flavor)));
  }
  if (!names.empty()) return {State::kOk, "GPU", fmt::format("{}", fmt::join(names, ", ")), ""};
  return {State::kMissing, "GPU", gpus.note.empty() ? "none" : gpus.note,
          "deployments with gpu/… flavors have no place here"};
}

Finding check_docker(const std::string& socket) {
  asio::io_context context;
  boost::system::error_code error;
  asio::local::stream_protocol::socket to(context);
  to.connect({socket}, error);
  if (!error) return {State::kOk, "Docker", socket, ""};
  return {State::kMissing, "Docker", fmt::format("{}: {}", socket, error.message()),
          "runtimes in containers cannot start; plugins need none"};
}

}  // namespace tenon::cli

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "sdk/validator/check.h"
#include "sdk/validator/process_state.h"

namespace tenon::validator {
namespace {

using namespace std::chrono_literals;

using Faults = std::vector<std::string>;

constexpr unsigned kLives = 20;
constexpr std::uint64_t kMostGrowth = 512 << 10;  // resident bytes of a life, once warm

std::string text(tenon_str s) {
  return s.data ? std::string(s.data, static_cast<std::size_t>(s.size)) : std::string();
}

void append(Faults& to, const Faults& more) {
  to.insert(to.end(), more.begin(), more.end());
}

void serve_once(FakeHost& host, const Subject& subject, Faults& faults) {
  for (const FakeRequest& request : subject.requests) {
    const auto id = host.submit(request);
    if (id == 0 || !host.wait(id).final) {
      faults.push_back("gave " + request.method + " " + request.path + " no final message");
    }
  }
}

// ---- the descriptor ----

Verdict descriptor(const Subject& subject) {
  Verdict out;
  const ProcessState before = read_process_state();
  const auto* d = open_plugin(subject);
  if (!d) return {.faults = {"tenon_plugin_v1 returned null"}};
  append(out.faults, changes(before, read_process_state()));
  if (read_process_state().threads > before.threads) {
    out.faults.push_back("started a thread before create()");
  }
  if (open_plugin(subject) != d)
    out.faults.push_back("gave out another descriptor the second time");
  if (d->magic != TENON_MAGIC) out.faults.push_back("has a wrong magic: expected TENON_MAGIC");
  if (d->struct_size < sizeof *d) out.faults.push_back("is smaller than that of ABI 1.0");
  if (!out.faults.empty()) return out;
  if (d->abi_major != TENON_ABI_MAJOR || d->abi_minor_min > TENON_ABI_MINOR) {
    out.faults.push_back("wants ABI " + std::to_string(d->abi_major) + "." +
                         std::to_string(d->abi_minor_min) + " or later, this validator speaks " +
                         std::to_string(TENON_ABI_MAJOR) + "." + std::to_string(TENON_ABI_MINOR));
  }
  if (d->abi_minor_min > d->abi_minor) {
    out.faults.push_back("asks for a later minor than the one it was built with");
  }
  if (!d->create) out.faults.push_back("has no create()");
  if (text(d->id).empty() || text(d->version).empty()) {
    out.faults.push_back("tells no id or no version");
  }
  return out;
}

Verdict manifest(const Subject& subject) {
  if (!subject.id) return {.skipped = "there is no manifest beside the library"};
  Verdict out;
  const auto* d = open_plugin(subject);
  const auto compare = [&](const char* what, const std::string& mine, const std::string& theirs) {
    if (mine == theirs) return;
    out.faults.push_back(std::string("its manifest says ") + what + " " + theirs +
                         ", its descriptor " + mine);
  };
  compare("id", text(d->id), *subject.id);
  if (subject.version) compare("version", text(d->version), *subject.version);
  return out;
}

// ---- create ----

std::vector<const char*> missing_functions(const tenon_plugin_api& api) {
  std::vector<const char*> out;
  const auto want = [&](bool there, const char* name) {
    if (!there) out.push_back(name);
  };
  want(api.probe, "probe");
  want(api.estimate, "estimate");
  want(api.prepare, "prepare");
  want(api.load, "load");
  want(api.submit, "submit");
  want(api.unload, "unload");
  want(api.release, "release");
  want(api.destroy, "destroy");
  return out;
}

Verdict create(const Subject& subject) {
  Verdict out;
  const auto* d = open_plugin(subject);
  const ProcessState before = read_process_state();
  FakeHost host(d);
  if (const auto failed = host.create()) return {.faults = {"create failed: " + failed.message}};
  for (const char* name : missing_functions(host.api())) {
    out.faults.push_back(std::string("its table has no ") + name + "()");
  }
  if (!out.faults.empty()) return out;
  append(out.faults, changes(before, read_process_state()));
  if (read_process_state().threads > before.threads) out.faults.push_back("started a thread");
  host.stop();
  append(out.faults, host.violations());
  return out;
}

Verdict newer_host(const Subject& subject) {
  FakeHost host(open_plugin(subject), sizeof(tenon_host_api) + 64);
  if (const auto failed = host.create()) {
    return {.faults = {"refused a host of the next minor: " + failed.message}};
  }
  host.stop();
  return {.faults = host.violations()};
}

// ---- probe and estimate ----

// Folders that no plugin serves: each must be told so, in a sentence.
class HostileFolders {
 public:
  HostileFolders() {
    namespace fs = std::filesystem;
    std::string pattern = fs::temp_directory_path() / "tenon-validate-XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no folder below " + pattern);
    root_ = pattern;
    fs::create_directories(root_ / "empty");
    fs::create_directories(root_ / "garbage");
    for (const char* name :
         {"config.json", "model.safetensors", "tokenizer.json", "MANIFEST.json"}) {
      std::ofstream(root_ / "garbage" / name) << "\x80\xff{\"a\":[[[[" << std::string(4096, '\0');
    }
  }
  ~HostileFolders() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  std::vector<std::string> paths() const {
    return {root_ / "empty", root_ / "garbage", root_ / "missing", root_ / "garbage/config.json"};
  }

 private:
  std::filesystem::path root_;
};

Verdict probe(const Subject& subject) {
  Verdict out;
  FakeHost host(open_plugin(subject));
  if (const auto failed = host.create()) return {.faults = {"create failed: " + failed.message}};
  const HostileFolders hostile;
  auto folders = hostile.paths();
  folders.push_back(subject.model.path);
  for (const auto& folder : folders) {
    const FakeModel model{.path = folder, .name = "model", .options = subject.model.options};
    tenon_probe answer;
    const auto began = std::chrono::steady_clock::now();
    if (const auto failed = host.probe(model, answer)) {
      out.faults.push_back("probe failed instead of answering 0: " + failed.message);
      continue;
    }
    if (std::chrono::steady_clock::now() - began > 2s) out.faults.push_back("probe took over 1 s");
    if (answer.score > 100) out.faults.push_back("probe gave a score above 100");
    if (answer.reason_size > sizeof answer.reason) {
      out.faults.push_back("probe gave a reason longer than its room");
    } else if (answer.reason_size == 0) {
      out.faults.push_back("probe gave no reason");
    }
    tenon_estimate estimate;
    host.estimate(model, estimate);  // may fail, must return
  }
  host.stop();
  append(out.faults, host.violations());
  return out;
}

// ---- load ----

Verdict fork_safe(const Subject& subject) {
  FakeHost host(open_plugin(subject));
  if (const auto failed = host.create()) return {.faults = {"create failed: " + failed.message}};
  if (!(host.api().features & TENON_FEATURE_FORK_SAFE)) {
    return {.skipped = "it does not say FORK_SAFE"};
  }
  Verdict out;
  const unsigned threads = read_process_state().threads;
  expect_started(subject, host.prepare(subject.model), "prepare");
  if (read_process_state().threads > threads) {
    out.faults.push_back("says FORK_SAFE, but prepare started a thread");
  }
  // What follows happens where a replica would be: in a fork.
  static FakeHost* prepared;
  prepared = &host;
  const Check replica{"", "", [](const Subject& s) {
                        Verdict v;
                        expect_started(s, prepared->load(2), "load in a fork");
                        serve_once(*prepared, s, v.faults);
                        prepared->unload();
                        append(v.faults, prepared->violations());
                        return v;
                      }};
  const Verdict of_replica = run_isolated(replica, subject);
  out.skipped = of_replica.skipped;
  append(out.faults, of_replica.faults);
  host.stop();
  return out;
}

Verdict load_cancelled(const Subject& subject) {
  FakeHost host(open_plugin(subject));
  if (const auto failed = host.create()) return {.faults = {"create failed: " + failed.message}};
  expect_started(subject, host.prepare(subject.model), "prepare");
  Verdict out;
  const std::uint32_t cancelled = 1;
  const auto failed = host.load(2, &cancelled);
  if (failed && failed.code != TENON_CANCELLED) {
    out.faults.push_back("a cancelled load ended with another error: " + failed.message);
  }
  host.stop();
  append(out.faults, host.violations());
  return out;
}

// ---- whole lives ----

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0, resident = 0, shared = 0;
  file >> size >> resident >> shared;
  return (resident - shared) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

void live(const Subject& subject, Faults& faults) {
  FakeHost host(open_plugin(subject));
  start(host, subject);
  serve_once(host, subject, faults);
  if (host.drain(~std::uint64_t{0}) != TENON_OK)
    faults.push_back("drain failed with nothing to do");
  host.stop();
  append(faults, host.violations());
}

Verdict life(const Subject& subject) {
  Verdict out;
  open_plugin(subject);
  const ProcessState before = read_process_state();
  live(subject, out.faults);
  append(out.faults, changes(before, read_process_state()));
  return out;
}

Verdict lives(const Subject& subject) {
  Verdict out;
  for (int warm_up = 0; warm_up < 3; ++warm_up) live(subject, out.faults);
  if (!out.faults.empty()) return out;
  const ProcessState before = read_process_state();
  const std::uint64_t memory = resident_bytes();
  for (unsigned i = 0; i < kLives && out.faults.empty(); ++i) live(subject, out.faults);
  append(out.faults, leaks(before, settled_process_state(before.threads)));
  const std::uint64_t now = resident_bytes();
  if (now > memory + kLives * kMostGrowth) {
    out.faults.push_back("holds " + std::to_string((now - memory) / kLives >> 10) +
                         " kB more after each life");
  }
  return out;
}

Verdict silence(const Subject& subject) {
  Verdict out;
  FakeHost host(open_plugin(subject));
  start(host, subject);
  serve_once(host, subject, out.faults);
  host.stop();
  std::this_thread::sleep_for(200ms);  // for those that were forgotten
  append(out.faults, host.violations());
  return out;
}

Verdict health(const Subject& subject) {
  FakeHost host(open_plugin(subject));
  start(host, subject);
  if (!host.api().health) return {.skipped = "it has no health()"};
  Verdict out;
  tenon_error error{};
  error.struct_size = sizeof error;
  if (host.api().health(host.instance(), &error) != TENON_OK) {
    out.faults.push_back(
        "is not well right after load: " +
        std::string(error.message, std::min<std::size_t>(error.message_size, 496)));
  }
  host.stop();
  return out;
}

constexpr std::array<Check, 11> kChecks = {{
    {"descriptor", "its descriptor is whole, and giving it out does nothing else", descriptor},
    {"manifest", "manifest and descriptor agree", manifest},
    {"create", "create() gives a whole table and starts nothing", create},
    {"newer-host", "works with a host of a later minor", newer_host},
    {"probe", "probe() judges any folder, hostile ones too", probe},
    {"fork-safe", "serves in a fork of the process that prepared it", fork_safe},
    {"load-cancel", "a load that nobody waits for ends", load_cancelled},
    {"life", "leaves environment, working directory and signals alone", life},
    {"lives", "leaves no thread, file or memory behind", lives, 120s},
    {"silence", "calls nobody after destroy()", silence},
    {"health", "is well once loaded", health},
}};

}  // namespace

std::span<const Check> life_checks() {
  return kChecks;
}

}  // namespace tenon::validator

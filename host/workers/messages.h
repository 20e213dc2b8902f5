#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/domain/error.h"
#include "host/workers/metric_table.h"
#include "host/workers/replica.h"
#include "host/workers/shared_region.h"

// What the control channel says. Each side reads the other's packets strictly: unknown kinds,
// missing bytes and bytes too many are errors.
namespace tenon::workers::message {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// ---- host → process ----

// The first word: open this plugin. Descriptor: the working directory.
struct Open {
  std::string library;
  std::string identity;               // of the library, when it is pinned
  std::vector<std::string> readable;  // folders for Landlock, the widest that any fork will need
  bool sandbox = true;
  bool sockets = false;
  bool exec = false;
  std::vector<std::string> devices;  // device files, likewise
  std::uint32_t log_level = 0;
};
// To a template: make a process that goes on with the channel in the descriptor.
struct Fork {};
struct Model {
  std::string path;
  std::string name;
  Pairs options;
};
// Become a replica. Descriptors: memory, cache folder, cache channel, one eventfd for each loop.
struct Start {
  Model model;
  Pairs environment;
  std::vector<std::string> readable;
  RegionLayout layout;
  Lease lease;
  std::uint64_t spin_ns = 0;
};
// Say what the model needs, then end.
struct AskEstimate {
  Model model;
  std::vector<std::string> readable;
};
// Say how well the plugin serves the model, then end.
struct AskProbe {
  Model model;
};
struct Ping {};
struct Stop {
  std::uint64_t deadline_ns = 0;
};

using ToProcess = std::variant<Open, Fork, Start, AskEstimate, AskProbe, Ping, Stop>;

// ---- process → host ----

struct Opened {
  std::uint64_t features = 0;
  std::vector<std::string> sandbox;  // parts in force
  std::vector<std::string> missing;  // parts that the kernel lacks, with the reason
};
struct Forked {  // a template's answer; 0: it could not
  std::int32_t pid = 0;
  std::string reason;
};
struct Hello {};  // a forked process lives, its parent is the host
struct Progress {
  double done = 0;
  std::string what;
};
struct Ready {
  std::uint64_t prepare_ns = 0;
  std::uint64_t load_ns = 0;
};
struct Failed {
  Error error;
  std::string stage;
};
struct Log {
  std::uint32_t level = 0;
  RequestId request = 0;
  std::string text;
};
struct Fault {
  Error error;
};
struct Metric {
  MetricDefinition definition;
};
struct Pong {
  std::uint32_t code = 0;  // of health()
  std::string text;
};
struct Estimated {
  Estimate estimate;
};
struct Probed {
  std::uint32_t score = 0;
  std::string reason;
};

using ToHost = std::variant<Opened, Forked, Hello, Progress, Ready, Failed, Log, Fault, Metric,
                            Pong, Estimated, Probed>;

// ---- cache channel ----

struct CacheCall {  // with a descriptor: publish it; without: create one
  std::string name;
};
struct CacheAnswer {
  std::int32_t code = 0;
};

std::string encode(const ToProcess&);
std::string encode(const ToHost&);
std::string encode(const CacheCall&);
std::string encode(const CacheAnswer&);
Result<ToProcess> decode_to_process(std::string_view);
Result<ToHost> decode_to_host(std::string_view);
Result<CacheCall> decode_cache_call(std::string_view);
Result<CacheAnswer> decode_cache_answer(std::string_view);

}  // namespace tenon::workers::message

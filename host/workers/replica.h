#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/domain/cpu_list.h"
#include "host/domain/deployment.h"
#include "host/domain/error.h"
#include "host/domain/host_spec.h"
#include "host/plugins/manifest.h"
#include "host/plugins/runtime_choice.h"

// What the life cycle knows of workers: how to start a replica, hand it requests and end it. The
// same for a worker process and for a plugin inside the host.
namespace tenon::workers {

struct HeaderView {
  std::string_view name;  // lower-case
  std::string_view value;
};

// A request as a replica gets it; everything is borrowed for the call of submit().
struct RequestView {
  std::string_view method;
  std::string_view path;  // below the endpoint
  std::string_view query;
  std::string_view request_id;
  std::span<const HeaderView> headers;  // without credentials
  std::span<const std::byte> body;      // what has arrived, at most kUploadWindow
  bool body_complete = true;
  std::uint64_t credit = 0;       // body bytes of the answer that may come before grant()
  std::uint64_t arrival_ns = 0;   // CLOCK_MONOTONIC
  std::uint64_t deadline_ns = 0;  // 0: none
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
};

// Body bytes of a request that may be under way unconsumed (TENON_UPLOAD_WINDOW).
inline constexpr std::uint64_t kUploadWindow = 262'144;

struct Usage {
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
};

struct Failure {
  enum class Kind : std::uint8_t {
    kAnswered,  // the plugin ended the request with an error
    kDied,      // the replica died or was declared dead
    kProtocol,  // the replica broke a rule of the ABI; it is being ended
  };
  Kind kind = Kind::kAnswered;
  Error error;
};

// One message of an answer, as tenon_response; borrowed for the call.
struct ResponseMessage {
  unsigned status = 0;  // 200…599 in the first message, then 0
  std::span<const HeaderView> headers;
  std::span<const std::byte> body;
  bool final = false;
  Usage usage;                       // with final
  const Failure* failure = nullptr;  // with final only, instead of status and body
};

// Where an answer goes. All calls come on the event loop that submitted, never from inside
// submit().
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  // After a final message nothing follows.
  virtual void on_response(const ResponseMessage&) = 0;
  // The replica consumed this many bytes of the request's body.
  virtual void on_consumed(std::uint64_t bytes) = 0;
};

using RequestId = std::uint64_t;

enum class SubmitError : std::uint8_t {
  kBusy,  // no room in the ring at the moment; the observer's on_room() follows
  kGone,  // not ready, draining or dead
};

class Replica {
 public:
  virtual ~Replica() = default;

  // [event loop `loop`] The sink must live until its final message.
  virtual std::expected<RequestId, SubmitError> submit(unsigned loop, const RequestView&,
                                                       ResponseSink&) = 0;
  // [the submitting loop] False: no room at the moment, nothing was taken; on_room() follows. At
  // most kUploadWindow bytes may be under way unconsumed.
  virtual bool send_body(RequestId, std::span<const std::byte>, bool last) = 0;
  // [the submitting loop] The client took this many bytes of the answer's body.
  virtual void grant(RequestId, std::uint64_t bytes) = 0;
  // [the submitting loop] The sink still gets its final message (from the plugin, or made up when
  // the replica dies).
  virtual void cancel(RequestId) = 0;

  // [control] Refuses new requests, lets open ones finish until the deadline, then ends the
  // replica; the observer's on_gone() follows. Zero ends it at once.
  virtual void stop(milliseconds grace) = 0;

  // [any] Bytes of private memory (proportional set of a worker) as last measured; 0 when unknown.
  virtual std::uint64_t memory_bytes() const = 0;
  // [any] Bytes that it holds on this device of its lease, by its own count; 0 when it never said.
  virtual std::uint64_t device_bytes(std::size_t ordinal) const = 0;
  // [any] Processor time that it has used; 0 when unknown, as inside the host.
  virtual std::chrono::nanoseconds cpu_time() const = 0;
  // [any] Process id; 0 inside the host.
  virtual int pid() const = 0;
};

// Parts of a cold start that the replica itself knows.
struct StartTimes {
  std::chrono::nanoseconds fork{};     // asked for → process runs
  std::chrono::nanoseconds prepare{};  // prepare()
  std::chrono::nanoseconds map{};      // load()
  bool from_template = false;
};

// Why a replica ended.
struct Gone {
  enum class Kind : std::uint8_t { kStopped, kLoadFailed, kDied, kProtocol };
  Kind kind = Kind::kStopped;
  Error error;  // names the plugin and the rule or signal; empty for kStopped
};

// Called on the control loop, in this order: on_progress*, on_ready?, on_gone. on_room comes on the
// event loop that was refused.
class ReplicaObserver {
 public:
  virtual ~ReplicaObserver() = default;
  virtual void on_progress(double done, std::string_view what) = 0;
  virtual void on_ready(const StartTimes&) = 0;
  virtual void on_gone(const Gone&) = 0;
  virtual void on_room(unsigned loop) = 0;
};

// More devices than this have no replica.
inline constexpr std::size_t kMostLeasedDevices = 16;

// A GPU, or a MIG slice of one.
struct LeasedDevice {
  std::string uuid;
  std::string flavor;
  std::uint64_t memory_bytes = 0;  // budget on it
  std::vector<std::string> files;  // what opens it: "/dev/nvidia0"; shared ones not among them
};

// What a replica may use, and nothing beside it.
struct Lease {
  unsigned threads = 1;
  std::uint64_t memory_bytes = 0;     // of the host; 0: not limited
  std::uint64_t estimated_bytes = 0;  // what the limit came from, for messages; 0: nothing
  std::string flavor = "cpu/x86";
  CpuList cpus;  // empty: all that the host may use
  std::vector<LeasedDevice> devices;
};

struct ReplicaSpec {
  std::string deployment;  // for logs and messages
  plugins::Manifest plugin;
  PluginGrant grant;
  Isolation isolation = Isolation::kWorker;
  std::string model_name;
  std::string model_path;
  std::vector<std::pair<std::string, std::string>> options;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> secrets;  // values among them that no log and no message may tell
  Lease lease;
};

struct Estimate {
  std::uint64_t host_bytes = 0;
  std::uint64_t mapped_bytes = 0;
  std::uint64_t device_bytes = 0;  // on each device; 0: not known
  unsigned threads = 0;
};

// A value of a plugin's metric at the moment of the scrape; the deployment's labels are added by
// others.
struct PluginMetric {
  enum class Kind : std::uint8_t { kCounter, kGauge, kHistogram };
  Kind kind = Kind::kCounter;
  std::string name;
  std::string help;
  double value = 0;                    // counter, gauge, histogram's sum
  std::vector<double> bounds;          // histogram: upper bounds …
  std::vector<std::uint64_t> buckets;  // … and counts, one more than bounds
};

// Starts replicas. [control]
class ReplicaLauncher {
 public:
  virtual ~ReplicaLauncher() = default;
  // The replica takes requests after on_ready(). The observer must live until on_gone().
  virtual std::shared_ptr<Replica> launch(const ReplicaSpec&, ReplicaObserver&) = 0;
  // What a plugin says of a model, from a throw-away process; cached by plugin and origin identity.
  // The callback comes on the control loop.
  virtual void estimate(const ReplicaSpec&, std::move_only_function<void(Result<Estimate>)>) = 0;
  // How well a plugin serves a model, in the same way. The score is what the plugin said.
  virtual void probe(const ReplicaSpec&, std::move_only_function<void(Result<plugins::Probe>)>) = 0;
  // [any] A snapshot of the replica's metrics.
  virtual std::vector<PluginMetric> metrics(const Replica&) const = 0;
};

}  // namespace tenon::workers

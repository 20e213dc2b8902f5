#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/domain/draft.h"
#include "host/domain/flavor_rule.h"

namespace tenon {

struct ListenAddress {
  std::string host;  // literal IP address
  std::uint16_t port = 0;
  std::string path = {};  // absolute, of a Unix socket; then there is no host
  bool operator==(const ListenAddress&) const = default;
};
std::string to_string(const ListenAddress&);  // "127.0.0.1:8080", "[::1]:8080", "unix:/run/t.sock"

enum class LogFormat : std::uint8_t { kText, kJson };
enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };

struct HostLimits {
  unsigned replicas = 16;
  std::uint64_t memory = 0;  // bytes for all replicas; 0: three quarters of what the machine has
  unsigned connections = 16'384;
  std::uint64_t body = 1ULL << 30;    // bytes of one request body
  std::uint64_t head = 64 * 1024;     // bytes of one request head
  milliseconds head_timeout{30'000};  // from the first byte to the whole head
  milliseconds idle_timeout{75'000};  // keep-alive connection without a request
  milliseconds io_timeout{60'000};    // a client that neither sends nor takes a byte
  milliseconds drain{30'000};         // after SIGTERM
  unsigned requests_per_key = 0;      // each second; 0: any number
  bool operator==(const HostLimits&) const = default;
};

// Absolute, in PEM.
struct TlsFiles {
  std::string certificate;  // with the chain behind it
  std::string key;
  bool operator==(const TlsFiles&) const = default;
};

// The [host] table.
struct HostSpec {
  std::vector<ListenAddress> listen;
  std::vector<ListenAddress> control_listen;  // empty: `listen` answers for the control API too
  std::optional<TlsFiles> tls;                // of every address but Unix sockets
  std::string workspace = "default";
  std::string data;                      // absolute folder
  std::vector<std::string> plugins;      // absolute folders that hold plugins
  std::vector<std::string> model_roots;  // absolute folders where `file:` origins may point
  std::string location;                  // the [[location]] that this host is; empty: none
  std::vector<std::string> manifests;    // absolute files and folders of further resources
  bool prune = false;                    // what left this file and those is removed
  bool watch = false;                    // these files are followed as they change
  unsigned loops = 0;                    // event loops; 0: one per CPU that the process may use
  HostLimits limits;
  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  std::vector<std::string> cors_origins;  // empty: no CORS answers by the host
  bool operator==(const HostSpec&) const = default;
};

// What an operator grants to a plugin: a [[plugin]] table. Nothing here comes from the plugin.
struct PluginGrant {
  std::string name;
  bool host_isolation = false;  // may run inside the host process
  bool sockets = false;         // a worker of it may open sockets
  bool exec = false;            // … may run programs
  std::string sha256;           // of the library; empty: not pinned
  bool operator==(const PluginGrant&) const = default;
};

// A configuration file, wholly checked.
struct Config {
  std::string file;
  HostSpec host;
  std::vector<PluginGrant> plugins;
  std::vector<FlavorRule> flavors;
  std::vector<Draft> resources;
  bool operator==(const Config&) const = default;
};

}  // namespace tenon

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "host/config/sections.h"
#include "host/domain/code_name.h"
#include "host/domain/nearest.h"

namespace tenon::config {
namespace {

constexpr std::int64_t kMostReplicas = 10'000;
constexpr std::int64_t kMostConnections = 1'000'000;
constexpr std::int64_t kMostLoops = 1'024;
constexpr std::int64_t kMostRequests = 1'000'000;

bool is_address(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(host.contains(':') ? AF_INET6 : AF_INET, host.c_str(), bytes) == 1;
}

// "127.0.0.1:8080" or "[::1]:8080"; nothing for any other text.
std::optional<ListenAddress> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  ListenAddress out{std::string(host), 0};
  if (bracketed != out.host.contains(':') || !is_address(out.host)) return std::nullopt;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return out;
}

// "unix:PATH"
std::optional<ListenAddress> parse_socket(std::string_view text, const Surroundings& surroundings) {
  constexpr std::string_view kScheme = "unix:";
  if (!text.starts_with(kScheme) || text.size() == kScheme.size()) return std::nullopt;
  return ListenAddress{"", 0, surroundings.absolute(std::string(text.substr(kScheme.size())))};
}

// `taken`: addresses of another key, that no address may repeat.
void read_listen(Table& host, std::string_view key, const Surroundings* sockets,
                 const std::vector<ListenAddress>& taken, std::vector<ListenAddress>& out) {
  const auto texts = host.strings(key);
  if (!texts) return;
  out.clear();
  if (texts->empty()) host.problem(host.position(key), fmt::format("'{}' names no address", key));
  for (const auto& [text, at] : *texts) {
    auto address = parse_address(text);
    if (!address && sockets) address = parse_socket(text, *sockets);
    if (!address) {
      host.problem(at,
                   fmt::format("'{}' is no listen address: expected an IP address and a port, "
                               "such as \"127.0.0.1:8080\" or \"[::1]:8080\"{}",
                               text, sockets ? ", or a socket, such as \"unix:tenon.sock\"" : ""));
      continue;
    }
    const bool is_certain = address->port != 0 || !address->path.empty();
    const auto is_in = [&](const std::vector<ListenAddress>& list) {
      return std::ranges::find(list, *address) != list.end();
    };
    if (is_certain && (is_in(out) || is_in(taken))) {
      host.problem(at, fmt::format("'{}' is listed twice", text));
    } else {
      out.push_back(*address);
    }
  }
}

// Absolute folders that must exist.
void read_folders(Table& host, std::string_view key, const Surroundings& surroundings,
                  std::vector<std::string>& out) {
  const auto texts = host.strings(key);
  if (!texts) return;
  out.clear();
  for (const auto& [text, at] : *texts) {
    std::string path = surroundings.absolute(text);
    if (!surroundings.is_folder(path)) {
      host.problem(at, fmt::format("'{}': there is no folder {}", text, path));
    }
    out.push_back(std::move(path));
  }
}

template <class T, class U>
void take(T& field, const std::optional<U>& value) {
  if (value) field = static_cast<T>(*value);
}

// A size or time that may not be zero.
template <class T, class U>
void take_positive(Table& table, std::string_view key, T& field, const std::optional<U>& value) {
  if (!value) return;
  if (*value == U{}) {
    table.problem(table.position(key), fmt::format("'{}' must be more than zero", key));
  } else {
    field = *value;
  }
}

void read_limits(Table& table, HostLimits& limits) {
  take(limits.replicas, table.integer("replicas", 1, kMostReplicas));
  take_positive(table, "memory", limits.memory, table.size("memory"));
  take(limits.connections, table.integer("connections", 1, kMostConnections));
  take_positive(table, "body", limits.body, table.size("body"));
  take_positive(table, "head", limits.head, table.size("head"));
  take_positive(table, "headTimeout", limits.head_timeout, table.duration("headTimeout"));
  take_positive(table, "idleTimeout", limits.idle_timeout, table.duration("idleTimeout"));
  take_positive(table, "ioTimeout", limits.io_timeout, table.duration("ioTimeout"));
  take(limits.drain, table.duration("drain"));
  take(limits.requests_per_key, table.integer("requestsPerSecondPerKey", 0, kMostRequests));
}

// That the files can be used is seen when they are opened: at the start, and as they change.
std::optional<TlsFiles> read_tls(Table& table, const Surroundings& surroundings) {
  const auto certificate = table.required_text("certificate"), key = table.required_text("key");
  if (!certificate || !key) return std::nullopt;
  return TlsFiles{surroundings.absolute(certificate->value), surroundings.absolute(key->value)};
}

void read_logs(Table& table, HostSpec& spec) {
  take(spec.log_format,
       table.one_of<LogFormat>("format", {{"text", LogFormat::kText}, {"json", LogFormat::kJson}}));
  take(spec.log_level, table.one_of<LogLevel>("level", {{"debug", LogLevel::kDebug},
                                                        {"info", LogLevel::kInfo},
                                                        {"warn", LogLevel::kWarn},
                                                        {"error", LogLevel::kError}}));
}

}  // namespace

HostSpec read_host(Table* host, const Surroundings& surroundings) {
  HostSpec spec;
  spec.listen = {{"127.0.0.1", 8080}};
  std::string data = "var/tenon";
  spec.plugins = {surroundings.absolute("plugins")};
  if (host) {
    read_listen(*host, "listen", nullptr, {}, spec.listen);
    read_listen(*host, "controlListen", &surroundings, spec.listen, spec.control_listen);
    if (auto name = host->text("workspace")) {
      spec.workspace = checked_workspace(*host, std::move(name));
    }
    if (const auto found = host->text("data")) {
      if (found->value.empty()) host->problem(found->at, "'data' is empty");
      data = found->value;
    }
    read_folders(*host, "plugins", surroundings, spec.plugins);
    read_folders(*host, "modelRoots", surroundings, spec.model_roots);
    if (const auto texts = host->strings("manifests")) {
      for (const Text& text : *texts) spec.manifests.push_back(surroundings.absolute(text.value));
    }
    take(spec.prune, host->boolean("prune"));
    take(spec.watch, host->boolean("watch"));
    if (const auto location = host->text("location")) spec.location = lower_case(location->value);
    take(spec.loops, host->integer("loops", 1, kMostLoops));
    if (const auto origins = host->strings("corsOrigins")) {
      for (const Text& origin : *origins) spec.cors_origins.push_back(origin.value);
    }
    if (auto limits = host->table("limits")) read_limits(*limits, spec.limits);
    if (auto tls = host->table("tls")) spec.tls = read_tls(*tls, surroundings);
    if (auto logs = host->table("logs")) read_logs(*logs, spec);
    host->later({"cluster", "store", "flavors"});
  }
  spec.data = surroundings.absolute(data);
  return spec;
}

std::vector<PluginGrant> read_grants(Table& root, const std::vector<plugins::Manifest>* manifests) {
  std::vector<std::string_view> ids;
  if (manifests) {
    for (const auto& manifest : *manifests) ids.push_back(manifest.id);
  }
  std::vector<PluginGrant> out;
  for (Table& table : root.tables("plugin")) {
    PluginGrant grant;
    if (const auto name = table.required_text("name")) {
      if (manifests && std::ranges::find(ids, name->value) == ids.end()) {
        table.problem(name->at, fmt::format("there is no plugin '{}'{}", name->value,
                                            did_you_mean(name->value, ids)));
      } else if (std::ranges::find(out, name->value, &PluginGrant::name) != out.end()) {
        table.problem(name->at, fmt::format("a second [[plugin]] named '{}'", name->value));
      }
      grant.name = name->value;
    }
    grant.host_isolation = table.boolean("hostIsolation").value_or(false);
    grant.sockets = table.boolean("sockets").value_or(false);
    grant.exec = table.boolean("exec").value_or(false);
    if (const auto digest = table.text("sha256")) {
      const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
      if (digest->value.size() != 64 || !std::ranges::all_of(digest->value, is_hex)) {
        table.problem(digest->at,
                      "'sha256' must be the library's digest: 64 of 0-9 and a-f, as sha256sum "
                      "prints it");
      }
      grant.sha256 = digest->value;
    }
    out.push_back(std::move(grant));
  }
  return out;
}

}  // namespace tenon::config

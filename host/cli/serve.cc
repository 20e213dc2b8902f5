#include "host/cli/serve.h"

#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "host/cli/options.h"
#include "host/cli/served_host.h"
#include "host/telemetry/log.h"

namespace tenon::cli {
namespace {

// As many connections and replicas as the system allows, not as a login shell does.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int fail_with(std::string_view message, Streams streams) {
  streams.err << "tenon serve: " << message << "\n";
  return kFailed;
}

}  // namespace

int serve(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "serve";
  options_description options;
  options.add_options()("config", value<std::string>())("check", "");
  positional_options_description positional;
  positional.add("config", 1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  if (!parsed->count("config")) return bad_usage(kVerb, "which configuration file?", streams);

  const std::string path = (*parsed)["config"].as<std::string>();
  auto loaded = load(path);
  if (!loaded) {
    streams.err << loaded.error().message << "\n";
    return kBadUsage;
  }
  if (parsed->count("check")) {
    std::size_t resources = 0;
    for (const ResourceFile& file : loaded->files) resources += file.resources.size();
    streams.out << path << ": " << resources << " resources, no errors\n";
    return kOk;
  }

  const HostSpec& host = loaded->config.host;
  log::configure(host.log_format, host.log_level);
  std::error_code error;
  std::filesystem::create_directories(host.data, error);
  if (error)
    return fail_with("cannot make the folder " + host.data + ": " + error.message(), streams);
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);
  auto kept = open_kept(host.data);
  if (!kept) return fail_with(kept.error().message, streams);
  ServedHost served(*std::move(loaded), *std::move(kept));
  if (auto started = served.start(); !started) return fail_with(started.error().message, streams);
  served.run();
  return kOk;
}

}  // namespace tenon::cli

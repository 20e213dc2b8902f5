#include "host/cli/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "host/cli/host_client.h"
#include "host/cli/machine.h"
#include "host/cli/terminal.h"
#include "host/domain/environment.h"

namespace tenon::cli {
namespace {

constexpr std::string_view kVerb = "run";
constexpr unsigned kUsualTimeout = 300;  // seconds without a byte: a cold start may come first

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string type_of_file(const std::string& path) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTypes = {
      {{".json", "application/json"},
       {".txt", "text/plain"},
       {".png", "image/png"},
       {".jpg", "image/jpeg"},
       {".jpeg", "image/jpeg"},
       {".webp", "image/webp"},
       {".wav", "audio/wav"},
       {".mp3", "audio/mpeg"}}};
  const std::string end = std::filesystem::path(path).extension();
  const auto* found = std::ranges::find(kTypes, end, &decltype(kTypes)::value_type::first);
  return std::string(found == kTypes.end() ? "application/octet-stream" : found->second);
}

// "Name: value"
Result<std::pair<std::string, std::string>> parse_header(std::string_view text) {
  const std::size_t colon = text.find(':');
  const bool is_line = text.find_first_of("\r\n") == text.npos;
  if (colon == 0 || colon == text.npos || !is_line) {
    return fail(Code::kInvalid, fmt::format("--header '{}': expected \"Name: value\"", text));
  }
  std::string name(text.substr(0, colon));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  text.remove_prefix(colon + 1);
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return std::pair(std::move(name), std::string(text));
}

// What goes to the model: the body and its type.
Result<void> add_body(const variables_map& options, HttpAsk& ask) {
  const bool has_data = options.count("data") != 0, has_file = options.count("file") != 0;
  if (has_data && has_file) return fail(Code::kInvalid, "--data or --file, not both");
  if (!has_data && !has_file) return {};
  std::string text = options[has_data ? "data" : "file"].as<std::string>();
  std::string type = has_data ? "application/json" : type_of_file(text);
  if (has_file || text.starts_with('@')) {
    auto read = read_file_or_input(has_file ? text : text.substr(1));
    if (!read) return std::unexpected(read.error());
    text = *std::move(read);
  }
  ask.body = std::move(text);
  ask.headers.emplace_back("content-type", std::move(type));
  return {};
}

Result<std::string> endpoint(const variables_map& options) {
  const auto model = options["model"].as<std::string>();
  const auto workspace = options["workspace"].as<std::string>();
  auto path = options.count("path") ? options["path"].as<std::string>() : std::string();
  if (path.find_first_of(" \r\n\t#") != path.npos) {
    return fail(Code::kInvalid, fmt::format("'{}' is no path: expected \"/embed\" or \"/a?b=c\", "
                                            "percent-encoded",
                                            terminal_text(path)));
  }
  if (!path.empty() && !path.starts_with('/') && !path.starts_with('?')) path.insert(0, "/");
  std::string out = target("", {workspace.empty() ? "default" : workspace, "models", model}) + path;
  const auto environment = options["environment"].as<std::string>();
  const std::string query = target("", {}, {{"environment", environment}});
  if (!query.empty()) out += (out.contains('?') ? "&" : "?") + query.substr(1);
  return out;
}

Result<HttpAsk> ask_of(const variables_map& options) {
  if (!options.count("model")) return fail(Code::kInvalid, "which model? MODEL [PATH]");
  auto path = endpoint(options);
  if (!path) return std::unexpected(path.error());
  HttpAsk out = HostClient(options).ask("GET", *std::move(path));
  out.headers.clear();  // the path names the workspace
  out.timeout = std::chrono::seconds(options["timeout"].as<unsigned>());
  if (auto added = add_body(options, out); !added) return std::unexpected(added.error());
  if (!out.headers.empty()) out.method = "POST";
  if (options.count("method")) out.method = options["method"].as<std::string>();
  if (options.count("header")) {
    for (const std::string& text : options["header"].as<std::vector<std::string>>()) {
      auto header = parse_header(text);
      if (!header) return std::unexpected(header.error());
      out.headers.push_back(*std::move(header));
    }
  }
  return out;
}

void show_head(const HttpReply& head, std::ostream& err) {
  err << "HTTP " << head.status << "\n";
  for (const auto& [name, value] : head.headers) {
    err << terminal_text(name) << ": " << terminal_text(value) << "\n";
  }
  err << "\n";
}

std::string header_of(const HttpReply& reply, std::string_view name) {
  for (const auto& [key, value] : reply.headers) {
    if (std::ranges::equal(key, name, {},
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); })) {
      return terminal_text(value);
    }
  }
  return {};
}

// The host's words where the answer is its own, else the model's as they are.
int tell_failure(HttpReply reply, std::string body, Streams streams) {
  reply.body = std::move(body);
  const bool is_hosts = reply.body.starts_with("{\"error\":{");
  if (is_hosts || reply.body.empty()) {
    streams.err << fmt::format("tenon run: {}: {}\n", reply.status, refusal_text(reply));
  } else {
    streams.err << fmt::format("tenon run: the model answered {}\n", reply.status);
    streams.out << reply.body;
  }
  if (const std::string after = header_of(reply, "retry-after"); !after.empty()) {
    streams.err << "tenon run: try again after " << after << " s\n";
  }
  return exit_status(reply.status);
}

int send(const HttpAsk& ask, bool with_head, Streams streams) {
  std::string refused;
  bool headed = !with_head;
  char last = '\n';
  const auto reply = http_stream(ask, [&](const HttpReply& head, std::string_view piece) {
    if (!std::exchange(headed, true)) show_head(head, streams.err);
    if (exit_status(head.status) != kOk) {
      refused += piece;
      return;
    }
    streams.out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    streams.out.flush();
    last = piece.back();
  });
  if (!reply) return tell_error(kVerb, reply.error(), streams);
  if (!headed) show_head(*reply, streams.err);
  if (exit_status(reply->status) != kOk) return tell_failure(*reply, std::move(refused), streams);
  if (last != '\n' && ::isatty(STDOUT_FILENO)) streams.out << "\n";
  return kOk;
}

}  // namespace

int run_model(const Arguments& words, Streams streams) {
  options_description options;
  add_host_options(options);
  options.add_options()("model", value<std::string>())("path", value<std::string>())(
      "environment,e", value<std::string>()->default_value(""))("data,d", value<std::string>())(
      "file,F", value<std::string>())("method,X", value<std::string>())(
      "header,H", value<std::vector<std::string>>())("show-headers,i", "")(
      "timeout", value<unsigned>()->default_value(kUsualTimeout));
  positional_options_description positional;
  positional.add("model", 1).add("path", 1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return bad_usage(kVerb, parsed.error().message, streams);
  const auto ask = ask_of(*parsed);
  if (!ask) return bad_usage(kVerb, ask.error().message, streams);
  return send(*ask, parsed->count("show-headers") != 0, streams);
}

}  // namespace tenon::cli

#include "host/cli/host_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "host/cli/machine.h"
#include "host/cli/terminal.h"

namespace tenon::cli {
namespace {

constexpr std::chrono::seconds kTimeout{30};

std::string encoded(std::string_view text) {
  return boost::urls::encode(text, boost::urls::unreserved_chars);
}

// The first line of a file; the program's options are wrong when there is none.
std::string key_in(const std::string& path) {
  auto text = read_file(path);
  if (!text) throw boost::program_options::error(text.error().message);
  text->resize(std::min(text->find_first_of("\r\n"), text->size()));
  return *std::move(text);
}

void tell_lines(std::string_view verb, std::string_view text, std::ostream& err) {
  for (;;) {
    const std::size_t end = text.find('\n');
    err << fmt::format("tenon {}: {}\n", verb, text.substr(0, end));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

void add_host_options(options_description& options) {
  options.add_options()("api", value<std::string>()->default_value(usual_host()))(
      "api-key", value<std::string>()->default_value(key_of_environment(), ""))(
      "key-file", value<std::string>()->notifier([](const std::string& path) { key_in(path); }))(
      "workspace,w", value<std::string>()->default_value(""))(
      "ca-file", value<std::string>()->default_value(ca_file_of_environment(), ""))("insecure", "");
}

HostClient::HostClient(const variables_map& options)
    : base_(options["api"].as<std::string>()),
      key_(options["api-key"].as<std::string>()),
      workspace_(options["workspace"].as<std::string>()),
      trust_{options["ca-file"].as<std::string>(), options.count("insecure") != 0} {
  if (options.count("key-file")) key_ = key_in(options["key-file"].as<std::string>());
}

HttpAsk HostClient::ask(std::string_view method, std::string path) const {
  HttpAsk out{.base = base_,
              .method = std::string(method),
              .path = std::move(path),
              .key = key_,
              .timeout = kTimeout,
              .trust = trust_};
  if (!workspace_.empty()) out.headers.emplace_back("x-tenon-workspace", workspace_);
  // A host without keys takes writes as JSON only: a web page could not send them.
  if (method != "GET") out.headers.emplace_back("content-type", "application/json");
  return out;
}

Result<HttpReply> HostClient::send(std::string_view method, std::string path,
                                   std::string body) const {
  HttpAsk out = ask(method, std::move(path));
  out.body = std::move(body);
  return http_send(out);
}

HostClient HostClient::in(const std::string& workspace) const {
  HostClient out = *this;
  if (!workspace.empty()) out.workspace_ = workspace;
  return out;
}

std::string target(std::string_view path, const std::vector<std::string>& parts,
                   const std::vector<std::pair<std::string_view, std::string>>& query) {
  std::string out(path);
  for (const std::string& part : parts) out += "/" + encoded(part);
  char mark = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    out += fmt::format("{}{}={}", mark, name, encoded(value));
    mark = '&';
  }
  return out;
}

std::string refusal_text(const HttpReply& reply) {
  boost::system::error_code error;
  const auto body = boost::json::parse(reply.body, error);
  const auto* message = error ? nullptr : body.find_pointer("/error/message", error);
  if (!message || !message->is_string()) {
    return fmt::format("the host answered {}: is it a Tenon host?", reply.status);
  }
  std::string out;
  std::string_view rest(message->get_string());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    out += (out.empty() ? "" : "\n") + terminal_text(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (reply.status == 401) out += "\na key is given by TENON_API_KEY, --key-file or --api-key";
  return out;
}

int exit_status(unsigned http_status) {
  return http_status < 400 ? kOk : http_status < 500 ? kRefused : kHostFailed;
}

int tell_refusal(std::string_view verb, const HttpReply& reply, Streams streams) {
  tell_lines(verb, refusal_text(reply), streams.err);
  const int status = exit_status(reply.status);
  return status == kOk ? kFailed : status;
}

int tell_error(std::string_view verb, const Error& error, Streams streams) {
  if (error.code == Code::kInvalid) return bad_usage(verb, error.message, streams);
  tell_lines(verb, terminal_text(error.message), streams.err);
  return kFailed;
}

}  // namespace tenon::cli

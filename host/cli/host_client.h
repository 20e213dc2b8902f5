#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cli/http_client.h"
#include "host/cli/options.h"

namespace tenon::cli {

// Adds --api, --api-key, --key-file, --ca-file, --insecure and --workspace: what every verb takes
// that asks a host.
void add_host_options(options_description&);

// The host that a command line means, with the key and the workspace to ask with. Values only.
class HostClient {
 public:
  explicit HostClient(const variables_map&);

  // The request as far as the host decides it; the caller adds body and headers.
  HttpAsk ask(std::string_view method, std::string path) const;
  // The answer, whatever its status; an error when there is none.
  Result<HttpReply> send(std::string_view method, std::string path, std::string body = {}) const;

  // The same host, asked about another workspace; "": about this one.
  HostClient in(const std::string& workspace) const;

  const std::string& workspace() const { return workspace_; }  // "": the host's own

 private:
  std::string base_, key_, workspace_;
  Trust trust_;
};

// "/v0/models/minilm?environment=production": parts and values percent-encoded. A parameter without
// a value is left out.
std::string target(std::string_view path, const std::vector<std::string>& parts = {},
                   const std::vector<std::pair<std::string_view, std::string>>& query = {});

// Why an answer is none of success: the host's words, one line for each mistake, fit for a
// terminal.
std::string refusal_text(const HttpReply&);

// What a program ends with after this answer.
int exit_status(unsigned http_status);

// "tenon VERB: …" for each line; the exit status.
int tell_refusal(std::string_view verb, const HttpReply&, Streams);
int tell_error(std::string_view verb, const Error&, Streams);

}  // namespace tenon::cli

#include "host/cli/keys_commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "host/cli/host_client.h"
#include "host/cli/keys_desk.h"
#include "host/cli/listing.h"
#include "host/cli/output.h"

namespace tenon::cli {
namespace {

namespace json = boost::json;

int tell_fault(std::string_view verb, const KeyDesk::Fault& fault, Streams streams) {
  tell_error(verb, fault, streams);
  return fault.status;
}

// A new file that only its owner may read, made before there is a key to lose. Removed again unless
// a secret was written.
class SecretFile {
 public:
  static Result<SecretFile> make(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed("make", path);
    return SecretFile(path, fd);
  }
  SecretFile(SecretFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  SecretFile& operator=(SecretFile&&) = delete;
  ~SecretFile() {
    if (fd_ < 0) return;
    ::close(fd_);
    ::unlink(path_.c_str());
  }

  Result<void> write(const std::string& secret) {
    const std::string line = secret + "\n";
    const auto size = static_cast<ssize_t>(line.size());
    if (::write(fd_, line.data(), line.size()) != size || ::fsync(fd_) != 0) {
      return failed("write", path_);
    }
    ::close(std::exchange(fd_, -1));
    return {};
  }

 private:
  SecretFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  static std::unexpected<Error> failed(std::string_view what, const std::string& path) {
    return fail(Code::kUnavailable,
                fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
  }

  std::string path_;
  int fd_;
};

int create_at(KeyDesk& desk, const json::object& wish, SecretFile* file, Streams streams) {
  constexpr std::string_view kVerb = "keys create";
  const auto made = desk.create(wish);
  if (!made) return tell_fault(kVerb, made.error(), streams);
  const std::string id = text_at(*made, "/id"), key = text_at(*made, "/key");
  if (!file) {
    streams.out << key << "\n";
    streams.err << "key " << id << ": shown this once, keep it\n";
    return kOk;
  }
  if (const auto written = file->write(key); !written) {
    std::ignore = desk.remove(id);  // nobody has it
    return tell_error(kVerb, written.error(), streams);
  }
  streams.err << "made key " << id << "\n";
  return kOk;
}

}  // namespace

int keys_create(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "keys create";
  options_description options;
  add_desk_options(options);
  options.add_options()("role", value<std::string>())("name", value<std::string>())(
      "expires", value<std::string>())("rate", value<std::string>())("out", value<std::string>());
  const auto given = parse_options(words, options);
  if (!given) return bad_usage(kVerb, given.error().message, streams);
  if (!given->count("role")) return bad_usage(kVerb, "--role admin, member or invoke?", streams);
  json::object wish{{"role", (*given)["role"].as<std::string>()},
                    {"workspace", (*given)["workspace"].as<std::string>()}};
  if (given->count("name")) wish["name"] = (*given)["name"].as<std::string>();
  if (given->count("expires")) wish["expiresIn"] = (*given)["expires"].as<std::string>();
  if (given->count("rate")) wish["rate"] = (*given)["rate"].as<std::string>();
  const auto desk = open_desk(*given);
  if (!desk) return tell_error(kVerb, desk.error(), streams);
  if (!given->count("out")) return create_at(**desk, wish, nullptr, streams);
  auto file = SecretFile::make((*given)["out"].as<std::string>());
  if (!file) return tell_error(kVerb, file.error(), streams);
  return create_at(**desk, wish, &*file, streams);
}

int keys_list(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "keys list";
  options_description options;
  add_desk_options(options);
  add_output_option(options);
  const auto given = parse_options(words, options);
  if (!given) return bad_usage(kVerb, given.error().message, streams);
  const auto form = output_form(*given);
  if (!form) return bad_usage(kVerb, form.error().message, streams);
  const auto desk = open_desk(*given);
  if (!desk) return tell_error(kVerb, desk.error(), streams);
  const auto all = (*desk)->list();
  if (!all) return tell_fault(kVerb, all.error(), streams);
  if (*form != Form::kTable) {
    streams.out << in_form(*form, *all);
    return kOk;
  }
  const json::value* items = json_at(*all, "/items");
  if (!items || !items->is_array()) {
    return tell_error(kVerb, {Code::kUnavailable, "the answer is no list of keys"}, streams);
  }
  const Listing& keys = **find_listing("keys");
  std::vector<std::vector<std::string>> rows = {heads(keys)};
  for (const json::value& key : items->get_array()) rows.push_back(row(keys, key));
  print_table(streams.out, rows);
  return kOk;
}

int keys_delete(const Arguments& words, Streams streams) {
  constexpr std::string_view kVerb = "keys delete";
  options_description options;
  add_desk_options(options);
  options.add_options()("id", value<std::string>());
  positional_options_description positional;
  positional.add("id", 1);
  const auto given = parse_options(words, options, positional);
  if (!given) return bad_usage(kVerb, given.error().message, streams);
  if (!given->count("id")) {
    return bad_usage(kVerb, "which key? `tenon keys list` shows ids", streams);
  }
  const std::string id = (*given)["id"].as<std::string>();
  const auto desk = open_desk(*given);
  if (!desk) return tell_error(kVerb, desk.error(), streams);
  if (const auto removed = (*desk)->remove(id); !removed) {
    return tell_fault(kVerb, removed.error(), streams);
  }
  streams.err << "deleted key " << id << "\n";
  return kOk;
}

}  // namespace tenon::cli

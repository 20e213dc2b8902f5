#include "host/cli/backup.h"

#include <filesystem>

#include "host/cli/options.h"
#include "host/store/backup.h"

namespace tenon::cli {
namespace {

struct Files {
  std::string copy, store;
};

// The file that is named, and the store of the data folder.
Result<Files> read(const Arguments& words) {
  options_description options;
  options.add_options()("file", value<std::string>())(
      "data", value<std::string>()->default_value("var/tenon"));
  positional_options_description positional;
  positional.add("file", 1);
  const auto parsed = parse_options(words, options, positional);
  if (!parsed) return std::unexpected(parsed.error());
  if (!parsed->count("file")) return fail(Code::kInvalid, "which file?");
  return Files{(*parsed)["file"].as<std::string>(),
               std::filesystem::path((*parsed)["data"].as<std::string>()) / "tenon.db"};
}

int end(std::string_view verb, const Result<void>& done, std::string_view said, Streams streams) {
  if (done) {
    streams.out << said << "\n";
    return kOk;
  }
  streams.err << "tenon " << verb << ": " << done.error().message << "\n";
  return kFailed;
}

}  // namespace

int backup(const Arguments& words, Streams streams) {
  const auto files = read(words);
  if (!files) return bad_usage("backup", files.error().message, streams);
  return end("backup", store::backup(files->store, files->copy),
             files->store + " copied to " + files->copy + ", and checked", streams);
}

int restore(const Arguments& words, Streams streams) {
  const auto files = read(words);
  if (!files) return bad_usage("restore", files.error().message, streams);
  return end("restore", store::restore(files->copy, files->store),
             files->store + " restored from " + files->copy + "; what was there before is " +
                 files->store + ".before-restore",
             streams);
}

}  // namespace tenon::cli

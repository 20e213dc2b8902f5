// tenon-validate: holds a plugin against the rules of tenon/plugin.h.

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <boost/program_options.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "sdk/validator/check.h"

namespace {

using namespace tenon::validator;
namespace po = boost::program_options;
namespace json = boost::json;

constexpr int kPassed = 0, kBroken = 1, kUsage = 2;

struct Wanted {
  Subject subject;
  std::vector<std::string> only;
  bool as_json = false;
};

po::options_description described() {
  po::options_description out("tenon-validate [options] LIBRARY.so");
  const auto many = [] { return po::value<std::vector<std::string>>()->composing(); };
  auto add = out.add_options();
  add("help,h", "this text");
  add("model", po::value<std::string>(),
      "a model folder that it serves; an empty one if none is given");
  add("option", many(), "NAME=VALUE of the plugin's options, again for each");
  add("request", many(), "'METHOD /path body' that it understands, again for each");
  add("id", po::value<std::string>(), "as its manifest says");
  add("version", po::value<std::string>(), "as its manifest says");
  add("only", many(), "a check by its name, again for each");
  add("seed", po::value<std::uint64_t>()->default_value(1), "of the fuzz check");
  add("fuzz-steps", po::value<unsigned>()->default_value(2'000), "of the fuzz check");
  add("patience", po::value<unsigned>()->default_value(10), "seconds, with one answer");
  add("json", "the result as JSON");
  add("library", po::value<std::string>(), "");
  return out;
}

// 'POST /embed {"inputs": "x"}'
FakeRequest parse_request(const std::string& text) {
  const auto method_end = text.find(' ');
  if (method_end == std::string::npos || text.substr(method_end + 1, 1) != "/") {
    throw std::runtime_error("'" + text + "' is no request; expected 'METHOD /path body'");
  }
  const auto path_end = std::min(text.find(' ', method_end + 1), text.size());
  FakeRequest out{.method = text.substr(0, method_end),
                  .path = text.substr(method_end + 1, path_end - method_end - 1),
                  .body = text.substr(std::min(path_end + 1, text.size()))};
  if (!out.body.empty()) out.headers = {{"content-type", "application/json"}};
  return out;
}

// Not knowing what it serves: an answer of 404 is an answer, too.
std::vector<FakeRequest> common_requests() {
  return {parse_request(R"(POST / {"inputs": "What is deep learning?"})"), parse_request("GET /"),
          parse_request("GET /health"), parse_request("POST /no/such/path x")};
}

Wanted read_options(const po::variables_map& given) {
  const auto list = [&](const char* name) {
    return given.count(name) ? given[name].as<std::vector<std::string>>()
                             : std::vector<std::string>();
  };
  const auto text = [&](const char* name) -> std::optional<std::string> {
    if (!given.count(name)) return std::nullopt;
    return given[name].as<std::string>();
  };
  Wanted out;
  Subject& subject = out.subject;
  subject.library =
      std::filesystem::absolute(given["library"].as<std::string>()).lexically_normal();
  subject.id = text("id");
  subject.version = text("version");
  if (const auto model = text("model")) {
    if (!std::filesystem::is_directory(*model)) throw std::runtime_error(*model + " is no folder");
    subject.model.path = std::filesystem::canonical(*model);
    subject.model_given = true;
  }
  for (const auto& option : list("option")) {
    const auto equals = option.find('=');
    if (equals == std::string::npos) {
      throw std::runtime_error("'" + option + "' is no option; expected NAME=VALUE");
    }
    subject.model.options.emplace_back(option.substr(0, equals), option.substr(equals + 1));
  }
  for (const auto& request : list("request")) subject.requests.push_back(parse_request(request));
  if (subject.requests.empty()) subject.requests = common_requests();
  subject.seed = given["seed"].as<std::uint64_t>();
  subject.fuzz_steps = given["fuzz-steps"].as<unsigned>();
  subject.patience = std::chrono::seconds(given["patience"].as<unsigned>());
  out.only = list("only");
  out.as_json = given.count("json") != 0;
  return out;
}

std::vector<Check> chosen(const std::vector<std::string>& only) {
  std::vector<Check> all;
  for (const auto& list : {library_checks(), life_checks(), request_checks(), fuzz_checks()}) {
    all.insert(all.end(), list.begin(), list.end());
  }
  for (const auto& name : only) {
    if (std::ranges::find(all, name, &Check::name) == all.end()) {
      throw std::runtime_error("there is no check '" + name + "'");
    }
  }
  if (!only.empty()) {
    std::erase_if(all,
                  [&](const Check& c) { return std::ranges::find(only, c.name) == only.end(); });
  }
  return all;
}

const char* word_for(const Verdict& verdict) {
  if (!verdict.faults.empty()) return "FAIL";
  return verdict.skipped.empty() ? "ok" : "skip";
}

void print(const Check& check, const Verdict& verdict) {
  std::string name(check.name);
  name.resize(std::max<std::size_t>(name.size(), 16), ' ');
  std::string word = word_for(verdict);
  word.resize(4, ' ');
  std::cout << "  " << word << "  " << name << ' '
            << (verdict.skipped.empty() ? check.rule : verdict.skipped) << '\n';
  for (const auto& fault : verdict.faults) std::cout << "        " << fault << '\n';
  std::cout << std::flush;
}

json::object as_json(const Check& check, const Verdict& verdict) {
  json::object out{{"check", check.name}, {"result", word_for(verdict)}, {"rule", check.rule}};
  if (!verdict.faults.empty()) out["faults"] = json::value_from(verdict.faults);
  if (!verdict.skipped.empty()) out["reason"] = verdict.skipped;
  return out;
}

int validate(const Wanted& wanted) {
  unsigned failed = 0, skipped = 0;
  json::array results;
  const auto checks = chosen(wanted.only);
  if (!wanted.as_json) std::cout << wanted.subject.library << std::endl;  // not again in a fork
  for (const Check& check : checks) {
    const Verdict verdict = run_isolated(check, wanted.subject);
    failed += !verdict.faults.empty();
    skipped += verdict.faults.empty() && !verdict.skipped.empty();
    if (wanted.as_json) {
      results.push_back(as_json(check, verdict));
    } else {
      print(check, verdict);
    }
  }
  if (wanted.as_json) {
    std::cout << json::object{{"library", wanted.subject.library},
                              {"abi", std::to_string(TENON_ABI_MAJOR) + "." +
                                          std::to_string(TENON_ABI_MINOR)},
                              {"seed", wanted.subject.seed},
                              {"passed", failed == 0},
                              {"checks", results}}
              << '\n';
  } else {
    std::cout << checks.size() << " checks: " << checks.size() - failed - skipped << " passed, "
              << failed << " failed, " << skipped << " skipped (seed " << wanted.subject.seed
              << ")\n";
  }
  return failed == 0 ? kPassed : kBroken;
}

// Gone with its owner.
class EmptyFolder {
 public:
  EmptyFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "tenon-model-XXXXXX";
    if (!mkdtemp(pattern.data())) throw std::runtime_error("no folder below " + pattern);
    path_ = pattern;
  }
  ~EmptyFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  EmptyFolder(const EmptyFolder&) = delete;
  EmptyFolder& operator=(const EmptyFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    const auto options = described();
    po::positional_options_description positional;
    positional.add("library", 1);
    po::variables_map given;
    po::store(po::command_line_parser(argc, argv).options(options).positional(positional).run(),
              given);
    if (given.count("help")) {
      std::cout << options;
      return kPassed;
    }
    if (!given.count("library")) throw std::runtime_error("which library?");
    Wanted wanted = read_options(given);
    const EmptyFolder empty;
    if (!given.count("model")) wanted.subject.model.path = empty.path();
    return validate(wanted);
  } catch (const std::exception& error) {
    std::cerr << "tenon-validate: " << error.what() << '\n';
    return kUsage;
  }
}

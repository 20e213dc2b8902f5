#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/validator/fake_host.h"

namespace tenon::validator {

// What is validated, and with what.
struct Subject {
  std::string library;                     // absolute path
  std::optional<std::string> id, version;  // as the manifest says
  FakeModel model;
  bool model_given = false;           // else its folder is empty
  std::vector<FakeRequest> requests;  // not empty
  std::uint64_t seed = 1;
  unsigned fuzz_steps = 2'000;
  std::chrono::milliseconds patience{10'000};  // with one answer
};

struct Verdict {
  std::vector<std::string> faults = {};  // sentences
  std::string skipped = {};              // why there is nothing to check
};

// One rule of tenon/plugin.h. Runs in a process of its own, which the plugin may crash, hang or
// leave.
struct Check {
  std::string_view name;
  std::string_view rule;
  Verdict (*run)(const Subject&);
  std::chrono::seconds limit{30};
};

// In this order.
std::span<const Check> library_checks();  // what can be seen without opening it
std::span<const Check> life_checks();     // from the descriptor to destroy
std::span<const Check> request_checks();  // what is asked and answered
std::span<const Check> fuzz_checks();     // all at once, at random

// Adds what the process and the messages that come out of it tell: a signal, an exit, a hang, text
// on stdout or stderr.
Verdict run_isolated(const Check&, const Subject&);

// ---- for the checks; what keeps a check from going on is thrown, and becomes its verdict ----

// The plugin's descriptor, as the library gives it out.
const tenon_plugin_descriptor* open_plugin(const Subject&);
// A failure to prepare or load. Without a model it is no fault: few plugins serve an empty folder.
void expect_started(const Subject&, const FakeFailure&, const std::string& what);
// create, prepare and load.
void start(FakeHost&, const Subject&);

}  // namespace tenon::validator

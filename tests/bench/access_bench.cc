// What it costs to tell who sends a request, beside a host that does not ask.

#include <benchmark/benchmark.h>

#include <chrono>
#include <string>

#include "host/access/access.h"
#include "host/access/rules.h"

namespace tenon::access {
namespace {

struct Setup {
  explicit Setup(int keys) {
    std::vector<Grant> grants;
    for (int i = 0; i < keys; ++i) {
      Grant grant;
      grant.caller.id = "k" + std::to_string(i);
      secret = make_secret(system_random());
      grant.secret = digest_of(secret);
      grants.push_back(std::move(grant));
    }
    if (keys != 0) access.set(std::move(grants), true);
    access.set_rate(1'000'000'000);
    if (keys != 0) token = access.issue_token("k0", now())->text;
  }
  static Now now() { return {std::chrono::system_clock::now(), 1}; }

  Access access{digest_of("secret")};
  std::string secret, token;
};

void ask(benchmark::State& state, const Setup& setup, const std::string& value) {
  std::uint64_t steady = 1;
  for (auto _ : state) {
    CredentialReader reader;
    reader.add("authorization", value);
    const auto caller =
        setup.access.identify(reader.found(), {std::chrono::system_clock::now(), steady += 1000});
    if (!caller || !allowed(**caller, Act::kInvoke, "default")) state.SkipWithError("refused");
  }
}

void open_host(benchmark::State& state) {
  ask(state, Setup(0), "Bearer x");
}
void by_key(benchmark::State& state) {
  const Setup setup(static_cast<int>(state.range(0)));
  ask(state, setup, "Bearer " + setup.secret);
}
void by_token(benchmark::State& state) {
  const Setup setup(100);
  ask(state, setup, "Bearer " + setup.token);
}

BENCHMARK(open_host);
BENCHMARK(by_key)->Arg(1)->Arg(10'000);
BENCHMARK(by_token);

}  // namespace
}  // namespace tenon::access

BENCHMARK_MAIN();

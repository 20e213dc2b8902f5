#include "host/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/host/config/fake_surroundings.h"

namespace tenon::config {
namespace {

using testing::ElementsAre;

constexpr const char* kEcho =
    "[[deployment]]\nmodel = 'echo'\nruntime = 'echo'\norigin = 'file:samples/echo'\n";

Config read(const std::string& text) {
  FakeSurroundings machine;
  auto config = read_config(text, "f.toml", machine);
  if (!config) {
    ADD_FAILURE() << config.error().text();
    return {};
  }
  return *config;
}

std::string problems_of(const std::string& text) {
  FakeSurroundings machine;
  const auto config = read_config(text, "f.toml", machine);
  return config ? "" : config.error().text();
}

const DeploymentSpec& deployment(const Config& config, std::size_t index = 0) {
  return std::get<DeploymentSpec>(config.resources.at(index).spec);
}

std::string file(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Config, TheSmallestFileHasAllDefaults) {
  const Config config = read(kEcho);
  EXPECT_EQ(config.file, "f.toml");
  EXPECT_EQ(config.host.listen, (std::vector<ListenAddress>{{"127.0.0.1", 8080}}));
  EXPECT_EQ(config.host.workspace, "default");
  EXPECT_EQ(config.host.data, "/work-folder/var/tenon");
  EXPECT_THAT(config.host.plugins, ElementsAre("/work-folder/plugins"));
  EXPECT_EQ(config.host.limits, HostLimits{});
  ASSERT_EQ(config.resources.size(), 1u);
  const DeploymentSpec& spec = deployment(config);
  EXPECT_EQ(to_string(spec.key), "default/echo@production");
  EXPECT_EQ(spec.runtime, "echo");
  EXPECT_EQ(spec.model_path, "/work-folder/samples/echo");
  EXPECT_EQ(spec.isolation, Isolation::kWorker);
  EXPECT_EQ(spec.scale, Scale{});
  EXPECT_EQ(spec.limits, DeploymentLimits{});
  EXPECT_TRUE(spec.enabled);
  EXPECT_THAT(spec.given, ElementsAre());
}

TEST(Config, EveryKeyArrives) {
  const Config config = read(R"(
[host]
listen = ["127.0.0.2:0", "[::1]:9000"]
workspace = "team"
data = "/data"
plugins = ["plugins", "/models"]
modelRoots = ["/models"]
corsOrigins = ["https://a.example"]
loops = 3
[host.limits]
replicas = 5
memory = "2GB"
connections = 100
body = "1MiB"
head = "8KiB"
headTimeout = "1s"
idleTimeout = "2s"
ioTimeout = "3s"
drain = "0s"
[host.logs]
format = "json"
level = "debug"
[[plugin]]
name = "echo"
hostIsolation = true
sockets = true
exec = true
sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
[[deployment]]
model = "m"
environment = "development"
runtime = "echo"
origin = "file:/models"
flavors = ["cpu/x86"]
isolation = "host"
[deployment.scale]
minReplicas = 1
maxReplicas = 3
metric = "rps"
target = 4
scaleUpMinimum = 2
lastReplicaRetention = "5s"
scaleDownDelay = "6s"
stableWindow = "30s"
[deployment.limits]
maxWait = "7s"
queue = 8
loadTimeout = "9s"
answerTimeout = "7s"
memory = "2GiB"
[deployment.options]
pooling = "cls"
rate = 2
prefix = "x"
[deployment.env]
A_B = "c"
)");
  Config want;
  want.file = "f.toml";
  want.host.listen = {{"127.0.0.2", 0}, {"::1", 9000}};
  want.host.workspace = "team";
  want.host.data = "/data";
  want.host.plugins = {"/work-folder/plugins", "/models"};
  want.host.model_roots = {"/models"};
  want.host.cors_origins = {"https://a.example"};
  want.host.loops = 3;
  want.host.limits.replicas = 5;
  want.host.limits.memory = 2'000'000'000;
  want.host.limits.connections = 100;
  want.host.limits.body = 1 << 20;
  want.host.limits.head = 8192;
  want.host.limits.head_timeout = milliseconds(1000);
  want.host.limits.idle_timeout = milliseconds(2000);
  want.host.limits.io_timeout = milliseconds(3000);
  want.host.limits.drain = milliseconds(0);
  want.host.log_format = LogFormat::kJson;
  want.host.log_level = LogLevel::kDebug;
  want.plugins = {{"echo", true, true, true,
                   "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}};
  DeploymentSpec spec;
  spec.key = {"team", "m", "development"};
  spec.runtime = "echo";
  spec.model_path = "/models";
  spec.flavors = {"cpu/x86"};
  spec.isolation = Isolation::kHost;
  spec.scale = {.min_replicas = 1,
                .max_replicas = 3,
                .metric = ScaleMetric::kRps,
                .target = 4,
                .scale_up_minimum = 2,
                .last_replica_retention = milliseconds(5000),
                .scale_down_delay = milliseconds(6000),
                .stable_window = milliseconds(30'000)};
  spec.limits = {milliseconds(7000), 8, milliseconds(9000), milliseconds(7000), 2ULL << 30};
  spec.given = {{"prefix", ValueType::kString, "x"},
                {"rate", ValueType::kInteger, "2"},
                {"pooling", ValueType::kString, "cls"}};
  spec.environment = {{"A_B", "c"}};
  want.resources = {{{Kind::kDeployment, "team", "m", "development"}, {}, spec}};
  EXPECT_EQ(config, want);
}

TEST(Config, AllErrorsOfAFileComeAtOnceInItsOrder) {
  EXPECT_EQ(
      problems_of(R"([host]
listen = ["localhost:80", "127.0.0.1:99999"]
workspace = "v0"
port = 80
plugins = ["plugin"]
[host.limits]
replicas = 0
memory = "0B"
drain = 5
[[deployment]]
modle = "x"
runtime = "ecko"
origin = "file:models/none"
[deployment.scale]
max_replicas = 2
minReplicas = 2
)"),
      R"(f.toml:2:11: 'localhost:80' is no listen address: expected an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080"
f.toml:2:27: '127.0.0.1:99999' is no listen address: expected an IP address and a port, such as "127.0.0.1:8080" or "[::1]:8080"
f.toml:3:13: 'v0' is no workspace name: the host keeps /v0 for itself
f.toml:4:1: unknown key 'port' in [host]; known keys: controlListen, corsOrigins, data, limits, listen, location, logs, loops, manifests, modelRoots, plugins, prune, tls, watch, workspace
f.toml:5:12: 'plugin': there is no folder /work-folder/plugin
f.toml:7:12: 'replicas' must be from 1 to 10000, found 0
f.toml:8:10: 'memory' must be more than zero
f.toml:9:9: 'drain' must be a duration in quotes, such as "30s", found an integer
f.toml:10:1: 'model' is missing in [[deployment]]
f.toml:11:1: unknown key 'modle' in [[deployment]]; did you mean 'model'?
f.toml:12:11: there is no runtime 'ecko'; did you mean 'echo'?
f.toml:13:10: 'file:models/none': there is no folder /work-folder/models/none
f.toml:15:1: unknown key 'max_replicas' in [deployment.scale]; did you mean 'maxReplicas'?
f.toml:16:15: 'minReplicas' is 2, more than 'maxReplicas', which is 1)");
}

struct Wrong {
  const char* text;     // after kEcho, whose four lines it continues
  const char* message;  // with its position
};

class WrongConfig : public testing::TestWithParam<Wrong> {};

TEST_P(WrongConfig, SaysWhereAndWhat) {
  EXPECT_EQ(problems_of(std::string(kEcho) + GetParam().text),
            std::string("f.toml:") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Deployment, WrongConfig,
    testing::Values(
        Wrong{"environment = 'Prod'",
              "5:15: 'Prod' is no environment name: expected 1 to 63 of a-z, 0-9 and -, with a "
              "letter or digit at both ends"},
        Wrong{"isolation = 'hosts'",
              "5:13: 'isolation' must be one of worker, host, found 'hosts'; did you mean 'host'?"},
        Wrong{"isolation = 'host'",
              "5:13: plugin 'echo' may not run inside the host: isolation = \"host\" needs "
              "hostIsolation = true in its [[plugin]] table"},
        Wrong{"flavors = ['cpu/x86', 'gpu/h100']",
              "5:23: 'flavors' must be CPU or GPU flavors, never both"},
        Wrong{"flavors = ['gpu/h100']",
              "5:12: runtime 'echo' does not run on flavor 'gpu/h100'; it runs on cpu"},
        Wrong{"flavors = ['x86']",
              "5:12: 'x86' is no flavor: expected \"cpu/NAME\" or \"gpu/NAME\", such as "
              "\"cpu/x86\" or \"gpu/h100\""},
        Wrong{"burst = {}", "5:1: 'burst' in [[deployment]] is not yet supported in this version"},
        Wrong{"[deployment.scale]\nmetric = 'load'",
              "6:10: 'metric' must be one of concurrency, rps, cpu, memory, found 'load'"},
        Wrong{"[deployment.scale]\nmetric = 'memory'",
              "6:10: metric 'memory' needs a 'target': MiB of a replica"},
        Wrong{"[deployment.scale]\nstableWindow = '5s'",
              "6:16: 'stableWindow' must be from 6s to 1h"},
        Wrong{"[deployment.scale]\nscaleUpMinimum = 2",
              "6:18: 'scaleUpMinimum' is 2, more than 'maxReplicas', which is 1"},
        Wrong{"[deployment.scale]\nmaxReplicas = 0",
              "6:15: 'maxReplicas' must be from 1 to 10000, found 0"},
        Wrong{"[deployment.limits]\nqueue = 0", "6:9: 'queue' must be from 1 to 1000000, found 0"},
        Wrong{"[deployment.limits]\nanswerTimeout = '0s'",
              "6:17: 'answerTimeout' must be more than zero"},
        Wrong{"[deployment.limits]\nmemory = '0GB'", "6:10: 'memory' must be more than zero"},
        Wrong{"[deployment.limits]\nloadTimeout = '0s'",
              "6:15: 'loadTimeout' must be more than zero"},
        Wrong{"[deployment.env]\n1A = 'x'",
              "6:1: '1A' is no name of an environment value: expected letters, digits and _, no "
              "digit first"},
        Wrong{"[deployment.env]\nA = 1", "6:5: 'A' must be a string, found an integer"}));

INSTANTIATE_TEST_SUITE_P(
    Option, WrongConfig,
    testing::Values(
        Wrong{"[deployment.options]\nmaxBatchToken = 1",
              "6:1: unknown key 'maxBatchToken' in [deployment.options]; did you mean "
              "'maxBatchTokens'?"},
        Wrong{"[deployment.options]\nmaxBatchTokens = 0",
              "6:18: option 'maxBatchTokens' must be from 1 to 65536, found 0"},
        Wrong{"[deployment.options]\nmaxBatchTokens = '5'",
              "6:18: option 'maxBatchTokens' must be an integer, found a string"},
        Wrong{"[deployment.options]\nmaxBatchTokens = 5.0",
              "6:18: option 'maxBatchTokens' must be an integer, found a number"},
        Wrong{"[deployment.options]\nrate = 0.25",
              "6:8: option 'rate' must be at least 0.5, found 0.25"},
        Wrong{"[deployment.options]\nrate = nan", "6:8: option 'rate' must be a finite number"},
        Wrong{"[deployment.options]\nupper = 'yes'",
              "6:9: option 'upper' must be a boolean, found a string"},
        Wrong{"[deployment.options]\npooling = 'men'",
              "6:11: option 'pooling' must be one of mean, cls, found 'men'; did you mean "
              "'mean'?"},
        Wrong{"[deployment.options]\nprefix = []",
              "6:10: option 'prefix' must be a string, found neither string, number nor boolean"}));

INSTANTIATE_TEST_SUITE_P(
    OtherTables, WrongConfig,
    testing::Values(
        Wrong{"[[deployment]]\nmodel = 'echo'\nruntime = 'echo'\norigin = 'file:/models'",
              "5:1: a second deployment default/echo@production; the first is at line 1"},
        Wrong{"[[deployment]]\nmodel = 'b'\nruntime = 'docker'\norigin = 'file:/models'\n"
              "isolation = 'host'",
              "9:13: plugin 'docker' must run in a worker: expected isolation = \"worker\""},
        Wrong{"[[deployment]]\nmodel = 'b'\nruntime = 'docker'\norigin = 'file:/models'\n"
              "flavors = ['cpu/x86']",
              "9:12: runtime 'docker' does not run on flavor 'cpu/x86'; it runs on gpu"},
        Wrong{"[[deployment]]\nmodel = 'b'\nruntime = 'auto'\norigin = 'file:/models'",
              "7:11: runtime 'auto' is not yet supported in this version: name a plugin"},
        Wrong{"[[deployment]]\nmodel = 'b'\nruntime = 'x'\norigin = 'file:/models'\n"
              "[deployment.options]\nany = 1",
              "7:11: there is no runtime 'x'; installed are echo, docker"},
        Wrong{"[[deployment]]\nmodel = 'b'\nruntime = 'echo'\norigin = 'hf:org/name'",
              "8:10: origins 'hf:' are not yet supported in this version: download the model and "
              "name its folder as \"file:PATH\""},
        Wrong{"[[deployment]]\nmodel = 'b'\nruntime = 'echo'\norigin = 'file:'",
              "8:10: 'file:' is no origin: expected \"file:PATH\" with the model's folder"},
        Wrong{"[[plugin]]\nname = 'dcker'",
              "6:8: there is no plugin 'dcker'; did you mean 'docker'?"},
        Wrong{"[[plugin]]\nname = 'echo'\n[[plugin]]\nname = 'echo'",
              "8:8: a second [[plugin]] named 'echo'"},
        Wrong{"[[plugin]]\nname = 'echo'\nsha256 = 'abc'",
              "7:10: 'sha256' must be the library's digest: 64 of 0-9 and a-f, as sha256sum prints "
              "it"},
        Wrong{"[host]\nlisten = []", "6:10: 'listen' names no address"},
        Wrong{"[host]\nlisten = ['127.0.0.1:1', '127.0.0.1:1']",
              "6:26: '127.0.0.1:1' is listed twice"},
        Wrong{
            "[host.limits]\nreplicas = 1\n[[deployment]]\nmodel = 'b'\nruntime = 'echo'\n"
            "origin = 'file:/models'\n[deployment.scale]\nminReplicas = 2\nmaxReplicas = 2",
            "7:1: with this deployment 'minReplicas' add up to 2, but 'replicas' in [host.limits] "
            "is 1"}));

TEST(Config, AMistakeInAManifestIsTheOnlyOneSaidOfPlugins) {
  FakeSurroundings machine;
  machine.broken = true;
  const auto config = read_config(std::string(kEcho) +
                                      "[[plugin]]\nname = 'echo'\n"
                                      "[host]\nplugins = ['plugins']\n",
                                  "f.toml", machine);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().text(), "f.toml:8:11: /p/tenon-plugin.toml:1:1: broken");
}

TEST(Config, OneModelMayStandInTwoEnvironments) {
  const Config config = read(std::string(kEcho) + kEcho + "environment = 'development'\n");
  EXPECT_EQ(config.resources.size(), 2u);
}

TEST(Config, TheControlApiMayHaveAddressesAndSocketsOfItsOwn) {
  const Config config = read(
      "[host]\nlisten = ['0.0.0.0:80']\ncontrolListen = ['127.0.0.1:81', 'unix:run/tenon.sock']\n");
  EXPECT_THAT(config.host.listen, ElementsAre(ListenAddress{"0.0.0.0", 80}));
  EXPECT_THAT(config.host.control_listen,
              ElementsAre(ListenAddress{"127.0.0.1", 81},
                          ListenAddress{"", 0, "/work-folder/run/tenon.sock"}));
  EXPECT_THAT(problems_of("[host]\nlisten = ['unix:tenon.sock', '127.0.0.1:80']\n"
                          "controlListen = ['127.0.0.1:80', 'unix:']\n"),
              testing::AllOf(testing::HasSubstr("2:11: 'unix:tenon.sock' is no listen address"),
                             testing::HasSubstr("3:18: '127.0.0.1:80' is listed twice"),
                             testing::HasSubstr("3:34: 'unix:' is no listen address")));
}

// configs/reference.toml is what operators read: it must load, and hold every key and default.
TEST(Config, TheReferenceIsComplete) {
  const std::string text = file("configs/reference.toml");
  const Config config = read(text);
  Config defaults = read(kEcho);
  defaults.file = config.file;
  defaults.host.loops = 2;                       // the exceptions that the
  defaults.host.limits.memory = 12'000'000'000;  // reference itself marks
  auto& echo = std::get<DeploymentSpec>(defaults.resources[0].spec);
  echo.limits.memory = 2ULL << 30;
  echo.limits.device_memory = 16ULL << 30;
  echo.canary = CanaryShare{10, 0};
  defaults.host.control_listen = {{"127.0.0.1", 8081}};
  defaults.host.tls = {"/work-folder/var/tls/cert.pem", "/work-folder/var/tls/key.pem"};
  defaults.plugins = config.plugins;
  std::get<DeploymentSpec>(defaults.resources[0].spec).flavors = {"cpu/x86"};
  defaults.flavors = {{"NVIDIA H100*", 70'000'000'000, 90'000'000'000, {FlavorType::kGpu, "h100"}}};
  EXPECT_EQ(config, defaults);

  // An unknown key makes the reader list all keys that it knows of a table.
  for (const char* table : {"[host]", "[host.limits]", "[host.logs]", "[[plugin]]",
                            "[[deployment]]", "[deployment.scale]", "[deployment.limits]"}) {
    std::string wrong = text;
    const auto at = wrong.find(std::string("\n") + table);
    ASSERT_NE(at, std::string::npos) << table;
    wrong.insert(wrong.find('\n', at + 1) + 1, "zzzzzzzz = 1\n");
    const std::string message = problems_of(wrong);
    std::istringstream keys(message.substr(message.find("known keys: ") + 12));
    int count = 0;
    for (std::string key; keys >> key; ++count) {
      if (key.ends_with(',')) key.pop_back();
      const bool there = text.contains("\n" + key + " ") || text.contains("\n[host." + key + "]") ||
                         text.contains("\n[deployment." + key + "]");
      EXPECT_TRUE(there) << key << " of " << table << " is not in configs/reference.toml";
    }
    EXPECT_GE(count, 2) << message;
  }
}

TEST(Config, TheExamplesLoad) {
  FakeSurroundings machine;
  machine.folders = {"/work-folder/build/release/plugins", "/work-folder/samples/echo",
                     "/work-folder/models/all-MiniLM-L6-v2"};
  machine.manifests.emplace_back().id = "tei";
  for (const char* path : {"configs/quickstart.toml", "configs/echo.toml"}) {
    const auto config = read_config(file(path), path, machine);
    ASSERT_TRUE(config) << config.error().text();
    EXPECT_EQ(config->resources.size(), 1u);
    EXPECT_THAT(machine.scanned, ElementsAre("/work-folder/build/release/plugins"));
  }
}

TEST(Config, SurvivesNonsense) {
  for (const char* text : {"", "[host", "host = 1", "deployment = 1", "deployment = [1]",
                           "[deployment]\nmodel = 'x'", "host = []", "[[host]]", "plugin = {}",
                           "[[deployment]]\nscale = 1\nlimits = []\noptions = 'x'\nenv = 2"}) {
    FakeSurroundings machine;
    const auto config = read_config(text, "f.toml", machine);
    EXPECT_EQ(config.has_value(), *text == '\0') << text;
  }
}

TEST(Config, FlavorRulesNameGpus) {
  const Config config = read(std::string(kEcho) +
                             "[[flavor]]\nmatch = 'NVIDIA H100*'\nmemory = ['70GB', '90GB']\n"
                             "code = 'gpu/big'\n[[flavor]]\nmatch = '*'\ncode = 'gpu/other'\n");
  ASSERT_EQ(config.flavors.size(), 2u);
  EXPECT_EQ(
      config.flavors[0],
      (FlavorRule{"NVIDIA H100*", 70'000'000'000, 90'000'000'000, {FlavorType::kGpu, "big"}}));
  EXPECT_EQ(config.flavors[1].most, ~std::uint64_t{0});
}

TEST(Config, FlavorRulesThatNameNothingAreRefused) {
  const auto wrong = [](const std::string& rule) {
    return problems_of(std::string(kEcho) + "[[flavor]]\n" + rule);
  };
  using testing::HasSubstr;
  EXPECT_THAT(wrong("match = ''\ncode = 'gpu/a'"), HasSubstr("'match' is empty"));
  EXPECT_THAT(wrong("match = 'x'\ncode = 'cpu/x86'"), HasSubstr("is a CPU flavor"));
  EXPECT_THAT(wrong("match = 'x'\ncode = 'h100'"), HasSubstr("is no flavor"));
  EXPECT_THAT(wrong("match = 'x'\ncode = 'gpu/a'\nmemory = ['9GB', '7GB']"),
              HasSubstr("such as [\"70GB\", \"90GB\"]"));
  EXPECT_THAT(wrong("code = 'gpu/a'"), HasSubstr("match"));
}

}  // namespace
}  // namespace tenon::config

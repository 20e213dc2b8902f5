// `tenon serve` on a machine that a driver's library of our own plays: who gets which devices, told
// by a plugin from inside its worker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "host/cli/get.h"
#include "host/cli/http_client.h"
#include "tests/host/cli/program.h"

namespace tenon::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kT4 = "75|16000000000|15000000000|0";

std::string gpu(unsigned number, const std::string& name) {
  return "gpu|GPU-" + std::to_string(number) + "|" + name + "|00000000:0" +
         std::to_string(1 + number) + ":00.0|" + std::to_string(number) + "|" + std::string(kT4) +
         "\n";
}

class LeaseServe : public testing::Test {
 protected:
  LeaseServe()
      : folder_(fs::temp_directory_path() / ("tenon-lease-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
    const char* build = ::getenv("TENON_BUILD_DIR");
    build_ = build ? build : "build/release";
    ::setenv("LD_LIBRARY_PATH", (build_ + "/tests/fake-nvml").c_str(), 1);
    ::setenv("TENON_FAKE_NVML", (folder_ / "nvml").c_str(), 1);
  }
  ~LeaseServe() override {
    ::unsetenv("LD_LIBRARY_PATH");
    ::unsetenv("TENON_FAKE_NVML");
    fs::remove_all(folder_);
  }

  void play(const std::string& machine) const { std::ofstream(folder_ / "nvml") << machine; }

  static std::string deployment(const std::string& model, const std::string& rest) {
    return "[[deployment]]\nmodel = \"" + model +
           "\"\nruntime = \"prober\"\norigin = \"file:samples/echo\"\n" + rest;
  }
  static std::string bytes(std::uint64_t estimate) {
    return "[deployment.options]\ndeviceBytes = " + std::to_string(estimate) + "\n";
  }

  std::string serve(const std::string& deployments) {
    const std::string path = folder_ / "host.toml";
    std::ofstream(path) << "[host]\nlisten = [\"127.0.0.1:0\"]\ndata = \""
                        << (folder_ / "data").string() << "\"\nplugins = [\"" << build_
                        << "/test-plugins/prober\"]\n"
                        << deployments;
    host_.emplace(std::vector<std::string>{"serve", path});
    const std::string line = host_->line_with("listening url=");
    url_ = line.substr(line.find("http://"));
    return url_;
  }

  HttpReply send(const std::string& path, const std::string& body = "") const {
    const auto reply = http_send({.base = url_,
                                  .method = "POST",
                                  .path = "/default/models/" + path,
                                  .body = body,
                                  .timeout = std::chrono::seconds(60)});
    EXPECT_TRUE(reply) << reply.error().message;
    return reply.value_or(HttpReply{});
  }
  std::string ask(const std::string& path, const std::string& body = "") const {
    const HttpReply reply = send(path, body);
    EXPECT_EQ(reply.status, 200U) << path << ": " << reply.body;
    return reply.body;
  }
  std::string shown(const std::string& model) const {
    const auto reply = http_send({.base = url_, .path = "/v0/models/" + model});
    return reply ? reply->body : "";
  }

  std::string table(const std::string& kind) const {
    std::ostringstream out, errors;
    EXPECT_EQ(get({kind, "--api", url_}, {out, errors}), kOk) << errors.str();
    return out.str();
  }

  const fs::path folder_;
  std::string build_, url_;
  std::optional<Program> host_;
};

TEST_F(LeaseServe, AWorkerSeesItsLeaseAndNothingBesideIt) {
  play(gpu(0, "Tesla T4") + gpu(1, "Tesla T4") + gpu(2, "NVIDIA L4"));
  serve(deployment("one", "flavors = [\"gpu/l4\"]\n" + bytes(9'000'000'000)) +
        deployment("two",
                   "flavors = [\"gpu/t4\"]\ndevicesPerReplica = 2\n[deployment.limits]\n"
                   "deviceMemory = \"6GB\"\nmemory = \"600MB\"\n") +
        deployment("cpu", "[deployment.env]\nCUDA_VISIBLE_DEVICES = \"all\"\n"));
  EXPECT_THAT(ask("one/lease"), StartsWith("gpu/l4 threads=1 "));
  EXPECT_THAT(ask("one/lease"), HasSubstr(" 0=GPU-2,gpu/l4,9000000000"));
  EXPECT_THAT(ask("one/sees"), HasSubstr(" devices=GPU-2"));
  EXPECT_THAT(ask("two/lease"), HasSubstr("memory=600000000"));
  EXPECT_THAT(ask("two/sees"), HasSubstr(" devices=GPU-0,GPU-1"));
  EXPECT_TRUE(ask("cpu/sees").ends_with(" devices="));
  EXPECT_THAT(ask("cpu/lease"), StartsWith("cpu/"));
  EXPECT_THAT(shown("one"), HasSubstr("starts on gpu/l4: GPU-2 (9.0 GB), cpu (1.0 MB)"));
  EXPECT_THAT(table("leases"), HasSubstr("GPU-0 (6.0 GB), GPU-1 (6.0 GB)"));
  EXPECT_THAT(table("devices"), HasSubstr("NVIDIA L4"));
  EXPECT_THAT(table("nodes"), HasSubstr("550.54.15"));
}

TEST_F(LeaseServe, WhatIsMeasuredMakesRoomForOthers) {
  play(gpu(0, "Tesla T4"));
  serve(deployment("first", "flavors = [\"gpu/t4\"]\n" + bytes(12'000'000'000)) +
        deployment("second", "flavors = [\"gpu/t4\"]\n" + bytes(12'000'000'000)) +
        deployment("large", "flavors = [\"gpu/t4\"]\n" + bytes(17'000'000'000)) +
        deployment("other", "flavors = [\"gpu/h100\"]\n"));
  ask("first/take", "3000000000");
  ask("second/lease");
  EXPECT_THAT(shown("first"), HasSubstr("\"ready\":1")) << "3 and 12 GB fit beside each other";
  const HttpReply large = send("large/lease");
  EXPECT_EQ(large.status, 502U);
  EXPECT_THAT(large.body, HasSubstr("the largest device has 16.0 GB, 17.0 GB are needed"));
  const HttpReply other = send("other/lease");
  EXPECT_EQ(other.status, 403U);
  EXPECT_THAT(other.body, HasSubstr("gpu/h100: there is no such device here"));
}

TEST_F(LeaseServe, ADeviceThatIsLostIsLeft) {
  const std::string machine = gpu(0, "Tesla T4") + gpu(1, "Tesla T4");
  play(machine);
  serve(deployment("one", "flavors = [\"gpu/t4\"]\n" + bytes(9'000'000'000)));
  EXPECT_THAT(ask("one/sees"), HasSubstr(" devices=GPU-0"));
  play(machine + "lost|GPU-0\n");
  EXPECT_THAT(host_->line_with("device health"), HasSubstr("GPU-0"));
  EXPECT_THAT(ask("one/sees"), HasSubstr(" devices=GPU-1"));
  EXPECT_THAT(shown("one"), HasSubstr("a replica ends: GPU-0 is lost"));
}

TEST_F(LeaseServe, ADriverThatHangsHoldsNobody) {
  play("hang|init|10000\n");
  serve(deployment("gpu", "flavors = [\"gpu/t4\"]\n[deployment.limits]\nmaxWait = \"100ms\"\n") +
        deployment("cpu", ""));
  EXPECT_EQ(send("gpu/lease").status, 503U);
  EXPECT_THAT(ask("cpu/lease"), StartsWith("cpu/"));
  EXPECT_THAT(shown("gpu"), HasSubstr("waits until the GPUs are known"));
}

}  // namespace
}  // namespace tenon::cli

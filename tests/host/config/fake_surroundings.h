#pragma once

#include <set>
#include <string>
#include <vector>

#include "host/config/config.h"

namespace tenon::config {

// A machine with three folders and two plugins; its working directory is /work-folder.
class FakeSurroundings : public Surroundings {
 public:
  FakeSurroundings() {
    plugins::Manifest echo;
    echo.id = "echo";
    echo.flavors = {"cpu"};
    using Type = plugins::OptionType;
    const auto option = [](std::string name, Type type) {
      plugins::OptionSpec spec;
      spec.name = std::move(name);
      spec.type = type;
      return spec;
    };
    echo.options = {option("prefix", Type::kString), option("maxBatchTokens", Type::kInteger),
                    option("rate", Type::kNumber), option("upper", Type::kBoolean),
                    option("pooling", Type::kEnum)};
    echo.options[1].default_value = "16384";
    echo.options[1].minimum = 1;
    echo.options[1].maximum = 65'536;
    echo.options[2].minimum = 0.5;
    echo.options[3].default_value = "false";
    echo.options[4].values = {"mean", "cls"};
    manifests.push_back(echo);
    plugins::Manifest docker;
    docker.id = "docker";
    docker.requires_worker = true;
    docker.flavors = {"gpu"};
    manifests.push_back(docker);
  }

  std::string absolute(const std::string& path) const override {
    return path.starts_with('/') ? path : "/work-folder/" + path;
  }
  bool is_folder(const std::string& path) const override { return folders.contains(path); }
  Result<std::vector<plugins::Manifest>> plugins(const std::vector<std::string>& asked) override {
    scanned = asked;
    if (broken) return fail(Code::kInvalid, "/p/tenon-plugin.toml:1:1: broken");
    return manifests;
  }

  std::set<std::string> folders = {"/work-folder/plugins", "/work-folder/samples/echo", "/models"};
  std::vector<plugins::Manifest> manifests;
  std::vector<std::string> scanned;
  bool broken = false;  // a manifest has a mistake
};

}  // namespace tenon::config

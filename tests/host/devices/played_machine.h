#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace tenon::devices {

// A folder that plays a machine's /proc and /sys.
class PlayedMachine {
 public:
  PlayedMachine() {
    std::string path = std::filesystem::temp_directory_path() / "tenon-machine-XXXXXX";
    root_ = ::mkdtemp(path.data());
  }
  ~PlayedMachine() { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path at = root_ + path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text;
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

}  // namespace tenon::devices

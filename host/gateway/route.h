#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tenon::gateway {

// Where a request target leads: /{workspace}/models/{model}[/sub/path]?environment=E, or one of the
// host's own paths. Only the three names are percent-decoded; the sub-path goes to the plugin as it
// came. Views point into the target, or into this object where something had to be decoded.
class Route {
 public:
  enum class Kind : std::uint8_t {
    kHost,     // begins with a reserved name: path is all of it
    kModel,    // the other fields are set
    kUnknown,  // a path of no known shape
    kStar,     // "*", for OPTIONS
    kBad,      // not a path at all, or ambiguous; see problem
  };

  // Reads a target; a later call makes views of an earlier one dangle.
  void read(std::string_view target);

  Kind kind = Kind::kUnknown;
  std::string_view workspace, model, environment;
  std::string_view path;     // of the plugin: "/" at least
  std::string_view query;    // without `environment` and '?'
  std::string_view problem;  // static storage

 private:
  bool decode(std::string_view& name, std::string& scratch);
  void read_query(std::string_view all);

  std::string workspace_, model_, environment_, query_;
};

}  // namespace tenon::gateway

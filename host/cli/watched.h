#pragma once

#include <boost/json/array.hpp>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/cli/output.h"
#include "host/cli/watch.h"

namespace tenon::cli {

inline constexpr std::string_view kClear = "\033[H\033[2J";

// A list of resources as the host tells of it: a terminal shows it whole, again and again; whoever
// reads otherwise gets it once, and then what changes.
class Watched {
 public:
  using PrintAll = std::function<void(const boost::json::array&)>;
  using Row = std::function<std::vector<std::string>(const boost::json::value&)>;

  // `name`: only that one; "": all.
  Watched(std::string name, Form, PrintAll, Row, std::ostream&);

  void anew();
  void take(const std::vector<Told>&);

 private:
  void take_one(const Told&);
  void print_all() const;

  const std::string name_;
  const Form form_;
  const PrintAll print_all_;
  const Row row_;
  std::ostream& out_;
  const bool on_terminal_;
  bool synced_ = false;
  std::map<std::pair<std::string, std::string>, boost::json::value> items_;
};

}  // namespace tenon::cli

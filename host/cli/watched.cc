#include "host/cli/watched.h"

#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "host/cli/terminal.h"
#include "host/cli/yaml_writer.h"

namespace tenon::cli {

namespace json = boost::json;

Watched::Watched(std::string name, Form form, PrintAll print_all, Row row, std::ostream& out)
    : name_(std::move(name)),
      form_(form),
      print_all_(std::move(print_all)),
      row_(std::move(row)),
      out_(out),
      on_terminal_(::isatty(STDOUT_FILENO)) {}

void Watched::anew() {
  items_.clear();
  synced_ = false;
}

void Watched::take(const std::vector<Told>& all) {
  bool fresh = false;
  for (const Told& told : all) {
    if (told.event == "synced") {
      synced_ = fresh = true;
      if (form_ == Form::kTable && !on_terminal_) print_all();
    } else if (name_.empty() || text_at(told.resource, "/metadata/name") == name_) {
      fresh = true;
      take_one(told);
    }
  }
  if (!fresh || !synced_ || form_ != Form::kTable || !on_terminal_) return;
  out_ << kClear;
  print_all();
}

void Watched::take_one(const Told& told) {
  if (form_ != Form::kTable) {
    const json::object item{{"event", told.event}, {"resource", told.resource}};
    out_ << (form_ == Form::kJson ? json::serialize(item) + "\n" : "---\n" + to_yaml(item));
    return;
  }
  const auto key = std::pair(text_at(told.resource, "/metadata/name"),
                             text_at(told.resource, "/metadata/environment"));
  const bool removed = told.event == "removed";
  if (removed) {
    items_.erase(key);
  } else {
    items_[key] = told.resource;
  }
  if (!synced_ || on_terminal_) return;
  auto cells = row_(told.resource);
  if (removed) cells.emplace_back("removed");
  print_table(out_, {std::move(cells)});
}

void Watched::print_all() const {
  json::array items;
  for (const auto& [key, item] : items_) items.push_back(item);
  print_all_(items);
}

}  // namespace tenon::cli

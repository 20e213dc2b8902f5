#include "host/control/log_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <utility>

#include "host/domain/moment.h"

namespace tenon::control {
namespace {

namespace json = boost::json;

// As with those who watch lists.
constexpr std::chrono::seconds kBeat{15};

std::string json_line(const log::Line& line) {
  return json::serialize(json::object{
      {"time", utc_text(line.at)}, {"level", log::to_string(line.level)}, {"text", line.text}});
}

std::string event(std::string_view line) {
  return fmt::format("event: line\ndata: {}\n\n", line);
}

// Of "workspace/model@environment".
ResourceKey resource_key_of(std::string_view name) {
  const std::size_t slash = std::min(name.find('/'), name.size());
  const std::size_t at = std::min(name.find('@', slash), name.size());
  const auto part = [&](std::size_t from, std::size_t to) {
    return from < to ? std::string(name.substr(from, to - from)) : std::string();
  };
  return {Kind::kDeployment, part(0, slash), part(slash + 1, at), part(at + 1, name.size())};
}

template <class Take>
void each_line(std::string_view lines, Take take) {
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    take(lines.substr(0, end));
    lines.remove_prefix(end + 1);
  }
}

}  // namespace

void LogBook::add(const log::Line& line) {
  std::string text = json_line(line);
  const std::lock_guard lock(mutex_);
  std::erase_if(followers_, [&](const Follower& follower) {
    return follower.deployment == line.deployment && !follower.reply->chunk(event(text));
  });
  auto known = books_.find(line.deployment);
  if (known == books_.end()) known = books_.emplace(line.deployment, Book()).first;
  Book& book = known->second;
  book.last = ++count_;
  bytes_ -= book.lines.size();
  book.lines += text + "\n";
  if (book.lines.size() > limits_.bytes_each) {  // the older half goes
    const std::size_t cut = book.lines.find('\n', book.lines.size() - limits_.bytes_each / 2);
    book.lines.erase(0, cut == std::string::npos ? cut : cut + 1);
    book.lines.shrink_to_fit();
  }
  bytes_ += book.lines.size();
  if (bytes_ > limits_.bytes) make_room();
}

// Half of the books go, so that this is seldom.
void LogBook::make_room() {
  std::vector<std::uint64_t> ages;
  for (const auto& [name, book] : books_) ages.push_back(book.last);
  const auto middle = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 2);
  std::ranges::nth_element(ages, middle);
  std::erase_if(books_, [&](const auto& each) {
    if (each.second.last >= *middle) return false;
    bytes_ -= each.second.lines.size();
    return true;
  });
}

std::string_view LogBook::tail(const std::string& deployment, std::size_t most) const {
  const auto book = books_.find(deployment);
  if (book == books_.end()) return {};
  const std::string_view lines = book->second.lines;
  std::size_t begin = lines.size();
  for (std::size_t count = 0; count < most && begin > 0; ++count) {
    const std::size_t before = begin == 1 ? lines.npos : lines.rfind('\n', begin - 2);
    begin = before == lines.npos ? 0 : before + 1;
  }
  return lines.substr(begin);
}

json::array LogBook::lines(const DeploymentKey& key, std::size_t most) const {
  json::array out;
  const std::lock_guard lock(mutex_);
  each_line(tail(to_string(key), most), [&](std::string_view line) {
    boost::system::error_code error;
    json::value parsed = json::parse(line, error);
    if (!error) out.push_back(std::move(parsed));
  });
  return out;
}

void LogBook::follow(const DeploymentKey& key, std::size_t most, std::shared_ptr<Reply> reply) {
  const std::lock_guard lock(mutex_);
  std::string first;
  each_line(tail(to_string(key), most), [&](std::string_view line) { first += event(line); });
  reply->begin("text/event-stream", first + "event: synced\ndata: {}\n\n");
  if (closed_) return reply->end();
  followers_.push_back({to_string(key), std::move(reply)});
  boost::asio::post(beat_.get_executor(), [self = shared_from_this()] {
    if (!std::exchange(self->beating_, true)) self->keep_beating();
  });
}

void LogBook::keep_only(const Snapshot& snapshot) {
  const std::lock_guard lock(mutex_);
  if (books_.empty() && followers_.empty()) return;
  const auto is_gone = [&](const std::string& name) {
    return !snapshot.find(resource_key_of(name));
  };
  std::erase_if(books_, [&](const auto& each) {
    if (!is_gone(each.first)) return false;
    bytes_ -= each.second.lines.size();
    return true;
  });
  std::erase_if(followers_, [&](const Follower& follower) {
    if (!is_gone(follower.deployment)) return false;
    follower.reply->end();
    return true;
  });
}

void LogBook::keep_beating() {
  beat_.expires_after(kBeat);
  beat_.async_wait([self = shared_from_this()](boost::system::error_code error) {
    if (error) return;
    const std::lock_guard lock(self->mutex_);
    std::erase_if(self->followers_,
                  [](const Follower& follower) { return !follower.reply->chunk(":\n\n"); });
    self->beating_ = !self->followers_.empty();
    if (self->beating_) self->keep_beating();
  });
}

void LogBook::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for (const Follower& follower : followers_) follower.reply->end();
  followers_.clear();
}

}  // namespace tenon::control

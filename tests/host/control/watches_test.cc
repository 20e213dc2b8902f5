#include "host/control/watches.h"

#include <gtest/gtest.h>

#include <sstream>

namespace tenon::control {
namespace {

class Stream final : public Reply {
 public:
  void whole(unsigned, std::string_view, std::string,
             std::vector<std::pair<std::string, std::string>>) override {
    ADD_FAILURE() << "expected a stream";
  }
  void refuse(lifecycle::Refusal) override { ADD_FAILURE() << "expected a stream"; }
  void begin(std::string_view content_type, std::string first) override {
    type = content_type;
    chunk(std::move(first));
  }
  bool chunk(std::string text) override {
    if (!there) return false;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      constexpr std::string_view kEvent = "event: ", kName = "data: {\"name\":\"";
      if (line.starts_with(kEvent)) told += line.substr(kEvent.size());
      if (line.starts_with(kName)) {
        told += " " + line.substr(kName.size(), line.rfind('"') - kName.size());
      }
      if (line.empty()) told += "; ";
    }
    return true;
  }
  void end() override { ended = true; }

  std::string take() { return std::exchange(told, {}); }

  std::string type, told;
  bool there = true, ended = false;
};

class WatchesTest : public ::testing::Test {
 protected:
  static ResourceKey model(const std::string& name, const std::string& environment = "production") {
    return {Kind::kDeployment, "default", name, environment};
  }

  // What there is from now on; each name's number tells its versions apart.
  void set(const std::map<ResourceKey, std::uint64_t>& all) {
    auto next = std::make_shared<Snapshot>();
    next->version = ++version_;
    for (const auto& [key, version] : all) {
      const auto before = snapshot_->from(key);
      const Entry* same = snapshot_->find(key);
      next->entries.push_back(
          same && same->version == version
              ? *before
              : std::make_shared<const Entry>(Entry{.draft = {key, {}, {}}, .version = version}));
    }
    snapshot_ = next;
    watches_->on_snapshot(snapshot_);
  }

  std::shared_ptr<Stream> watch(Watches::Filter filter = {Kind::kDeployment, "default", {}}) {
    auto stream = std::make_shared<Stream>();
    watches_->add(std::move(filter), stream, snapshot_);
    return stream;
  }

  EventLoops loops_{1};
  std::shared_ptr<Watches> watches_ = std::make_shared<Watches>(
      loops_, [](const Entry& entry) { return boost::json::object{{"name", entry.key().name}}; });
  std::uint64_t version_ = 0;
  std::shared_ptr<const Snapshot> snapshot_ = std::make_shared<Snapshot>();
};

TEST_F(WatchesTest, TellsWhatIsThereThenWhatChanges) {
  set({{model("a"), 1}, {model("c"), 1}});
  const auto stream = watch();
  EXPECT_EQ(stream->type, "text/event-stream");
  EXPECT_EQ(stream->take(), "added a; added c; synced; ");
  set({{model("b"), 1}, {model("c"), 2}, {model("d"), 1}});
  EXPECT_EQ(stream->take(), "removed a; added b; changed c; added d; ");
  set({{model("b"), 1}, {model("c"), 2}, {model("d"), 1}});
  EXPECT_EQ(stream->take(), "");
  set({});
  EXPECT_EQ(stream->take(), "removed b; removed c; removed d; ");
}

TEST_F(WatchesTest, KeepsToKindWorkspaceAndEnvironment) {
  set({{model("a"), 1},
       {model("a", "development"), 1},
       {{Kind::kDeployment, "other", "b", "production"}, 1},
       {{Kind::kPolicy, "default", "p", ""}, 1}});
  const auto stream = watch({Kind::kDeployment, "default", "development"});
  EXPECT_EQ(stream->take(), "added a; synced; ");
  watches_->on_status({"default", "a", "production"});
  watches_->on_status({"other", "b", "production"});
  EXPECT_EQ(stream->take(), "");
  watches_->on_status({"default", "a", "development"});
  EXPECT_EQ(stream->take(), "changed a; ");
}

TEST_F(WatchesTest, ASnapshotThatComesLateIsNotGoneBackTo) {
  set({{model("a"), 1}});
  const auto late = snapshot_;
  set({{model("a"), 1}, {model("b"), 1}});
  const auto stream = watch();
  stream->take();
  watches_->on_snapshot(late);
  EXPECT_EQ(stream->take(), "");
}

TEST_F(WatchesTest, ForgetsWhoIsGoneAndEndsAllAtTheClose) {
  set({{model("a"), 1}});
  const auto gone = watch(), stays = watch();
  gone->there = false;
  set({});
  gone->there = true;
  gone->take();
  set({{model("b"), 1}});
  EXPECT_EQ(gone->take(), "");
  EXPECT_FALSE(stays->ended);
  watches_->close();
  EXPECT_TRUE(stays->ended);
  EXPECT_FALSE(gone->ended);
  EXPECT_TRUE(watch()->ended);
}

}  // namespace
}  // namespace tenon::control

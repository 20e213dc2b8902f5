#include <gtest/gtest.h>

#include <random>

#include "tests/host/lifecycle/house.h"

namespace tenon::lifecycle::testing {
namespace {

// Everything at once, from all sides: whatever happens, every request ends exactly once (the client
// checks that), with its own answer or a known refusal, and afterwards nothing is left.
TEST(Storm, EveryRequestEndsOnceWhateverHappens) {
  House house(3);
  house.limits(4);
  std::vector<Wanted> wanted;
  for (int i = 0; i < 8; ++i) {
    wanted.push_back(House::wanted("m" + std::to_string(i),
                                   {.max_replicas = 2,
                                    .target = 2,
                                    .last_replica_retention = milliseconds(50),
                                    .stable_window = milliseconds(20)},
                                   {.max_wait = milliseconds(2'000), .queue = 64}));
  }
  house.apply(wanted);
  std::mt19937 random(5);
  const auto some = [&] { return "m" + std::to_string(random() % 8); };
  std::vector<std::tuple<std::string, std::string, std::shared_ptr<Client>>> clients;
  std::vector<std::shared_ptr<Client>> questions;
  for (int step = 0; step < 4'000; ++step) {
    const std::string model = some();
    switch (random() % 16) {
      case 0:
        house.clock.advance(milliseconds(random() % 60));
        break;
      case 1:
        for (const auto& replica : house.launcher.running(model)) replica->die();
        break;
      case 2:
        house.launcher.behave(
            model, {.answers = random() % 2 == 0, .room = static_cast<unsigned>(1 + random() % 8)});
        break;
      case 3:
        for (const auto& replica : house.launcher.running(model)) replica->answer_all();
        break;
      case 4: {
        Wanted& changed = wanted[random() % wanted.size()];
        changed.blueprint.options = House::shared({{"turn", std::to_string(random() % 3)}});
        if (step % 10 == 0) house.apply(wanted);
        break;
      }
      case 5:
        if (!clients.empty()) {
          const std::size_t i = random() % clients.size();
          std::get<2>(clients[i])->abandon();
          clients.erase(clients.begin() + static_cast<std::ptrdiff_t>(i));
        }
        break;
      case 6:
        questions.push_back(house.ask(model, "/info", random() % 3));
        break;
      default:
        clients.emplace_back(model, std::to_string(step),
                             house.send(model, std::to_string(step), random() % 3));
    }
  }
  // Calm: every replica answers, and time passes until what waits is served or refused.
  for (int i = 0; i < 8; ++i) house.launcher.behave("m" + std::to_string(i), {});
  std::atomic<bool> calm{false};
  std::thread time([&] {
    while (!calm) {
      house.clock.advance(milliseconds(10));
      for (int i = 0; i < 8; ++i) {
        for (const auto& r : house.launcher.running("m" + std::to_string(i))) r->answer_all();
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  unsigned answered = 0;
  for (const auto& [model, body, client] : clients) {
    const Outcome outcome = client->wait();
    if (outcome.status == 200) {
      ++answered;
      EXPECT_EQ(outcome.body, model + ":" + body);
    } else {
      EXPECT_FALSE(outcome.reason.empty()) << outcome.status;
    }
  }
  for (const auto& question : questions) question->wait();
  EXPECT_GT(answered, 100U);
  EXPECT_TRUE(eventually([&] {
    for (const DeploymentStatus& s : house.deployments->status()) {
      if (s.replicas_ready + s.replicas_starting + s.queued + s.in_flight != 0) return false;
    }
    return true;
  }));
  calm = true;
  time.join();
  house.settle();
  EXPECT_EQ(house.clock.alarms_set(), 0U);
  EXPECT_LE(house.launcher.most_at_once(), 4U);
}

}  // namespace
}  // namespace tenon::lifecycle::testing

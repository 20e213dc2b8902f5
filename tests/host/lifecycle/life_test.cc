#include "host/lifecycle/life.h"

#include <gtest/gtest.h>

namespace tenon::lifecycle {
namespace {

using enum Phase;
using enum Turn;

struct Row {
  Phase from;
  Phase to[kTurns];
};

// activate, standing, first load, ready, fail, deactivate, drained, delete
constexpr Row kRows[kPhases] = {
    {kCreated, {kDeploying, kCreated, kCreated, kCreated, kCreated, kCreated, kCreated, kDeleting}},
    {kDeploying,
     {kDeploying, kDeployed, kDeploying, kDeployed, kFailed, kDeactivating, kDeploying, kDeleting}},
    {kDeployed,
     {kDeployed, kDeployed, kDeploying, kDeployed, kFailed, kDeactivating, kDeployed, kDeleting}},
    {kDeactivating,
     {kDeploying, kDeactivating, kDeactivating, kDeactivating, kDeactivating, kDeactivating,
      kDeactivated, kDeleting}},
    {kDeactivated,
     {kDeploying, kDeactivated, kDeactivated, kDeactivated, kDeactivated, kDeactivated,
      kDeactivated, kDeleting}},
    {kFailed,
     {kDeploying, kFailed, kFailed, kDeployed, kFailed, kDeactivating, kFailed, kDeleting}},
    {kDeleting,
     {kDeleting, kDeleting, kDeleting, kDeleting, kDeleting, kDeleting, kDeleting, kDeleting}},
};

TEST(Life, EveryCellOfTheTable) {
  for (const Row& row : kRows) {
    for (unsigned turn = 0; turn < kTurns; ++turn) {
      EXPECT_EQ(after(row.from, static_cast<Turn>(turn)), row.to[turn])
          << to_string(row.from) << " " << turn;
    }
  }
}

}  // namespace
}  // namespace tenon::lifecycle

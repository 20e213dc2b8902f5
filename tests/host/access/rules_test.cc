#include "host/access/rules.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace tenon::access {
namespace {

constexpr std::array kRoles = {Role::kAdmin, Role::kMember, Role::kInvoke};

// Each cell, written out: who may do what, with a key of all workspaces, of the one that is meant,
// and of another.
struct Cell {
  Act act;
  Role role;
  bool all, same, other;
};
constexpr Cell kCells[] = {
    {Act::kInvoke, Role::kAdmin, true, true, false},
    {Act::kInvoke, Role::kMember, true, true, false},
    {Act::kInvoke, Role::kInvoke, true, true, false},
    {Act::kRead, Role::kAdmin, true, true, false},
    {Act::kRead, Role::kMember, true, true, false},
    {Act::kRead, Role::kInvoke, false, false, false},
    {Act::kWriteModels, Role::kAdmin, true, true, false},
    {Act::kWriteModels, Role::kMember, true, true, false},
    {Act::kWriteModels, Role::kInvoke, false, false, false},
    {Act::kWritePolicies, Role::kAdmin, true, true, false},
    {Act::kWritePolicies, Role::kMember, false, false, false},
    {Act::kWritePolicies, Role::kInvoke, false, false, false},
    {Act::kKeys, Role::kAdmin, true, true, false},
    {Act::kKeys, Role::kMember, false, false, false},
    {Act::kKeys, Role::kInvoke, false, false, false},
    {Act::kHost, Role::kAdmin, true, false, false},
    {Act::kHost, Role::kMember, false, false, false},
    {Act::kHost, Role::kInvoke, false, false, false},
};

TEST(RulesTest, EveryCell) {
  EXPECT_EQ(std::size(kCells), kActs.size() * kRoles.size());
  for (const Cell& cell : kCells) {
    const auto what = std::string(to_string(cell.role)) + " " + std::string(to_string(cell.act));
    EXPECT_EQ(allowed(cell.role, "", cell.act, "a"), cell.all) << what;
    EXPECT_EQ(allowed(cell.role, "a", cell.act, "a"), cell.same) << what;
    EXPECT_EQ(allowed(cell.role, "b", cell.act, "a"), cell.other) << what;
  }
}

TEST(RulesTest, WhatIsOfAllWorkspacesNeedsAKeyOfAllOfThem) {
  for (const Act act : kActs) {
    for (const Role role : kRoles) EXPECT_FALSE(allowed(role, "a", act, ""));
  }
  EXPECT_TRUE(allowed(Role::kMember, "", Act::kRead, ""));
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream text(line);
  for (std::string cell; std::getline(text, cell, '|');) {
    const std::size_t first = cell.find_first_not_of(' ');
    out.push_back(first == cell.npos ? ""
                                     : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
  }
  return out;  // the first is what stands before the first bar
}

// "yes": with a key of its workspace or of all; "all": of all only; "–": never.
TEST(RulesTest, TheTableInTheDocumentIsTheCode) {
  const char* source = std::getenv("TENON_SOURCE_DIR");
  std::ifstream file(std::string(source ? source : ".") + "/docs/security.md");
  std::map<std::string, std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    auto cells = cells_of(line);
    if (cells.size() >= 5) rows.emplace(cells[1], std::move(cells));
  }
  ASSERT_TRUE(rows.contains("may"));
  EXPECT_EQ(rows["may"][2], "admin");
  EXPECT_EQ(rows["may"][3], "member");
  EXPECT_EQ(rows["may"][4], "invoke");
  for (const Act act : kActs) {
    const std::string name(to_string(act));
    ASSERT_TRUE(rows.contains(name)) << name;
    for (std::size_t i = 0; i < kRoles.size(); ++i) {
      const bool all = allowed(kRoles[i], "", act, "a"), same = allowed(kRoles[i], "a", act, "a");
      const std::string wanted = same ? "yes" : all ? "all" : "–";
      EXPECT_EQ(rows[name][2 + i], wanted) << name << " " << to_string(kRoles[i]);
    }
  }
}

}  // namespace
}  // namespace tenon::access

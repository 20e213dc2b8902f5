// Every request there is, with every key there can be: docs/security.md says what comes back.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "tests/host/gateway/keys_fixture.h"

namespace tenon::testing {
namespace {

using Cells = std::vector<std::string>;

constexpr std::array kRoles = {Role::kAdmin, Role::kMember, Role::kInvoke};
constexpr std::array<std::string_view, 4> kMethods = {"GET", "POST", "PUT", "DELETE"};
constexpr std::string_view kNoKey = "no key", kInAll = ", in all workspaces";

Cells cells_of(const std::string& line) {
  Cells out;
  std::istringstream text(line.substr(1));
  for (std::string cell; std::getline(text, cell, '|');) {
    const std::size_t first = cell.find_first_not_of(' ');
    out.push_back(first == cell.npos ? ""
                                     : cell.substr(first, cell.find_last_not_of(' ') - first + 1));
  }
  return out;
}

// The rows of the document's table whose head begins with this cell.
std::vector<Cells> table(std::string_view head) {
  const char* source = std::getenv("TENON_SOURCE_DIR");
  std::ifstream file(std::string(source ? source : ".") + "/docs/security.md");
  std::vector<Cells> out;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with('|')) {
      inside = false;
    } else if (Cells cells = cells_of(line); inside && !cells[0].starts_with('-')) {
      out.push_back(std::move(cells));
    } else if (cells[0] == head) {
      inside = true;
    }
  }
  return out;
}

struct Line {
  std::string path, method, wants;
};

std::vector<Line> lines() {
  std::vector<Line> out;
  for (const Cells& row : table("path")) {
    const std::string path = row[0].substr(1, row[0].size() - 2);  // in backquotes
    for (std::size_t i = 0; i < kMethods.size(); ++i) {
      if (!row[1 + i].empty()) out.push_back({path, std::string(kMethods[i]), row[1 + i]});
    }
  }
  return out;
}

// Whether the document lets a key do this in that workspace.
bool documented(std::string wants, Role role, const std::string& key_workspace,
                const std::string& workspace) {
  static const std::vector<Cells> kRules = table("may");
  const bool in_all = wants.ends_with(kInAll);
  if (in_all) wants.resize(wants.size() - kInAll.size());
  const auto rule = std::ranges::find(kRules, wants, [](const Cells& row) { return row[0]; });
  if (rule == kRules.end()) {
    ADD_FAILURE() << "the table of roles has no line '" << wants << "'";
    return false;
  }
  const std::string& cell = (*rule)[1 + static_cast<std::size_t>(role)];
  if (cell == "yes" && !in_all) return key_workspace.empty() || key_workspace == workspace;
  return (cell == "yes" || cell == "all") && key_workspace.empty();
}

struct Key {
  Role role;
  std::string workspace, header;
};

class WalkTest : public ServedKeys {
 protected:
  WalkTest() {
    for (const Role role : kRoles) {
      for (const auto* workspace : {"", "default", "other"}) {
        all_.push_back({role, workspace, header_of(make(role, workspace).secret)});
      }
    }
  }

  HttpAnswer ask(const Line& line, const std::string& workspace, const std::string& header,
                 std::string body = "{}") {
    std::string target = line.path;
    if (!target.starts_with("/v0/")) replace(target, "{workspace}", workspace), target += "/x";
    if (line.wants == kNoKey || line.path == "/metrics") target = line.path;
    replace(target, "{model}", "echo");
    replace(target, "{", "x-");  // names of nothing
    std::erase(target, '}');
    if (line.path == "/v0/oauth/token") body = R"({"grant_type":"client_credentials"})";
    if (line.method == "GET") body.clear();
    std::string head =
        line.method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n" + header +
        "X-Tenon-Workspace: " + workspace +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n";
    const auto answer = client_->ask(head + body);
    if (!answer) client_.emplace(connect());
    return answer.value_or(HttpAnswer());
  }

  static void replace(std::string& text, std::string_view what, std::string_view by) {
    if (const auto at = text.find(what); at != text.npos) text.replace(at, what.size(), by);
  }

  static bool is_refusal(const HttpAnswer& answer) {
    EXPECT_NE(answer.status, 0u);
    const bool refused = answer.body.contains("\"FORBIDDEN\"");
    EXPECT_EQ(refused, answer.status == 403) << answer.body;
    EXPECT_NE(answer.status, 401u) << answer.body;
    return refused;
  }

  std::vector<Key> all_;
};

TEST_F(WalkTest, TheDocumentHasEveryRouteAndNoOther) {
  std::set<std::string> documented, routed;
  for (const Line& line : lines()) {
    if (line.path.starts_with("/v0/")) documented.insert(line.method + " " + line.path);
  }
  for (const control::Route& route : control::routes()) {
    routed.insert(std::string(route.method) + " " + std::string(route.path));
  }
  EXPECT_EQ(documented, routed);
  EXPECT_GT(lines().size(), documented.size());
}

TEST_F(WalkTest, EveryRequestWithEveryKeyIsAnsweredAsTheDocumentSays) {
  for (const Line& line : lines()) {
    if (line.wants == kNoKey) continue;
    for (const Key& key : all_) {
      for (const auto* workspace : {"default", "other"}) {
        const bool may = documented(line.wants, key.role, key.workspace, workspace);
        EXPECT_EQ(is_refusal(ask(line, workspace, key.header)), !may)
            << line.method << " " << line.path << " in " << workspace << " by a key of role "
            << to_string(key.role) << " of workspace '" << key.workspace << "'";
      }
    }
  }
}

TEST_F(WalkTest, WithoutAKeyNothingIsAnsweredButHealth) {
  for (const Line& line : lines()) {
    const auto none = ask(line, "default", "");
    const auto wrong = ask(line, "default", "Authorization: Bearer tn_wrong\r\n");
    const std::string what = line.method + " " + line.path;
    if (line.wants == kNoKey) {
      EXPECT_EQ(none.status, 200u) << what;
      EXPECT_EQ(wrong.status, 200u) << what;
      continue;
    }
    EXPECT_EQ(none.status, 401u) << what << none.body;
    EXPECT_TRUE(none.body.contains("AUTHENTICATION_REQUIRED")) << what;
    EXPECT_EQ(wrong.status, 401u) << what;
    EXPECT_TRUE(wrong.body.contains("AUTHENTICATION_FAILED")) << what;
    for (const HttpAnswer& answer : {none, wrong}) {
      EXPECT_EQ(answer.header("www-authenticate"), "Bearer") << what;
    }
  }
}

TEST_F(WalkTest, AnApplyWantsForEachResourceWhatItsPathWants) {
  const std::pair<std::string, std::string> resources[] = {
      {"/v0/workspaces/{workspace}", R"({"kind":"workspace","spec":{"name":"third"}})"},
      {"/v0/locations/{location}",
       R"({"kind":"location","spec":{"name":"par","country":"fr","continent":"eu"}})"},
      {"/v0/environments/{environment}", R"({"kind":"environment","spec":{"name":"staging"}})"},
      {"/v0/policies/{policy}",
       R"({"kind":"policy","spec":{"name":"p","type":"location","locations":["continent/eu"]}})"},
  };
  const std::vector<Line> all = lines();
  for (const auto& [path, resource] : resources) {
    const auto put = std::ranges::find_if(
        all, [&](const Line& line) { return line.path == path && line.method == "PUT"; });
    ASSERT_NE(put, all.end()) << path;
    for (const Key& key : all_) {
      const bool may = documented("read", key.role, key.workspace, "default") &&
                       documented(put->wants, key.role, key.workspace, "default");
      const auto answer = ask({"/v0/apply?dryRun=true", "POST", "read"}, "default", key.header,
                              "{\"resources\":[" + resource + "]}");
      EXPECT_EQ(answer.status, may ? 200u : 403u)
          << resource << " by a key of role " << to_string(key.role) << " of workspace '"
          << key.workspace << "': " << answer.body;
    }
  }
}

TEST_F(WalkTest, ARequestThatNamesNoWorkspaceIsForTheKeysOwn) {
  for (const Key& key : all_) {
    const auto answer = client_->ask(get("/v0/keys", key.header));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, key.role == Role::kAdmin ? 200u : 403u) << answer->body;
    if (answer->status != 200) continue;
    const auto items = boost::json::parse(answer->body).at("items").as_array();
    EXPECT_EQ(items.size(), key.workspace.empty() ? 9u : 3u);
  }
}

TEST_F(WalkTest, WritesThatWereRefusedAreInTheAuditLog) {
  for (const Key& key : all_) {
    if (key.role == Role::kInvoke) ask({"/v0/policies/{p}", "PUT", ""}, "default", key.header);
  }
  ask({"/v0/policies/{p}", "PUT", ""}, "default", "");
  ask({"/v0/policies/{p}", "GET", ""}, "default", "");
  ASSERT_TRUE(keys_->note_now());
  std::multiset<std::string> seen;
  for (const store::AuditEntry& entry : *store_.audit({}, 100)) {
    if (entry.action == "refused") seen.insert(entry.resource + " " + entry.result);
  }
  EXPECT_EQ(seen,
            (std::multiset<std::string>{
                "PUT /v0/policies/x-p AUTHENTICATION_REQUIRED", "PUT /v0/policies/x-p FORBIDDEN",
                "PUT /v0/policies/x-p FORBIDDEN", "PUT /v0/policies/x-p FORBIDDEN"}));
}

}  // namespace
}  // namespace tenon::testing

// Who is answered: keys, roles, addresses.

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <set>

#include "tests/host/gateway/gateway_fixture.h"

namespace tenon::testing {
namespace {

class AdmissionTest : public GatewayTest {
 protected:
  AdmissionTest() {
    dispatcher_.add("echo", {});
    api_ = [](const control::Request& request, const std::shared_ptr<control::Reply>& reply) {
      reply->whole(200, "text/plain",
                   request.caller.name + "/" + std::string(to_string(request.caller.role)) + "/" +
                       std::string(request.header("x-tenon-workspace")));
    };
  }
  std::string add(const std::string& id, Role role, const std::string& workspace = "") {
    access::Grant grant;
    grant.caller = {id, "key " + id, role, workspace};
    grant.secret = access::digest_of("tn_" + id);
    grants_.push_back(grant);
    access_.set(grants_, true);
    return "Authorization: Bearer tn_" + id + "\r\n";
  }

  std::vector<access::Grant> grants_;
};

constexpr std::string_view kEndpoint = "/default/models/echo/x";

TEST_F(AdmissionTest, WithoutKeysEverybodyIsAnAdmin) {
  serve();
  auto client = connect();
  EXPECT_EQ(client.ask(get("/v0/models"))->body, "anonymous/admin/");
  EXPECT_EQ(client.ask(post(kEndpoint, "a"))->status, 200u);
}

TEST_F(AdmissionTest, WithoutKeysNoWebPageIsAnswered) {
  serve();
  auto client = connect();
  const std::string foreign = "Origin: http://evil.example\r\n";
  for (const std::string_view path : {std::string_view("/v0/models"), kEndpoint}) {
    EXPECT_EQ(client.ask(post(path, "", foreign))->status, 403u);
    EXPECT_EQ(
        client.ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: evil.example\r\n\r\n")->status,
        403u);
  }
  EXPECT_EQ(client.ask(post("/v0/models", "{}", "Content-Type: text/plain\r\n"))->status, 415u);
  EXPECT_EQ(client
                .ask("OPTIONS " + std::string(kEndpoint) +
                     " HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
                     "Access-Control-Request-Method: POST\r\n\r\n")
                ->status,
            403u);
}

TEST_F(AdmissionTest, TheFirstKeyClosesTheHostWhileItRuns) {
  serve();
  auto client = connect();
  EXPECT_EQ(client.ask(get("/v0/models"))->status, 200u);
  const std::string key = add("k1", Role::kAdmin);
  const auto refused = client.ask(get("/v0/models"));
  EXPECT_EQ(refused->status, 401u);
  EXPECT_EQ(refused->header("www-authenticate"), "Bearer");
  EXPECT_TRUE(refused->body.contains("AUTHENTICATION_REQUIRED"));
  EXPECT_EQ(client.ask(post(kEndpoint, "a"))->status, 401u);
  EXPECT_EQ(client.ask(get("/metrics"))->status, 401u);
  EXPECT_EQ(client.ask(get("/console"))->status, 401u);
  EXPECT_EQ(client.ask(get("/healthz"))->status, 200u);
  EXPECT_EQ(client.ask(get("/readyz"))->status, 200u);
  EXPECT_EQ(client.ask(get("/v0/models", key))->body, "key k1/admin/");
  EXPECT_EQ(client.ask(post(kEndpoint, "a", key))->status, 200u);
  EXPECT_TRUE(client.ask(get("/v0/models", "Authorization: Bearer tn_other\r\n"))
                  ->body.contains("AUTHENTICATION_FAILED"));
  access_.set({}, true);
  EXPECT_EQ(client.ask(get("/v0/models", key))->status, 401u);
}

TEST_F(AdmissionTest, AKeyReachesItsWorkspaceOnly) {
  serve();
  auto client = connect();
  const std::string here = add("k1", Role::kInvoke, "default");
  const std::string elsewhere = add("k2", Role::kAdmin, "other");
  EXPECT_EQ(client.ask(post(kEndpoint, "a", here))->status, 200u);
  const auto refused = client.ask(post(kEndpoint, "a", elsewhere));
  EXPECT_EQ(refused->status, 403u);
  EXPECT_TRUE(refused->body.contains("FORBIDDEN"));
}

TEST_F(AdmissionTest, MetricsWantAReaderOfAllWorkspaces) {
  serve();
  auto client = connect();
  EXPECT_EQ(client.ask(get("/metrics", add("k1", Role::kMember)))->status, 200u);
  EXPECT_EQ(client.ask(get("/metrics", add("k2", Role::kInvoke)))->status, 403u);
  EXPECT_EQ(client.ask(get("/metrics", add("k3", Role::kAdmin, "default")))->status, 403u);
}

TEST_F(AdmissionTest, CredentialsNeverReachAPlugin) {
  serve();
  add("k1", Role::kInvoke);
  auto client = connect();
  const auto answer = client.ask(get(
      kEndpoint,
      "X-Tenon-Authorization: Bearer tn_k1\r\nX-Beamlit-Authorization: Bearer s1\r\n"
      "X-Tenon-Api-Key: s2\r\nX-Beamlit-Api-Key: s3\r\nAuthorization: Basic s4\r\nX-Api-Key: s5\r\n"
      "Cookie: s6\r\nProxy-Authorization: s7\r\nX-Tenon-Workspace: w\r\nX-Beamlit-Workspace: w\r\n"
      "X-Other: seen\r\n"));
  ASSERT_EQ(answer->status, 200u) << answer->body;
  std::set<std::string> seen;
  for (const auto& header : dispatcher_.last().headers) seen.insert(header.first);
  EXPECT_TRUE(seen.contains("x-other"));
  for (const auto* name : {"x-tenon-authorization", "x-beamlit-authorization", "x-tenon-api-key",
                           "x-beamlit-api-key", "authorization", "x-api-key", "cookie",
                           "proxy-authorization", "x-tenon-workspace", "x-beamlit-workspace"}) {
    EXPECT_FALSE(seen.contains(name)) << name;
  }
}

TEST_F(AdmissionTest, TheApiSeesTheWorkspaceAndNoCredential) {
  serve();
  const std::string key = add("k1", Role::kMember);
  auto client = connect();
  EXPECT_EQ(client.ask(get("/v0/models", key + "X-Tenon-Workspace: w\r\n"))->body,
            "key k1/member/w");
}

TEST_F(AdmissionTest, WhoWantsATokenMayShowTheKeyInTheBody) {
  serve();
  add("k1", Role::kMember);
  auto client = connect();
  EXPECT_EQ(client.ask(post("/v0/oauth/token", "{}"))->body, "/invoke/");
  EXPECT_EQ(client.ask(post("/v0/oauth/token", "{}", "Authorization: Basic azE6eA==\r\n"))->status,
            401u);
}

TEST_F(AdmissionTest, ARateIsKeptForEachKey) {
  serve();
  access_.set_rate(3);
  const std::string key = add("k1", Role::kInvoke), other = add("k2", Role::kInvoke);
  auto client = connect();
  unsigned refused = 0;
  for (int i = 0; i < 20; ++i) {
    const auto answer = client.ask(post(kEndpoint, "a", key));
    if (answer->status == 429) {
      ++refused;
      EXPECT_NE(answer->header("retry-after"), "(none)");
    }
  }
  EXPECT_GE(refused, 10u);
  EXPECT_EQ(client.ask(post(kEndpoint, "a", other))->status, 200u);
}

TEST_F(AdmissionTest, TheControlApiCanHaveAddressesOfItsOwn) {
  spec_.control_listen = {{"127.0.0.1", 0}};
  serve();
  ASSERT_EQ(gateway_->addresses().size(), 2u);
  auto models = connect();
  EXPECT_EQ(models.ask(post(kEndpoint, "a"))->status, 200u);
  EXPECT_EQ(models.ask(get("/v0/models"))->status, 404u);
  EXPECT_EQ(models.ask(get("/metrics"))->status, 404u);
  EXPECT_EQ(models.ask(get("/healthz"))->status, 200u);
  RawClient control(gateway_->addresses()[1].port);
  EXPECT_EQ(control.ask(get("/v0/models"))->status, 200u);
  EXPECT_EQ(control.ask(get("/metrics"))->status, 200u);
  EXPECT_EQ(control.ask(get("/healthz"))->status, 200u);
  EXPECT_EQ(control.ask(post(kEndpoint, "a"))->status, 404u);
}

class UnixSocketTest : public AdmissionTest {
 protected:
  UnixSocketTest() {
    char folder[] = "/tmp/tenon-unix-XXXXXX";
    folder_ = ::mkdtemp(folder);
    path_ = folder_ + "/control.sock";
    spec_.control_listen = {{"", 0, path_}};
  }
  ~UnixSocketTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_, path_;
};

TEST_F(UnixSocketTest, ItsOwnUserNeedsNoKey) {
  serve();
  add("k1", Role::kInvoke);
  RawClient client(path_);
  EXPECT_EQ(client.ask(get("/v0/models"))->body, "owner/admin/");
  EXPECT_EQ(client.ask("GET /v0/models HTTP/1.1\r\nHost: any\r\n\r\n")->status, 200u);
  struct stat found{};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST_F(UnixSocketTest, ASocketThatAnEndedHostLeftIsReplaced) {
  const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path_.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(left);
  serve();
  EXPECT_EQ(RawClient(path_).ask(get("/healthz"))->status, 200u);
}

TEST_F(UnixSocketTest, OneThatIsInUseIsNot) {
  serve();
  gateway::Gateway second(loops_, dispatcher_, control_, access_, metrics_, spec_);
  const auto bound = second.listen();
  ASSERT_FALSE(bound);
  EXPECT_TRUE(bound.error().message.contains(path_)) << bound.error().message;
}

}  // namespace
}  // namespace tenon::testing

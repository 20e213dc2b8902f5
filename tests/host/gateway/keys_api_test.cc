// /v0/keys and /v0/oauth/token, as a client sees them.

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "tests/host/gateway/keys_fixture.h"

namespace tenon::testing {
namespace {

namespace json = boost::json;

constexpr std::string_view kJson = "Content-Type: application/json\r\n";
constexpr std::string_view kForm = "Content-Type: application/x-www-form-urlencoded\r\n";
constexpr std::string_view kToken = "/v0/oauth/token";

class KeysApiTest : public ServedKeys {
 protected:
  HttpAnswer create(const std::string& header, std::string_view body) {
    return *client_->ask(post("/v0/keys", body, std::string(kJson) + header));
  }
  unsigned remove(const std::string& header, const std::string& path) {
    const auto answer =
        client_->ask("DELETE " + path + " HTTP/1.1\r\nHost: localhost\r\n" + header + "\r\n");
    return answer ? answer->status : 0;
  }
  HttpAnswer ask_token(std::string_view type, const std::string& header, std::string_view body) {
    return *client_->ask(post(kToken, body, std::string(type) + header));
  }
  bool is_admitted(const std::string& secret) {
    return client_->ask(get("/v0/models", header_of(secret)))->status == 200;
  }

  // The workspace "other" beside "default".
  void make_workspace() {
    Draft other{{Kind::kWorkspace, "", "other", ""}, {}, Workspace{.name = "other"}};
    const std::vector<control::Wish> wishes = {{.draft = std::move(other)}};
    ASSERT_TRUE(catalog_->change(wishes, {"test", "api", true, false}));
  }
};

TEST_F(KeysApiTest, TheFirstKeyIsMadeOpenlyAndShownOnce) {
  const auto made = create("", R"({"role":"admin","name":"ci","expiresIn":"90d"})");
  ASSERT_EQ(made.status, 201u) << made.body;
  EXPECT_EQ(made.header("cache-control"), "no-store");
  const json::object key = json::parse(made.body).as_object();
  const std::string secret(key.at("key").as_string());
  EXPECT_TRUE(secret.starts_with("tn_"));
  EXPECT_EQ(create("", R"({"role":"admin"})").status, 401u);
  const std::string header = header_of(secret);
  const auto listed = client_->ask(get("/v0/keys", header));
  EXPECT_TRUE(listed->body.contains("\"ci\""));
  EXPECT_FALSE(listed->body.contains("tn_"));
  const std::string path = "/v0/keys/" + std::string(key.at("id").as_string());
  const auto shown = client_->ask(get(path, header));
  EXPECT_EQ(shown->status, 200u);
  EXPECT_FALSE(shown->body.contains("tn_"));
  EXPECT_EQ(remove(header, path), 200u);
  EXPECT_FALSE(is_admitted(secret));
}

TEST_F(KeysApiTest, AdminsManageTheKeysOfTheirWorkspace) {
  make_workspace();
  const std::string all = header_of(make(Role::kAdmin).secret);
  const std::string other = header_of(make(Role::kAdmin, "other").secret);
  const auto* const of_other = R"({"role":"invoke","workspace":"other"})";
  EXPECT_EQ(create(all, of_other).status, 201u);
  EXPECT_EQ(create(all, R"({"role":"invoke"})").status, 201u);
  EXPECT_EQ(create(other, of_other).status, 201u);
  EXPECT_EQ(create(other, R"({"role":"invoke"})").status, 403u);
  EXPECT_EQ(create(other, R"({"role":"invoke","workspace":"default"})").status, 403u);
  EXPECT_EQ(create(all, R"({"role":"invoke","workspace":"none"})").status, 404u);
  for (const store::ApiKey& key : *keys_->list()) {
    if (key.workspace == "other") continue;
    EXPECT_EQ(client_->ask(get("/v0/keys/" + key.id, other))->status, 404u);
    EXPECT_EQ(remove(other, "/v0/keys/" + key.id), 404u);
  }
}

TEST_F(KeysApiTest, AWorkspaceThatKeysAreForStays) {
  make_workspace();
  const std::string all = header_of(make(Role::kAdmin).secret);
  const auto key = make(Role::kInvoke, "other");
  EXPECT_EQ(remove(all, "/v0/workspaces/other"), 409u);
  EXPECT_EQ(remove(all, "/v0/keys/" + key.key.id), 200u);
  EXPECT_NE(remove(all, "/v0/workspaces/other"), 409u);
}

TEST_F(KeysApiTest, AWishIsReadStrictly) {
  const std::string all = header_of(make(Role::kAdmin).secret);
  for (const auto* body : {"[]", "no"}) EXPECT_EQ(create(all, body).status, 400u) << body;
  for (const auto* body :
       {"{}", R"({"role":"boss"})", R"({"role":1})", R"({"role":"admin","x":""})",
        R"({"role":"admin","workspace":"A b"})", R"({"role":"admin","expiresIn":"soon"})",
        R"({"role":"admin","expiresIn":"0d"})", R"({"role":"admin","expiresIn":"-1d"})",
        R"({"role":"admin","name":"a\nb"})"}) {
    EXPECT_EQ(create(all, body).status, 422u) << body;
  }
  EXPECT_EQ(keys_->list()->size(), 1u);
}

TEST_F(KeysApiTest, AKeyIsExchangedForATokenAndATokenForNone) {
  const auto made = make(Role::kMember);
  const std::string id = made.key.id, header = header_of(made.secret);
  const std::string grant = R"({"grant_type":"client_credentials")";
  const std::string form = "grant_type=client_credentials&scope=a+b&client_id=" + id;
  const auto given = ask_token(
      kJson, "", grant + R"(,"client_id":")" + id + R"(","client_secret":")" + made.secret + "\"}");
  ASSERT_EQ(given.status, 200u) << given.body;
  EXPECT_EQ(given.header("cache-control"), "no-store");
  const json::object token = json::parse(given.body).as_object();
  EXPECT_EQ(token.at("token_type").as_string(), "Bearer");
  EXPECT_EQ(token.at("expires_in").to_number<int>(), 7200);
  const std::string text(token.at("access_token").as_string());
  EXPECT_TRUE(is_admitted(text));
  EXPECT_EQ(ask_token(kForm, "", form + "&client_secret=" + made.secret).status, 200u);
  EXPECT_EQ(ask_token(kJson, header, grant + "}").status, 200u);
  EXPECT_EQ(ask_token(kJson, header_of(text), grant + "}").status, 401u);
  EXPECT_EQ(ask_token(kForm, "", form).status, 401u);
  EXPECT_EQ(ask_token(kForm, "", form + "&client_secret=x").status, 401u);
  EXPECT_EQ(ask_token(kForm, header, "grant_type=password").status, 400u);
  EXPECT_EQ(ask_token(kForm, header, "a b").status, 400u);
  EXPECT_EQ(ask_token("Content-Type: text/plain\r\n", header, form).status, 415u);
  ASSERT_TRUE(keys_->remove(id, "test"));
  EXPECT_FALSE(is_admitted(text));
}

TEST_F(KeysApiTest, TheDocumentTellsHowKeysAreShown) {
  const auto answer = client_->ask(get("/v0/openapi.json", header_of(make(Role::kMember).secret)));
  const json::value document = json::parse(answer->body);
  EXPECT_EQ(document.at_pointer("/components/securitySchemes/key/scheme").as_string(), "bearer");
  EXPECT_TRUE(document.at_pointer("/paths/~1v0~1keys/post/requestBody/content").is_object());
  EXPECT_TRUE(document.at_pointer("/paths/~1v0~1oauth~1token/post/requestBody/content")
                  .as_object()
                  .contains("application/x-www-form-urlencoded"));
}

}  // namespace
}  // namespace tenon::testing

// The gateway behind TLS, with clients of OpenSSL's.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/host/gateway/gateway_fixture.h"

namespace tenon::testing {
namespace {

template <class T, void (*Free)(T*)>
struct Freeing {
  void operator()(T* it) const { Free(it); }
};
template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, Freeing<T, Free>>;

// A certificate of its own for this name.
void write_certificate(const TlsFiles& files, const char* name) {
  const Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const Owned<X509, X509_free> certificate(X509_new());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), subject);
  X509_sign(certificate.get(), key.get(), EVP_sha256());
  std::FILE* file = std::fopen(files.certificate.c_str(), "w");
  PEM_write_X509(file, certificate.get());
  std::fclose(file);
  file = std::fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
}

class TlsClient {
 public:
  // `offered`: protocols as ALPN has them.
  explicit TlsClient(unsigned port, int most = 0, std::string_view offered = "")
      : plain_(port), context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_.get())) {
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(offered.data()),
                        static_cast<unsigned>(offered.size()));
    if (most != 0) {
      SSL_set_security_level(ssl_.get(), 0);
      SSL_set_min_proto_version(ssl_.get(), most);
      SSL_set_max_proto_version(ssl_.get(), most);
    }
    SSL_set_fd(ssl_.get(), plain_.fd());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }

  bool connected() const { return connected_; }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  std::string certificate_name() const {
    const Owned<X509, X509_free> found(SSL_get1_peer_certificate(ssl_.get()));
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(found.get()), NID_commonName, name,
                              sizeof name);
    return name;
  }
  void send(std::string_view bytes) {
    SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  // Up to the end of the connection.
  std::string rest() {
    std::string out;
    char bytes[65536];
    for (int n; (n = SSL_read(ssl_.get(), bytes, sizeof bytes)) > 0;) {
      out.append(bytes, static_cast<std::size_t>(n));
    }
    ended_well_ = SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN;
    return out;
  }
  bool ended_well() const { return ended_well_; }

 private:
  RawClient plain_;
  Owned<SSL_CTX, SSL_CTX_free> context_;
  Owned<SSL, SSL_free> ssl_;
  bool connected_ = false;
  bool ended_well_ = false;
};

class TlsTest : public GatewayTest {
 protected:
  TlsTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as a host does
    char folder[] = "/tmp/tenon-tls-XXXXXX";
    folder_ = ::mkdtemp(folder);
    files_ = {folder_ + "/cert.pem", folder_ + "/key.pem"};
    spec_.tls = files_;
    write_certificate(files_, "first");
    dispatcher_.add("echo", {});
  }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  TlsFiles files_;
};

const std::string kClose = "Connection: close\r\n";

TEST_F(TlsTest, AnswersAndEndsInOrder) {
  serve();
  TlsClient client(port_);
  ASSERT_TRUE(client.connected());
  client.send(post("/default/models/echo/a", "one"));
  client.send(post("/default/models/echo/b", "two", kClose));
  const std::string answers = client.rest();
  EXPECT_TRUE(answers.contains("\r\n\r\noneHTTP/1.1 200")) << answers;
  EXPECT_TRUE(answers.ends_with("\r\n\r\ntwo")) << answers;
  EXPECT_TRUE(client.ended_well());
}

TEST_F(TlsTest, AgreesOnTheProtocolThatItSpeaksWithWhoeverOffersIt) {
  serve();
  using namespace std::string_view_literals;
  TlsClient both(port_, 0, "\x02h2\x08http/1.1"sv);
  ASSERT_TRUE(both.connected());
  EXPECT_EQ(both.protocol(), "http/1.1");
  both.send(post("/default/models/echo/a", "one", kClose));
  EXPECT_TRUE(both.rest().ends_with("\r\n\r\none"));
  TlsClient other(port_, 0, "\x02h2"sv);
  EXPECT_EQ(other.protocol(), "");
}

TEST_F(TlsTest, LargeBodiesPassBothWays) {
  serve();
  for (const std::size_t size : {16'383UL, 16'384UL, 16'385UL, 200'000UL}) {
    TlsClient client(port_);
    const std::string body(size, 'x');
    client.send(post("/default/models/echo/a", body, kClose));
    EXPECT_TRUE(client.rest().ends_with("\r\n\r\n" + body)) << size;
  }
}

TEST_F(TlsTest, ASlowReaderGetsAllOfALongAnswer) {
  dispatcher_.add("long", streams(8 << 20));
  serve();
  TlsClient client(port_);
  client.send(get("/default/models/long/a", kClose));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_GT(client.rest().size(), std::size_t{8 << 20});
}

TEST_F(TlsTest, KnowsNothingOlderThanOnePointTwo) {
  serve();
  EXPECT_FALSE(TlsClient(port_, TLS1_1_VERSION).connected());
  EXPECT_TRUE(TlsClient(port_, TLS1_2_VERSION).connected());
  EXPECT_TRUE(TlsClient(port_, TLS1_3_VERSION).connected());
}

TEST_F(TlsTest, APlainRequestIsNotAnswered) {
  serve();
  auto client = connect();
  EXPECT_FALSE(client.ask(get("/healthz")));
  EXPECT_TRUE(eventually([&] { return open_connections() == 0; }));
}

TEST_F(TlsTest, NewConnectionsGetANewCertificateAndOldOnesGoOn) {
  serve();
  TlsClient before(port_);
  EXPECT_EQ(before.certificate_name(), "first");
  write_certificate(files_, "second");
  gateway_->reload_tls();
  EXPECT_EQ(TlsClient(port_).certificate_name(), "second");
  before.send(get("/healthz", kClose));
  EXPECT_TRUE(before.rest().ends_with("ok\n"));
}

TEST_F(TlsTest, ABadFileChangesNothingWhileServing) {
  serve();
  std::ofstream(files_.certificate) << "no certificate";
  gateway_->reload_tls();
  EXPECT_EQ(TlsClient(port_).certificate_name(), "first");
}

TEST_F(TlsTest, ABadFileStopsTheStart) {
  std::ofstream(files_.key) << "no key";
  gateway::Gateway second(loops_, dispatcher_, control_, access_, metrics_, spec_);
  const auto bound = second.listen();
  ASSERT_FALSE(bound);
  EXPECT_TRUE(bound.error().message.contains(files_.key)) << bound.error().message;
}

}  // namespace
}  // namespace tenon::testing

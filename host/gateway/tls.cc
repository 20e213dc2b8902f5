#include "host/gateway/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <climits>
#include <cstring>

namespace tenon::gateway {
namespace {

std::string last_problem() {
  char text[256] = "no reason given";
  if (const auto code = ::ERR_peek_last_error()) ::ERR_error_string_n(code, text, sizeof text);
  ::ERR_clear_error();
  return text;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";  // what is chosen points into it
  unsigned char* chosen = nullptr;
  if (::SSL_select_next_proto(&chosen, out_size, kOurs, sizeof kOurs - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<std::shared_ptr<SSL_CTX>> make_context(const TlsFiles& files) {
  std::shared_ptr<SSL_CTX> context(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free);
  SSL_CTX* const raw = context.get();
  ::SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  ::SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_ENABLE_KTLS |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
  ::SSL_CTX_set_alpn_select_cb(raw, choose_protocol, nullptr);
  const auto refusal = [](const std::string& what) {
    return fail(Code::kInvalid, what + ": " + last_problem());
  };
  if (::SSL_CTX_use_certificate_chain_file(raw, files.certificate.c_str()) != 1) {
    return refusal("[host.tls] certificate: " + files.certificate +
                   " holds no certificate in PEM that can be used");
  }
  if (::SSL_CTX_use_PrivateKey_file(raw, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return refusal("[host.tls] key: " + files.key +
                   " holds no private key in PEM that belongs to the certificate");
  }
  return context;
}

}  // namespace

TlsSession::TlsSession(SSL_CTX& context, int socket) : ssl_(::SSL_new(&context)) {
  ::SSL_set_fd(ssl_, socket);
  ::SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() {
  ::SSL_free(ssl_);
}

TlsSession::Io TlsSession::read(char* to, std::size_t room, std::size_t& got) {
  ::ERR_clear_error();
  return outcome(::SSL_read_ex(ssl_, to, room, &got));
}

TlsSession::Io TlsSession::write(std::string_view bytes, std::size_t& sent) {
  ::ERR_clear_error();
  return outcome(::SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent));
}

TlsSession::Io TlsSession::outcome(int result) const {
  if (result == 1) return Io::kDone;
  switch (::SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return Io::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kEnd;
    default:
      return Io::kFailed;
  }
}

bool TlsSession::has_read_ahead() const {
  return ::SSL_pending(ssl_) > 0;
}

void TlsSession::end() {
  const bool was_told = (::SSL_get_shutdown(ssl_) & SSL_SENT_SHUTDOWN) != 0;
  if (::SSL_is_init_finished(ssl_) && !was_told) ::SSL_shutdown(ssl_);
  ::ERR_clear_error();
}

Result<std::unique_ptr<Tls>> Tls::load(const TlsFiles& files) {
  auto out = std::make_unique<Tls>(files);
  if (auto loaded = out->reload(); !loaded) return std::unexpected(std::move(loaded.error()));
  return out;
}

std::unique_ptr<TlsSession> Tls::accept(int socket) const {
  std::shared_ptr<SSL_CTX> context;
  {
    const std::lock_guard lock(mutex_);
    context = context_;
  }
  return std::make_unique<TlsSession>(*context, socket);
}

Result<void> Tls::reload() {
  const Times now = times();
  auto context = make_context(files_);
  const std::lock_guard lock(mutex_);
  loaded_ = now;  // a bad file is told once, not every time it is looked at
  if (!context) return std::unexpected(std::move(context.error()));
  context_ = *std::move(context);
  return {};
}

bool Tls::changed_on_disk() const {
  const Times now = times();
  const std::lock_guard lock(mutex_);
  return now != loaded_;
}

Tls::Times Tls::times() const {
  std::error_code none;  // a file that is away has a time of its own
  return {std::filesystem::last_write_time(files_.certificate, none),
          std::filesystem::last_write_time(files_.key, none)};
}

}  // namespace tenon::gateway

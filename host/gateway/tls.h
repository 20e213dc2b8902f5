#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>

#include "host/domain/error.h"
#include "host/domain/host_spec.h"

using SSL = struct ssl_st;
using SSL_CTX = struct ssl_ctx_st;

namespace tenon::gateway {

// TLS over one connected socket that never blocks. Where the kernel can, it encrypts itself. The
// process ignores SIGPIPE.
class TlsSession {
 public:
  enum class Io : std::uint8_t { kDone, kWantRead, kWantWrite, kEnd, kFailed };

  TlsSession(SSL_CTX&, int socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;

  // Some bytes; the first calls do the handshake.
  Io read(char* to, std::size_t room, std::size_t& got);
  // After kWantWrite the next call must begin with the same bytes.
  Io write(std::string_view bytes, std::size_t& sent);
  // Whether read() gives bytes without any coming in.
  bool has_read_ahead() const;
  // Tells the client that nothing more comes, as far as that can be told at once.
  void end();

 private:
  Io outcome(int result) const;

  SSL* ssl_;
};

// A certificate and its key from files. [any thread]
class Tls {
 public:
  static Result<std::unique_ptr<Tls>> load(const TlsFiles&);
  explicit Tls(TlsFiles files) : files_(std::move(files)) {}

  std::unique_ptr<TlsSession> accept(int socket) const;
  // New connections get what the files hold now; after an error, what they got before.
  Result<void> reload();
  bool changed_on_disk() const;

 private:
  using Times = std::pair<std::filesystem::file_time_type, std::filesystem::file_time_type>;
  Times times() const;

  const TlsFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;  // under mutex_
  Times loaded_;
};

}  // namespace tenon::gateway

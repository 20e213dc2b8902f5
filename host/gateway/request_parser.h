#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/domain/api_error.h"

namespace tenon::gateway {

// Reads one HTTP/1.x request at a time from a buffer that grows. Boost.Beast does the grammar; on
// top of it everything that two readers could understand differently is refused: a
// Transfer-Encoding other than exactly "chunked" or in HTTP/1.0, folded lines, a missing or second
// Host, a second or listed Content-Length.
//
// The head stays where it was read: its parts are kept as offsets from the buffer's beginning, so
// the buffer may move, but must keep the head's bytes until begin().
class RequestParser {
 public:
  // Where the body goes. Returns how much was taken; less than given pauses the parser.
  class BodySink {
   public:
    virtual std::size_t take(std::string_view) = 0;

   protected:
    ~BodySink() = default;
  };

  enum class Step : std::uint8_t {
    kNeedMore,
    kHead,    // the head is complete; comes once
    kPaused,  // the sink took less than it was given
    kDone,
    kBad,  // see fault()
  };

  struct Fault {
    ApiError error;
    std::string_view message;  // static storage
  };

  struct Slice {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    std::string_view in(const char* buffer) const { return {buffer + begin, size}; }
  };

  enum class Meaning : std::uint8_t {
    kPlain,
    kHidden,      // hop-by-hop, or a secret that nobody here reads
    kCredential,  // tells who sends the request
    kWorkspace,   // whose things it is about
    kHost,
    kOrigin,
    kRequestId,
    kTraceParent,
  };
  struct Field {
    Slice name;  // lower-case
    Slice value;
    Meaning meaning = Meaning::kPlain;
  };

  RequestParser(std::uint64_t head_limit, std::uint64_t body_limit);
  ~RequestParser();

  // Forgets the request: the next byte fed begins a new one. A head must begin at the same place of
  // the buffer until it is complete.
  void begin();
  // Reads bytes [position, end) of the buffer and moves position behind what it took. Writes into
  // the buffer: header names become lower-case.
  Step feed(char* buffer, std::size_t& position, std::size_t end, BodySink&);

  const Fault& fault() const { return fault_; }

  // Legal from kHead on.
  std::string_view method(const char* buffer) const { return method_.in(buffer); }
  std::string_view target(const char* buffer) const { return target_.in(buffer); }
  const std::vector<Field>& fields() const { return fields_; }
  bool keep_alive() const { return keep_alive_; }
  bool is_http_1_1() const { return version_ == 11; }
  bool expects_continue() const { return expects_continue_; }
  bool chunked() const { return chunked_; }
  std::optional<std::uint64_t> content_length() const { return content_length_; }
  // Where the head ends in the buffer: what lies behind it may be thrown away as it is read.
  std::size_t head_end() const { return head_end_; }
  // Whether anything of the request has been read.
  bool started() const { return started_; }

 private:
  class Reader;

  Step put(char* buffer, std::size_t& position, std::size_t end);
  bool has_bare_line_end(const char* buffer, std::size_t end);
  void hide_what_connection_names(const char* buffer);
  Step bad(const boost::system::error_code&);
  Step bad_head_size();

  std::uint64_t head_limit_, body_limit_;
  std::unique_ptr<Reader> reader_;
  std::vector<Field> fields_;
  std::vector<Slice> connection_;  // values of Connection fields
  Slice method_, target_;
  std::optional<std::uint64_t> content_length_;
  std::size_t begin_ = 0, head_end_ = 0;
  std::size_t checked_ = 0;  // no line before it ends badly
  Fault fault_;
  std::uint8_t version_ = 0;
  std::uint8_t hosts_ = 0;
  bool started_ = false;
  bool in_body_ = false;
  bool keep_alive_ = false;
  bool expects_continue_ = false;
  bool chunked_ = false;
};

}  // namespace tenon::gateway

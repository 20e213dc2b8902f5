// Beast asserts (1.81, parse_chunk_header, `n >= 5`) what does not hold for a body that is only its
// last chunk and arrives as "0\r\n\r": its code reads that well, so a debug build must not end
// there.
#define BOOST_DISABLE_ASSERTS

#include "host/gateway/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>

#include "host/access/credential.h"

namespace tenon::gateway {
namespace http = boost::beast::http;

namespace {

using Meaning = RequestParser::Meaning;

constexpr std::size_t kMostFields = 256;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

Meaning meaning_of(http::field field, std::string_view name) {
  switch (field) {
    case http::field::authorization:
      return Meaning::kCredential;
    case http::field::connection:
    case http::field::cookie:
    case http::field::expect:
    case http::field::keep_alive:
    case http::field::proxy_authorization:
    case http::field::proxy_connection:
    case http::field::te:
    case http::field::trailer:
    case http::field::transfer_encoding:
    case http::field::upgrade:
      return Meaning::kHidden;
    case http::field::host:
      return Meaning::kHost;
    case http::field::origin:
      return Meaning::kOrigin;
    default:
      if (name == "traceparent") return Meaning::kTraceParent;
      if (!name.starts_with("x-")) return Meaning::kPlain;
      if (name == "x-request-id") return Meaning::kRequestId;
      if (name == "x-api-key") return Meaning::kHidden;
      if (access::CredentialReader::is_one(name)) return Meaning::kCredential;
      if (name == "x-tenon-workspace" || name == "x-beamlit-workspace") return Meaning::kWorkspace;
      return Meaning::kPlain;
  }
}

// Calls f with each element of a comma-separated list.
template <class F>
void for_each_element(std::string_view list, F f) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view element = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const std::size_t first = element.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    f(element.substr(first, element.find_last_not_of(" \t") - first + 1));
  }
}

}  // namespace

// Beast's parser for one request; writes what it finds into its owner.
class RequestParser::Reader final : public http::basic_parser<true> {
 public:
  explicit Reader(RequestParser& owner) : owner_(owner) {
    header_limit(static_cast<std::uint32_t>(
        std::min<std::uint64_t>(owner.head_limit_, std::numeric_limits<std::uint32_t>::max() / 2)));
    if (owner.body_limit_ != 0) body_limit(owner.body_limit_);
  }

  // Where the bytes of the next put() lie, and where a body goes.
  void set(char* buffer, std::size_t end, BodySink& sink) {
    buffer_ = buffer;
    end_ = end;
    sink_ = &sink;
  }
  bool paused() const { return paused_; }
  const Fault& fault() const { return fault_; }

 private:
  using error_code = boost::beast::error_code;
  using string_view = boost::beast::string_view;

  Slice slice(string_view text) const {
    return {static_cast<std::uint32_t>(text.data() - buffer_),
            static_cast<std::uint32_t>(text.size())};
  }

  void refuse(error_code& ec, std::string_view message, ApiError error = api::kBadRequest) {
    fault_ = {error, message};
    ec = http::error::bad_field;
  }

  // Beast joins continued lines in a buffer of its own, or skips empty ones before the value.
  bool is_folded(string_view name, string_view value) const {
    const char* after_name = name.data() + name.size();
    if (value.data() < after_name || value.data() > buffer_ + end_) return true;
    return std::find(after_name, value.data(), '\n') != value.data();
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    owner_.method_ = slice(method);
    owner_.target_ = slice(target);
    owner_.version_ = static_cast<std::uint8_t>(version);
  }

  void on_response_impl(int, string_view, int, error_code&) override {}

  void on_field_impl(http::field field, string_view name, string_view value,
                     error_code& ec) override {
    if (is_folded(name, value)) {
      return refuse(ec, "a header value goes on in a second line (obs-fold)");
    }
    if (owner_.in_body_) return;  // trailers: read and checked, not passed on
    if (owner_.fields_.size() >= kMostFields) {
      return refuse(ec, "the request has more than 256 header fields", api::kHeadTooLarge);
    }
    const Slice where = slice(name);
    std::transform(buffer_ + where.begin, buffer_ + where.begin + where.size, buffer_ + where.begin,
                   lower);
    const std::string_view text(value.data(), value.size());
    switch (field) {
      case http::field::host:
        if (++owner_.hosts_ > 1) return refuse(ec, "the request has more than one Host");
        break;
      case http::field::transfer_encoding:
        if (owner_.version_ < 11) return refuse(ec, "HTTP/1.0 knows no Transfer-Encoding");
        if (!equal_ignoring_case(text, "chunked")) {
          return refuse(ec, "the only Transfer-Encoding understood here is \"chunked\"");
        }
        owner_.chunked_ = true;
        break;
      case http::field::content_length:
        if (owner_.content_length_)
          return refuse(ec, "the request has more than one Content-Length");
        if (text.empty() || text.find_first_not_of("0123456789") != text.npos) {
          return refuse(ec, "Content-Length is not a plain decimal number");
        }
        owner_.content_length_ = 0;  // the number itself is Beast's
        break;
      case http::field::expect:
        if (!equal_ignoring_case(text, "100-continue")) {
          return refuse(ec, "the only Expect understood here is \"100-continue\"",
                        api::kExpectation);
        }
        owner_.expects_continue_ = true;
        break;
      case http::field::connection:
        owner_.connection_.push_back(slice(value));
        break;
      default:
        break;
    }
    owner_.fields_.push_back({where, slice(value), meaning_of(field, {name.data(), name.size()})});
  }

  void on_header_impl(error_code& ec) override {
    if (owner_.version_ >= 11 && owner_.hosts_ == 0) {
      return refuse(ec, "an HTTP/1.1 request must have a Host");
    }
    if (owner_.content_length_) owner_.content_length_ = *content_length();
    owner_.keep_alive_ = keep_alive();
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}

  std::size_t on_body_impl(string_view body, error_code& ec) override {
    if (body.empty()) return 0;
    const std::size_t taken = sink_->take({body.data(), body.size()});
    paused_ = taken < body.size();
    if (paused_) ec = http::error::need_buffer;
    return taken;
  }

  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}

  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code& ec) override {
    return on_body_impl(body, ec);
  }

  void on_finish_impl(error_code&) override {}

  RequestParser& owner_;
  char* buffer_ = nullptr;
  std::size_t end_ = 0;
  BodySink* sink_ = nullptr;
  bool paused_ = false;
  Fault fault_{};
};

RequestParser::RequestParser(std::uint64_t head_limit, std::uint64_t body_limit)
    : head_limit_(head_limit), body_limit_(body_limit), reader_(std::make_unique<Reader>(*this)) {}

RequestParser::~RequestParser() = default;

void RequestParser::begin() {
  std::destroy_at(reader_.get());
  std::construct_at(reader_.get(), *this);
  fields_.clear();
  connection_.clear();
  content_length_.reset();
  begin_ = head_end_ = checked_ = 0;
  fault_ = {};
  hosts_ = 0;
  started_ = in_body_ = keep_alive_ = expects_continue_ = chunked_ = false;
}

RequestParser::Step RequestParser::feed(char* buffer, std::size_t& position, std::size_t end,
                                        BodySink& sink) {
  reader_->set(buffer, end, sink);
  while (!in_body_) {
    if (!started_) {  // an empty line before a request is tolerated, as the RFC asks
      if (end - position >= 1 && buffer[position] == '\r' &&
          (end - position < 2 || buffer[position + 1] == '\n')) {
        if (end - position < 2) return Step::kNeedMore;
        position += 2;
        continue;
      }
      if (position == end) return Step::kNeedMore;
      started_ = true;
      begin_ = position;
    }
    const Step step = put(buffer, position, end);
    if (step != Step::kHead) {
      // Beast waits for the head's end before it looks at a line end again.
      const bool undecided = step == Step::kNeedMore || fault_.error == api::kVersion;
      if (undecided && has_bare_line_end(buffer, end)) {
        fault_ = {api::kBadRequest, "a line of the request's head does not end in CR LF"};
        return Step::kBad;
      }
      if (step == Step::kNeedMore && end - begin_ >= head_limit_) return bad_head_size();
      return step;
    }
    in_body_ = true;
    head_end_ = position;
    if (head_end_ - begin_ > head_limit_) return bad_head_size();
    hide_what_connection_names(buffer);
    return Step::kHead;
  }
  return put(buffer, position, end);
}

bool RequestParser::has_bare_line_end(const char* buffer, std::size_t end) {
  checked_ = std::max(checked_, begin_);
  for (std::size_t& i = checked_; i < end; ++i) {
    if (buffer[i] == '\r') {
      if (i + 1 == end) return false;
      if (buffer[i + 1] != '\n') return true;
      ++i;
    } else if (buffer[i] == '\n') {
      return true;
    }
  }
  return false;
}

// One put() at least; goes on while there are bytes and nothing to tell.
RequestParser::Step RequestParser::put(char* buffer, std::size_t& position, std::size_t end) {
  for (;;) {
    if (reader_->is_done() && in_body_) return Step::kDone;
    if (position == end) return Step::kNeedMore;
    boost::beast::error_code ec;
    position += reader_->put(boost::asio::const_buffer(buffer + position, end - position), ec);
    if (ec == http::error::need_more) return Step::kNeedMore;
    if (ec == http::error::need_buffer && reader_->paused()) return Step::kPaused;
    if (ec) return bad(ec);
    if (!in_body_ && reader_->is_header_done()) return Step::kHead;
  }
}

RequestParser::Step RequestParser::bad_head_size() {
  fault_ = {api::kHeadTooLarge, "the request's head is larger than the host's limit `head`"};
  return Step::kBad;
}

RequestParser::Step RequestParser::bad(const boost::system::error_code& ec) {
  fault_ = reader_->fault();
  if (!fault_.message.empty()) return Step::kBad;
  using http::error;
  fault_.error = api::kBadRequest;
  if (ec == error::header_limit) return bad_head_size();
  if (ec == error::body_limit) {
    fault_ = {api::kBodyTooLarge, "the request's body is larger than the host's limit `body`"};
  } else if (ec == error::bad_version) {
    fault_ = {api::kVersion, "the request line does not end in HTTP/1.0 or HTTP/1.1"};
  } else if (ec == error::bad_method) {
    fault_.message = "the request does not begin with a method";
  } else if (ec == error::bad_target) {
    fault_.message = "the request target has a character that may not stand there, or none";
  } else if (ec == error::bad_content_length || ec == error::multiple_content_length ||
             ec == error::bad_transfer_encoding) {
    fault_.message = "Content-Length and Transfer-Encoding do not say one length";
  } else if (ec == error::bad_chunk || ec == error::bad_chunk_extension) {
    fault_.message = "a chunk of the body has a bad size line or a bad end";
  } else {
    fault_.message = "a line of the request's head is malformed";
  }
  return Step::kBad;
}

void RequestParser::hide_what_connection_names(const char* buffer) {
  for (const Slice& value : connection_) {
    for_each_element(value.in(buffer), [&](std::string_view named) {
      for (Field& field : fields_) {
        const std::string_view name = field.name.in(buffer);
        if (name != "host" && name != "content-length" && equal_ignoring_case(name, named)) {
          field.meaning = Meaning::kHidden;
        }
      }
    });
  }
}

}  // namespace tenon::gateway

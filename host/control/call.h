#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/access/access.h"
#include "host/access/rules.h"
#include "host/control/desk.h"
#include "host/control/plan.h"

namespace tenon::control {

class Api;

struct Param {
  enum class Type : std::uint8_t { kString, kInteger, kBoolean };
  std::string_view name;
  Type type = Type::kString;
  std::string_view help;
  bool required = false;
};

class Call;

// JSON has one kind of number: 2.0 is 2.
std::optional<std::int64_t> whole_number(const boost::json::value&);

// One operation of the API: what is routed, what is checked, and what the OpenAPI document tells.
struct Route {
  std::string_view method;
  std::string_view path;                 // "/v0/models/{model}"
  std::string_view id;                   // "getModel"
  std::string_view help;                 // one line
  access::Act act = access::Act::kHost;  // what the caller must be allowed
  std::vector<Param> query;
  std::string_view body;    // name of a schema; "": none is taken
  std::string_view answer;  // name of a schema
  unsigned status = 200;
  void (*handle)(Api&, Call&) = nullptr;
  bool takes_form = false;  // as well as JSON
};

// A request to the API under way: its parts, read as its route says.
class Call {
 public:
  Call(const Request& request, std::shared_ptr<Reply> reply, const Route& route,
       std::vector<std::string> path, const access::Access& access)
      : request_(request),
        reply_(std::move(reply)),
        route_(route),
        path_(std::move(path)),
        access_(access) {}

  // False: refused.
  bool read_query();
  bool read_body();

  const Request& request() const { return request_; }
  const std::shared_ptr<Reply>& reply() const { return reply_; }
  const std::string& path(std::size_t index) const { return path_[index]; }
  std::optional<std::string> text(std::string_view param) const;
  std::int64_t integer(std::string_view param, std::int64_t otherwise) const;
  bool flag(std::string_view param) const;
  const boost::json::object& body() const { return body_; }

  std::string workspace;         // that the call is about
  bool names_workspace = false;  // else it is the caller's, or the host's
  Who who;

  void answer(const boost::json::value&, unsigned status = 200);
  void answer_text(std::string json, unsigned status = 200);
  // A write that its sender may not do is noted for the audit log.
  void refuse(const ApiError&, std::string message);
  void refuse(const std::vector<Refused>&);
  void refuse(const Error&);

 private:
  const Request& request_;
  std::shared_ptr<Reply> reply_;
  const Route& route_;
  std::vector<std::string> path_;
  const access::Access& access_;
  std::map<std::string, std::string, std::less<>> query_;
  boost::json::object body_;
};

}  // namespace tenon::control

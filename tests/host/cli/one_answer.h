#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "host/cli/command.h"

namespace tenon::cli {

inline std::string http_answer(std::string_view body, std::string_view status = "200 OK") {
  return "HTTP/1.1 " + std::string(status) + "\r\ncontent-length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

// A host that answers one request after another with these bytes, each on a connection of its own.
class Answers {
 public:
  explicit Answers(std::vector<std::string> answers)
      : acceptor_(context_, {boost::asio::ip::make_address("127.0.0.1"), 0}),
        thread_([this, answers = std::move(answers)] {
          for (const std::string& answer : answers) serve(answer);
        }) {}
  ~Answers() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }

  std::vector<std::string> requests;  // after join(): heads and bodies

 private:
  void serve(const std::string& answer) {
    boost::asio::ip::tcp::socket socket = acceptor_.accept();
    boost::system::error_code error;
    std::string request;
    auto buffer = boost::asio::dynamic_buffer(request);
    const std::size_t head = boost::asio::read_until(socket, buffer, "\r\n\r\n", error);
    constexpr std::string_view kLength = "Content-Length: ";
    if (const auto at = request.find(kLength); at < head) {
      const std::size_t body = std::stoul(request.substr(at + kLength.size()));
      const std::size_t missing = head + body - request.size();
      boost::asio::read(socket, buffer, boost::asio::transfer_exactly(missing), error);
    }
    requests.push_back(std::move(request));
    boost::asio::write(socket, boost::asio::buffer(answer), error);
  }

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::thread thread_;
};

struct Ran {
  int status;
  std::string out, err;
};

inline Ran run(int (*verb)(const Arguments&, Streams), const Arguments& words) {
  std::ostringstream out, err;
  const int status = verb(words, {out, err});
  return {status, out.str(), err.str()};
}

}  // namespace tenon::cli

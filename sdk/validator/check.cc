#include "sdk/validator/check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace tenon::validator {
namespace {

constexpr std::size_t kMostText = 1 << 16;
constexpr std::string_view kSkipped = "skipped ", kFault = "fault ", kEnd = "end\n";

struct Skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// A descriptor, closed with its owner.
class File {
 public:
  explicit File(int fd) : fd_(fd) {
    if (fd < 0) throw std::runtime_error(std::string("no file for a check: ") + strerror(errno));
  }
  ~File() { close(); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

std::string encode(const Verdict& verdict) {
  std::string out;
  if (!verdict.skipped.empty()) out += std::string(kSkipped) + one_line(verdict.skipped) + '\n';
  for (const auto& fault : verdict.faults) out += std::string(kFault) + one_line(fault) + '\n';
  return out += kEnd;
}

// False when the text is not whole: the plugin ended the process.
bool decode(std::string_view text, Verdict& out) {
  while (!text.empty() && text != kEnd) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return false;
    const auto line = text.substr(0, end);
    if (line.starts_with(kSkipped)) out.skipped = line.substr(kSkipped.size());
    if (line.starts_with(kFault)) out.faults.emplace_back(line.substr(kFault.size()));
    text.remove_prefix(end + 1);
  }
  return text == kEnd;
}

void write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(to, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

[[noreturn]] void run_here(const Check& check, const Subject& subject, int result, int output) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  Verdict verdict;
  try {
    verdict = check.run(subject);
  } catch (const Skipped& reason) {
    verdict.skipped = reason.what();
  } catch (const std::exception& error) {
    verdict.faults.emplace_back(error.what());
  }
  fflush(nullptr);  // what a plugin printed shows
  write_all(result, encode(verdict));
  _exit(0);
}

// All that comes until the other end closes; false when the time is up.
bool read_all(int from, std::chrono::seconds limit, std::string& out) {
  const auto end = std::chrono::steady_clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd ready{from, POLLIN, 0};
    const int got = poll(&ready, 1, static_cast<int>(left.count()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    std::array<char, 4096> buffer;
    const ssize_t n = read(from, buffer.data(), buffer.size());
    if (n <= 0) return true;
    if (out.size() < kMostText) out.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::string first_line(int file) {
  std::array<char, 256> buffer;
  const ssize_t n = pread(file, buffer.data(), buffer.size(), 0);
  const std::string_view text(buffer.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  return std::string(text.substr(0, text.find('\n')));
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    return "died by signal " + std::to_string(WTERMSIG(status)) + " (" +
           strsignal(WTERMSIG(status)) + ")";
  }
  return "left the process with exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Verdict run_isolated(const Check& check, const Subject& subject) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) ends = {-1, -1};
  File result(ends[0]), writing(ends[1]);
  const File output(memfd_create("output", MFD_CLOEXEC));
  const pid_t child = fork();
  if (child == 0) run_here(check, subject, writing.get(), output.get());
  if (child < 0)
    throw std::runtime_error(std::string("no process for a check: ") + strerror(errno));
  writing.close();

  std::string text;
  const bool ended = read_all(result.get(), check.limit, text);
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  Verdict verdict;
  const std::string said = first_line(output.get());
  if (!ended) {
    verdict.faults.push_back("did not end within " + std::to_string(check.limit.count()) + " s");
  } else if (!decode(text, verdict)) {
    verdict.faults.push_back(how_it_ended(status) + (said.empty() ? "" : ": " + said));
  } else if (!said.empty()) {
    verdict.faults.push_back("wrote to stdout or stderr: \"" + said + "\"");
  }
  return verdict;
}

const tenon_plugin_descriptor* open_plugin(const Subject& subject) {
  // Never closed: what a plugin leaves behind may still run.
  static boost::dll::shared_library library;
  library.load(subject.library,
               boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  return library.get<const tenon_plugin_descriptor*()>("tenon_plugin_v1")();
}

void expect_started(const Subject& subject, const FakeFailure& failure, const std::string& what) {
  if (!failure) return;
  if (!subject.model_given) throw Skipped("it needs a model folder to serve: give it with --model");
  throw std::runtime_error(what + " failed: " + failure.message);
}

void start(FakeHost& host, const Subject& subject) {
  host.set_patience(subject.patience);
  if (const auto failed = host.create())
    throw std::runtime_error("create failed: " + failed.message);
  expect_started(subject, host.prepare(subject.model), "prepare");
  expect_started(subject, host.load(2), "load");
}

}  // namespace tenon::validator

#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

extern char** environ;

namespace tenon::cli {

// A running `tenon`, its standard error in a pipe. Killed at the end if it still runs.
class Program {
 public:
  explicit Program(std::vector<std::string> words) {
    const char* build = ::getenv("TENON_BUILD_DIR");
    words.insert(words.begin(), std::string(build ? build : "build/release") + "/bin/tenon");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    ::posix_spawn_file_actions_addclose(&actions, ends[0]);
    ::posix_spawn_file_actions_addclose(&actions, ends[1]);
    EXPECT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0) << argv[0];
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    from_ = ends[0];
  }
  ~Program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      status();
    }
    ::close(from_);
  }

  // The first line, from here on, that holds this text; "" when the program ended without one.
  std::string line_with(std::string_view text) {
    for (;;) {
      std::string line;
      char c = 0;
      ssize_t n = 0;
      while ((n = ::read(from_, &c, 1)) == 1 && c != '\n') line += c;
      said_ += line + "\n";
      if (line.contains(text)) return line;
      if (n != 1) return "";
    }
  }

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  // Waits for the end: the exit status, or minus the signal.
  int status() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  const std::string& said() const { return said_; }  // the lines read so far

 private:
  pid_t pid_ = 0;
  int from_ = -1;
  std::string said_;
};

}  // namespace tenon::cli

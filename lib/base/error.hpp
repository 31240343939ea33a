// The kinds of failure a user can meet. Code below apps/ throws them; apps/ alone turns them into exit codes.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace mp {

// Base of every error meant for a user: what() is a whole message, ready to print.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A wrong command line (exit code 2).
class UsageError final : public Error {
 public:
  using Error::Error;
};

// One thing wrong with an input file: where, what, and what would be right.
struct Issue {
  std::string place;    // JSON pointer ("/nodes/3/inputs/0") or "line 12"; empty for the file as a whole
  std::string message;  // what is wrong, with the values seen, and the remedy
  friend bool operator==(const Issue&, const Issue&) = default;
};

// A bad input (exit code 3). All issues found in one file are reported together.
class InputError final : public Error {
 public:
  // `source` names the file (or "<standard input>", "<model>").
  InputError(std::string source, std::vector<Issue> issues);
  InputError(std::string source, Issue issue);
  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  [[nodiscard]] const std::vector<Issue>& issues() const noexcept { return issues_; }

 private:
  std::string source_;
  std::vector<Issue> issues_;
};

// Well-formed, but impossible: does not fit in memory, no such balance (exit code 4).
class InfeasibleError final : public Error {
 public:
  using Error::Error;
};

// A run that failed: device, peer, disk (exit code 5).
class RunError final : public Error {
 public:
  using Error::Error;
};

}  // namespace mp

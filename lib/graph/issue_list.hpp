// Collects what is wrong with one file; past a limit it only counts, so that a hopeless file costs no more than a good
// one.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"

namespace mp {

class IssueList {
 public:
  static constexpr std::size_t kMost = 50;

  // `message` is called only while there is room: nearest names are dear.
  template <class MakeMessage>
  void add(std::string place, MakeMessage&& message) {
    if (++found_ <= kMost) issues_.push_back({std::move(place), std::forward<MakeMessage>(message)()});
  }
  void add_all(const std::string& prefix, const std::vector<Issue>& issues) {
    for (const Issue& issue : issues) add(prefix + issue.place, [&] { return issue.message; });
  }
  [[nodiscard]] std::size_t found() const { return found_; }
  void throw_if_any(std::string source) && {
    if (found_ == 0) return;
    if (found_ > kMost) issues_.push_back({"", "and " + std::to_string(found_ - kMost) + " more"});
    throw InputError(std::move(source), std::move(issues_));
  }

 private:
  std::vector<Issue> issues_;
  std::size_t found_ = 0;
};

}  // namespace mp

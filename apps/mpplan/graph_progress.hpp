// What is being done with a large graph, on standard error.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "partition/graph/weighted_graph.hpp"

namespace mp::apps {

// Silent for files below 20 MB: they take a second or two. May be told from several threads.
class GraphProgress {
 public:
  explicit GraphProgress(const std::string& path);

  void say(std::string_view phase);
  // At most one line a second for the same phase.
  void say(std::string_view phase, std::int32_t vertices, partition::Weight cut);

 private:
  void print(const std::string& text);

  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool shown_ = false;
  std::mutex mutex_;
  std::string phase_;  // of the last line
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace mp::apps

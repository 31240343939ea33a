// How often the largest score is that of the right class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "lib/graph/graph.hpp"
#include "lib/training/inference.hpp"

namespace mp::runtime {

// Hears of scores and labels as an executor hands them over, in any order and from several threads at once. Of equal
// scores the first class counts as the prediction; a score that is not a number is never the largest.
class PredictionCounter {
 public:
  PredictionCounter(const Graph& graph, const Classification& classification, std::int32_t microbatches);

  void take(TensorId tensor, std::int32_t microbatch, std::span<const std::byte> values);

  [[nodiscard]] std::int64_t labels() const { return labels_; }  // those that are ignored aside
  [[nodiscard]] std::int64_t correct() const { return correct_; }
  void reset();

 private:
  struct Microbatch {
    std::vector<float> widened;  // scores, where they are bfloat16
    std::vector<std::int64_t> predicted;
    std::vector<std::int64_t> labels;
    bool has_predicted = false;
    bool has_labels = false;
  };
  void predict(std::span<const float> scores, std::vector<std::int64_t>& predicted) const;
  void count(Microbatch& microbatch);

  Classification classification_;
  std::size_t classes_ = 1;
  std::size_t positions_ = 1;  // of scores[N, classes, positions]
  std::vector<Microbatch> microbatches_;
  std::int64_t labels_ = 0;
  std::int64_t correct_ = 0;
  std::mutex mutex_;  // guards the counts and the microbatches' flags
};

}  // namespace mp::runtime

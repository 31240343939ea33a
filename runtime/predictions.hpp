// How often the prediction is the right class.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "lib/graph/graph.hpp"
#include "lib/training/inference.hpp"

namespace mp::runtime {

// Hears of labels, and of a predicted class for each, as an executor hands them over, in any order and from several
// threads at once.
class PredictionCounter {
 public:
  PredictionCounter(const Graph& graph, const Classification& classification, std::int32_t microbatches);

  // `tensor`: the labels, or else what is predicted for them; int64.
  void take(TensorId tensor, std::int32_t microbatch, std::span<const std::byte> values);

  [[nodiscard]] std::int64_t labels() const { return labels_; }  // those that are ignored aside
  [[nodiscard]] std::int64_t correct() const { return correct_; }
  void reset();

 private:
  struct Microbatch {
    std::vector<std::int64_t> predicted;
    std::vector<std::int64_t> labels;
    bool has_predicted = false;
    bool has_labels = false;
  };
  void count(Microbatch& microbatch);

  Classification classification_;
  std::vector<Microbatch> microbatches_;
  std::int64_t labels_ = 0;
  std::int64_t correct_ = 0;
  std::mutex mutex_;  // guards the counts and the microbatches' flags
};

}  // namespace mp::runtime

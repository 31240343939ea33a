#include "runtime/predictions.hpp"

#include <cstring>

#include "lib/base/check.hpp"

namespace mp::runtime {

PredictionCounter::PredictionCounter(const Graph& graph, const Classification& classification,
                                     std::int32_t microbatches)
    : classification_(classification), microbatches_(static_cast<std::size_t>(microbatches)) {
  const auto labels = static_cast<std::size_t>(elements(graph.tensor(classification.labels).type.shape));
  for (Microbatch& microbatch : microbatches_) {
    microbatch.predicted.resize(labels);
    microbatch.labels.resize(labels);
  }
}

void PredictionCounter::take(TensorId tensor, std::int32_t microbatch, std::span<const std::byte> values) {
  Microbatch& own = microbatches_[static_cast<std::size_t>(microbatch)];
  const bool is_labels = tensor == classification_.labels;
  std::vector<std::int64_t>& to = is_labels ? own.labels : own.predicted;
  MP_CHECK(values.size() == to.size() * sizeof(std::int64_t));
  std::memcpy(to.data(), values.data(), values.size());
  const std::lock_guard lock(mutex_);
  (is_labels ? own.has_labels : own.has_predicted) = true;
  if (own.has_labels && own.has_predicted) count(own);
}

void PredictionCounter::reset() { labels_ = correct_ = 0; }

void PredictionCounter::count(Microbatch& microbatch) {
  microbatch.has_labels = microbatch.has_predicted = false;
  for (std::size_t i = 0; i < microbatch.labels.size(); ++i) {
    if (classification_.ignored_label == microbatch.labels[i]) continue;
    ++labels_;
    if (microbatch.labels[i] == microbatch.predicted[i]) ++correct_;
  }
}

}  // namespace mp::runtime

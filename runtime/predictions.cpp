#include "runtime/predictions.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "lib/base/bfloat16.hpp"

namespace mp::runtime {

PredictionCounter::PredictionCounter(const Graph& graph, const Classification& classification,
                                     std::int32_t microbatches)
    : classification_(classification), microbatches_(static_cast<std::size_t>(microbatches)) {
  const Shape& shape = graph.tensor(classification.scores).type.shape;
  classes_ = static_cast<std::size_t>(shape[1]);
  for (std::size_t axis = 2; axis < shape.size(); ++axis) positions_ *= static_cast<std::size_t>(shape[axis]);
  const bool are_rounded = graph.tensor(classification.scores).type.type == DataType::kBfloat16;
  const auto labels = static_cast<std::size_t>(elements(graph.tensor(classification.labels).type.shape));
  for (Microbatch& microbatch : microbatches_) {
    microbatch.predicted.resize(labels);
    microbatch.labels.resize(labels);
    if (are_rounded) microbatch.widened.resize(static_cast<std::size_t>(elements(shape)));
  }
}

void PredictionCounter::take(TensorId tensor, std::int32_t microbatch, std::span<const std::byte> values) {
  Microbatch& own = microbatches_[static_cast<std::size_t>(microbatch)];
  const bool is_labels = tensor == classification_.labels;
  if (is_labels) {
    std::memcpy(own.labels.data(), values.data(), values.size());
  } else if (!own.widened.empty()) {
    const std::span halves(static_cast<const std::uint16_t*>(static_cast<const void*>(values.data())),
                           own.widened.size());
    std::transform(halves.begin(), halves.end(), own.widened.begin(),
                   [](std::uint16_t half) { return from_bfloat16(half); });
    predict(own.widened, own.predicted);
  } else {
    predict({static_cast<const float*>(static_cast<const void*>(values.data())), values.size() / sizeof(float)},
            own.predicted);
  }
  const std::lock_guard lock(mutex_);
  (is_labels ? own.has_labels : own.has_predicted) = true;
  if (own.has_labels && own.has_predicted) count(own);
}

void PredictionCounter::reset() { labels_ = correct_ = 0; }

void PredictionCounter::predict(std::span<const float> scores, std::vector<std::int64_t>& predicted) const {
  for (std::size_t label = 0; label < predicted.size(); ++label) {
    const float* first = scores.data() + (label / positions_) * classes_ * positions_ + label % positions_;
    std::size_t best = 0;
    for (std::size_t c = 1; c < classes_; ++c) {
      if (first[c * positions_] > first[best * positions_] || std::isnan(first[best * positions_])) best = c;
    }
    predicted[label] = static_cast<std::int64_t>(best);
  }
}

void PredictionCounter::count(Microbatch& microbatch) {
  microbatch.has_labels = microbatch.has_predicted = false;
  for (std::size_t i = 0; i < microbatch.labels.size(); ++i) {
    if (classification_.ignored_label == microbatch.labels[i]) continue;
    ++labels_;
    if (microbatch.labels[i] == microbatch.predicted[i]) ++correct_;
  }
}

}  // namespace mp::runtime

// The model as it answers, not as it trains.
#pragma once

#include <optional>

#include "lib/graph/graph.hpp"

namespace mp {

// `forward` with the same nodes under the same ids, in inference mode: BatchNormalization takes its running statistics
// and leaves them as they are (unless some node reads what they become), and Dropout passes its input on. A Dropout of
// values that no parameter has touched is no regularisation but part of the data (the tokens that BERT hides): it
// stays.
[[nodiscard]] Graph inference_graph(const Graph& forward);

// What a model predicts classes with: scores[N, C, …] and labels[N, …] of its SoftmaxCrossEntropyLoss.
struct Classification {
  NodeId loss = kNone<NodeId>;
  TensorId scores = kNone<TensorId>;
  TensorId labels = kNone<TensorId>;
  std::optional<std::int64_t> ignored_label;
  bool is_whole_loss = false;  // the model's loss is this loss alone: its mean, or its sum
  bool is_mean = true;         // over the labels that are not ignored
};

// None where there is no such loss, or several, or one of parameters.
[[nodiscard]] std::optional<Classification> classification_of(const Graph& graph);

}  // namespace mp

// What a node's time depends on, as a text: nodes with the same signature take the same time on the same device.
#pragma once

#include <string>

#include "lib/graph/graph.hpp"

namespace mp {

// Operator, attributes that change the work (numbers that only scale values do not), types of operands and results:
// "Gemm(float32[16, 784], float32[256, 784], float32[256]) -> float32[16, 256] {transB: 1}". Absent operands are "-".
// Where gradients are clipped, the number of those a device owns follows from the placement: their norms are
// "GradientL2: 1000000 bytes", what puts them together "GradientNorm"; and an update is the same with a factor and
// without.
[[nodiscard]] std::string signature(const Graph& graph, NodeId node);
// How many times what its signature takes a node takes: 1, but for GradientL2.
[[nodiscard]] double signature_scale(const Graph& graph, NodeId node);
[[nodiscard]] std::string gradient_norms_signature();

// Moves of a tensor within a device. Filling an input depends on where its data comes from: it has the input's name.
[[nodiscard]] std::string feed_signature(const Graph& graph, TensorId input);         // "feed x: float32[16, 784]"
[[nodiscard]] std::string copy_signature(const Graph& graph, TensorId tensor);        // "copy: 3136 bytes"
[[nodiscard]] std::string accumulate_signature(const Graph& graph, TensorId tensor);  // "accumulate: 3136 bytes"

}  // namespace mp

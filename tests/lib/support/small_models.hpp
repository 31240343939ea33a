// Graphs for tests of placement and scheduling: made of the real operators, small, from a seed where random.
#pragma once

#include <cstdint>

#include "lib/graph/graph.hpp"
#include "lib/training/flows.hpp"

namespace mp::test {

// x → fc1 → fc2 → loss, each Gemm 4 × 4 on a microbatch of 2; fc1 with a bias.
[[nodiscard]] Graph two_layers();

// Products with one weight each, `width` × `width`, on a batch of 2.
[[nodiscard]] Graph equal_layers(std::int64_t layers, std::int64_t width);

// Products whose weights are large and of many sizes, one of them read twice (once transposed), with biases, on a batch
// of 2: what replicas own evenly in shares alone.
[[nodiscard]] Graph large_weights(std::uint64_t seed);

// A chain of `stages` nodes known by measured costs, each `forward_s` and `backward_s` long, that pass `tensor_bytes`
// on: the stages of the pipelines in the literature.
struct ChainOptions {
  std::int32_t stages = 4;
  double forward_s = 1.0;
  double backward_s = 2.0;
  std::int64_t tensor_bytes = 4;
};
[[nodiscard]] Graph measured_chain(const ChainOptions& options);

// `layers` layers of random kinds: Gemm with own and shared weights, Relu, views, skips, BatchNormalization with state,
// LayerNormalization, in a web where any layer may read any earlier one.
[[nodiscard]] Graph random_model(std::uint64_t seed, std::int32_t layers);

// A decoder-like stack: per layer two normalisations, four products with biases, an activation and two skips.
[[nodiscard]] Graph transformer_like(std::int32_t layers, std::int64_t hidden);

// Each node anywhere; and each device a contiguous piece of equally many nodes.
[[nodiscard]] Placement random_placement(std::uint64_t seed, const Graph& forward, std::int32_t devices);
[[nodiscard]] Placement contiguous_placement(const Graph& forward, std::int32_t devices);

}  // namespace mp::test

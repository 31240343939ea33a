// Nodes of every operator, small enough for finite differences, and larger ones that are cut into parts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/graph/attributes.hpp"
#include "lib/graph/graph.hpp"
#include "tests/runtime/cpu/support/graph_runner.hpp"
#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {

// How an input of a sample is filled. Those of float32 are parameters, trained where the sample is differentiated.
struct SampleInput {
  enum class Fill : std::uint8_t {
    kNormal,       // standard normal
    kPositive,     // uniform in [0.3, 2.3)
    kProbability,  // uniform in [0.05, 0.95)
    kIndices,      // int64 in [low, high)
    kBool,
    kAbsent,
  };
  Shape shape;
  Fill fill = Fill::kNormal;
  std::int64_t low = 0;
  std::int64_t high = 1;
  bool trainable = true;
};

struct Sample {
  std::string op;
  std::vector<SampleInput> inputs;
  Attributes attributes{};
  std::size_t outputs = 1;
  double tolerance = 2e-5;  // of a gradient, relative to the largest of its tensor
};

[[nodiscard]] std::string name_of(const Sample& sample);

// The graph of one node whose loss is Σ weights · (its first output), weights being fixed numbers; a node with a
// scalar result is weighted, too. The node is called "node", its inputs "in0" …, the loss "loss".
[[nodiscard]] Graph sample_graph(const Sample& sample);

// Numbers for the graph's inputs and parameters, a function of the seed alone.
[[nodiscard]] IdVector<TensorId, Array> sample_values(const Graph& graph, const Sample& sample, std::uint64_t seed);
// `values` into the runner.
void set_values(GraphRunner& runner, const Graph& graph, const IdVector<TensorId, Array>& values);

[[nodiscard]] std::vector<Sample> small_samples();    // every differentiable operator, every attribute
[[nodiscard]] std::vector<Sample> forward_samples();  // operators without gradient
[[nodiscard]] std::vector<Sample> large_samples();    // cut into parts: the same bits for every number of threads

}  // namespace mp::runtime::testing

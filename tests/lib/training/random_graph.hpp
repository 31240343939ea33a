// Random trainable graphs with skip connections, shared parameters and colocation groups.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"

namespace mp::test {

// Nodes of one width, so that any two tensors add up; the same graph for the same seed.
inline Graph random_graph(std::uint64_t seed, int nodes) {
  const RandomStream random(seed, "random-graph");
  std::uint64_t draw = 0;
  const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random.below(draw++, bound)); };
  GraphBuilder builder("random");
  std::vector<TensorId> made = {builder.add_input("x", {DataType::kFloat32, {2, 3}})};
  std::vector<TensorId> weights;
  for (int i = 0; i < nodes; ++i) {
    Node node;
    node.name = "n";
    node.name += std::to_string(i);
    const TensorId from = made[below(made.size())];
    if (below(3) == 0) {
      node.op_name = "Add";
      node.inputs = {from, made[below(made.size())]};
    } else {
      if (weights.empty() || below(3) != 0) {
        std::string name = "w";
        name += std::to_string(i);
        weights.push_back(builder.add_parameter(std::move(name), {DataType::kFloat32, {3, 3}}, {}, below(5) != 0));
      }
      node.op_name = "Gemm";
      node.inputs = {from, weights[below(weights.size())]};
    }
    if (below(3) == 0) {
      node.colocate = "g";
      node.colocate += std::to_string(below(3));
    }
    const std::string output = node.name;
    made.push_back(builder.peek().node(builder.add_node(std::move(node), {output})).outputs[0]);
  }
  TensorId sum = made.back();
  for (std::size_t i = 1; i + 1 < made.size(); i += 2) {
    std::string name = "sum";
    name += std::to_string(i);
    sum = builder.add("Add", std::move(name), {sum, made[i]});
  }
  builder.set_loss(builder.add("ReduceSum", "loss", {sum}, {{"keepdims", std::int64_t{0}}}), LossReduction::kMean);
  return std::move(builder).build();
}

}  // namespace mp::test

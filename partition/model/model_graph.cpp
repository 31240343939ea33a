#include "partition/model/model_graph.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "partition/graph/graph_builder.hpp"

namespace mp::partition {
namespace {

Weight picoseconds(double seconds) {
  constexpr double kPicosecondsPerSecond = 1e12;
  constexpr double kLongest_s = 90.0;  // 10⁵ units of the longest still sum to 63 bits
  if (!(seconds >= 0.0) || seconds > kLongest_s) {
    throw InfeasibleError("a node takes more than 90 s a step on this type of device: its speed or the batch is wrong");
  }
  return static_cast<Weight>(std::llround(seconds * kPicosecondsPerSecond));
}

}  // namespace

WeightedGraph model_graph(const PlacementUnits& units, const IdVector<UnitId, UnitCost>& costs) {
  std::vector<WeightedEdge> edges;
  for (const Flow& flow : units.flows) {
    for (const UnitId reader : flow.readers) {
      edges.push_back({.from = make_id<VertexId>(index(flow.from)),
                       .to = make_id<VertexId>(index(reader)),
                       .weight = flow.bytes_per_step});
    }
  }
  VertexWeights vertices{.constraints = 2, .weights = {}};
  vertices.weights.reserve(costs.size() * 2);
  for (const UnitCost& cost : costs) {
    vertices.weights.push_back(picoseconds(cost.compute_s));
    vertices.weights.push_back(cost.memory_bytes());
  }
  return build_graph(std::move(vertices), edges);
}

}  // namespace mp::partition

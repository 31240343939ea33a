#include "partition/multilevel/flow_network.hpp"

#include <numeric>

namespace mp::partition {

void FlowNetwork::clear(std::size_t nodes) {
  edges_.clear();
  starts_.assign(nodes + 1, 0);
}

void FlowNetwork::finish() {
  for (const Edge& edge : edges_) {
    ++starts_[index(edge.a) + 1];
    ++starts_[index(edge.b) + 1];
  }
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
  next_.assign(starts_.begin(), starts_.end() - 1);
  arcs_.resize(2 * edges_.size());
  for (const Edge& edge : edges_) {
    const std::int32_t forward = next_[index(edge.a)]++;
    const std::int32_t backward = next_[index(edge.b)]++;
    arc(forward) = {edge.b, backward, edge.capacity};
    arc(backward) = {edge.a, forward, edge.capacity};
  }
}

}  // namespace mp::partition

#include "lib/graph/graph.hpp"

#include "lib/base/check.hpp"

namespace mp {

std::span<const NodeId> Graph::consumers(TensorId id) const {
  MP_CHECK(consumer_offsets_.size() == tensors_.size() + 1);
  const auto begin = static_cast<std::size_t>(consumer_offsets_[index(id)]);
  const auto end = static_cast<std::size_t>(consumer_offsets_[index(id) + 1]);
  return std::span(consumers_).subspan(begin, end - begin);
}

std::optional<NodeId> Graph::find_node(std::string_view name) const {
  const auto found = node_index_.find(name);
  return found == node_index_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<TensorId> Graph::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace mp

// The way back from a tensor that is wanted in parts to what could make it in parts.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "lib/graph/graph.hpp"

namespace mp {

// A tensor in parts of these sizes along an axis (0 … rank − 1).
struct PartsOfTensor {
  TensorId tensor = kNone<TensorId>;
  std::int64_t axis = 0;
  std::vector<std::int64_t> sizes;
  friend bool operator==(const PartsOfTensor&, const PartsOfTensor&) = default;
};

// A node between: every part i of it reads part i of its operands (no sizes: all of it), with these attributes.
struct PartedNode {
  NodeId node = kNone<NodeId>;
  std::vector<PartsOfTensor> operands;  // one an input
  std::vector<Attributes> attributes;   // one a part
};

struct PartWalk {
  std::map<NodeId, PartedNode> between;
  std::vector<PartsOfTensor> ends;        // where `is_end` said so, each once
  std::vector<PartsOfTensor> parameters;  // to be shared out, each once
};

// Nothing where some way leads through a node that has no parts of this kind, or that others read, too.
[[nodiscard]] std::optional<PartWalk> walk_back(const Graph& graph, const PartsOfTensor& wanted,
                                                const std::function<bool(const PartsOfTensor&)>& is_end);

}  // namespace mp

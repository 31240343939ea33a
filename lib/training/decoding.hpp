// A language model a few tokens at a time: incremental decoding with a key/value cache (Shazeer 2019, "Fast transformer
// decoding: one write-head is all you need", section 2.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/graph/graph.hpp"

namespace mp {

// The model at a few positions of its context that follow each other. Everything but attention looks at one position
// alone, so the graph has a sequence of that length; attention keeps the keys and values of all positions in states of
// its own, which live where it is. Inputs are for the caller to fill.
struct DecodingGraph {
  struct Rotation {  // inputs, [1, positions, pairs]: cosines and sines of a RotaryEmbedding at these positions
    TensorId cosines = kNone<TensorId>;
    TensorId sines = kNone<TensorId>;
    double theta = 10000.0;
  };
  struct Copy {  // a parameter of the whole graph that another device than its own reads, for that device to keep
    TensorId parameter = kNone<TensorId>;
    TensorId original = kNone<TensorId>;  // of the whole graph
  };
  Graph graph;
  IdVector<NodeId, NodeId> origin;       // by node: that of the whole graph which it does the work of
  TensorId tokens = kNone<TensorId>;     // int64 [1, positions]
  TensorId positions = kNone<TensorId>;  // int64 [positions]
  TensorId last = kNone<TensorId>;       // int64 [1]: the last position
  TensorId row = kNone<TensorId>;        // int64 [1]: of which of them scores are wanted; none of a single one
  std::vector<Rotation> rotations;
  std::vector<Copy> copies;
  TensorId scores = kNone<TensorId>;
};

struct DecodingOptions {
  TensorId tokens = kNone<TensorId>;  // [1, context]
  TensorId scores = kNone<TensorId>;  // what is wanted
  std::int64_t positions = 1;         // context at most
  const IdVector<NodeId, DeviceId>& device_of;
  const IdVector<TensorId, NodeId>& home;  // as TrainingGraph::home, of parameters
};

// `whole`: in inference mode, of one sequence. None where a node mixes positions in another way than causal
// self-attention, or is not known not to: `why_not` then names it.
[[nodiscard]] std::optional<DecodingGraph> decoding_graph(const Graph& whole, const DecodingOptions& options,
                                                          std::string& why_not);

}  // namespace mp

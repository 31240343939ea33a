// A language model one token at a time: incremental decoding with a key/value cache (Shazeer 2019, "Fast transformer
// decoding: one write-head is all you need", section 2.3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/graph/graph.hpp"

namespace mp {

// The model at one position of its context. Everything but attention looks at one position alone, so the graph has a
// sequence of length 1; attention reads the keys and values of the positions before, which the caller keeps and gives
// as inputs. Besides, all inputs are for the caller to fill.
struct DecodingGraph {
  struct Cache {                        // of one Attention; two for each, keys and values
    TensorId before = kNone<TensorId>;  // input, [1, context, width]: rows of the positions before
    TensorId row = kNone<TensorId>;     // made here, [1, 1, width]: of this position
    TensorId whole = kNone<TensorId>;   // of the whole graph, [1, context, width]
  };
  struct Rotation {  // inputs, [1, 1, pairs]: cosines and sines of a RotaryEmbedding at this position
    TensorId cosines = kNone<TensorId>;
    TensorId sines = kNone<TensorId>;
    double theta = 10000.0;
  };
  Graph graph;
  IdVector<NodeId, NodeId> origin;        // by node: that of the whole graph which it does the work of
  TensorId token = kNone<TensorId>;       // int64 [1, 1]
  TensorId position = kNone<TensorId>;    // int64 [1]
  TensorId is_here = kNone<TensorId>;     // bool [1, context, 1]: of the position alone
  TensorId is_visible = kNone<TensorId>;  // bool [1, context]: of the position and those before
  std::vector<Cache> caches;
  std::vector<Rotation> rotations;
  TensorId scores = kNone<TensorId>;
};

// `whole`: in inference mode, of one sequence; `tokens` [1, context], `scores`: what is wanted. None where a node mixes
// positions in another way than causal self-attention, or is not known not to: `why_not` then names it.
[[nodiscard]] std::optional<DecodingGraph> decoding_graph(const Graph& whole, TensorId tokens, TensorId scores,
                                                          std::string& why_not);

}  // namespace mp

// Mixed precision as a rewrite of the forward graph: bfloat16 where the work is, float32 where the digits matter.
// Micikevicius et al., "Mixed precision training", ICLR 2018; Kalamkar et al., "A study of BFLOAT16 for deep learning
// training", 2019 (no scaling of the loss: bfloat16 has the exponents of float32).
#pragma once

#include "lib/graph/graph.hpp"

namespace mp {

// Matrix products, convolutions, attention and embeddings take and give bfloat16; so do the nodes between them
// (elementwise, pooling, moving; additions of residual streams, too: what crosses a cut of a transformer is such a
// stream, and half of its bytes is what a cut in bfloat16 saves). Normalisations and the cross-entropy take bfloat16 and
// compute in float32, with scales and statistics in float32. All other operators (losses, softmax, reductions, roots,
// powers, recurrent layers) compute on float32.
//
// A trained parameter that a bfloat16 node reads becomes bfloat16: what the passes read, what travels, what replicas
// exchange. Differentiation gives it a float32 master as the first of its optimizer states (master_of(), in
// lib/training/update_nodes.hpp): gradients are summed over the microbatches in float32, the optimizer updates the
// master and writes the copy anew, rounded to nearest, once a step. State that is not trained stays float32.
//
// Where types meet, "<tensor>.bfloat16" or "<node>.<tensor>.float32" is a Cast node that runs with the node whose
// output it rounds, or whose input it widens, by a common colocation group: what crosses a cut crosses as bfloat16.
// Plans do not name it (is_inserted_cast()). Nodes and parameters keep their names and their order.
[[nodiscard]] Graph mixed_precision(const Graph& forward);

[[nodiscard]] bool is_inserted_cast(const Node& node);

}  // namespace mp

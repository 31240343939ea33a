// A node's float32 twin: the same operator on float32 operands, perhaps on a slice of them.
#pragma once

#include <memory>
#include <vector>

#include "lib/graph/graph.hpp"
#include "runtime/cpu/kernel_call.hpp"

namespace mp::runtime::cpu {

[[nodiscard]] bool has_bfloat16(const Graph& graph, const Node& node);

// bfloat16 → float32; other types stay.
[[nodiscard]] TensorType widened(TensorType type);

// What the twin is made of: types beside the node's inputs and outputs (of absent ones: ignored).
struct Twin {
  std::vector<TensorType> inputs;
  std::vector<TensorType> outputs;
  Attributes attributes;
};

// The node's own operands, widened.
[[nodiscard]] Twin widened_twin(const KernelCall& call);

// What the twin's kernel works with, and both outlive it.
struct TwinPlace {
  Team& team;
  SharedScratch& scratch;
};

// The kernel of float32 that the registry has for the twin.
[[nodiscard]] std::unique_ptr<Kernel> make_twin_kernel(const KernelCall& call, const Twin& twin, TwinPlace place);

}  // namespace mp::runtime::cpu

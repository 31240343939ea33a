// How the elements of a tensor lie in memory.
#pragma once

#include <cstdint>

#include "lib/graph/graph.hpp"

namespace mp::runtime::cpu {

// Blocked: [N, C/16, H, W, 16] of a float32 tensor [N, C, H, W], the layout in which oneDNN convolves fastest. C is a
// multiple of 16, so that the size is the same, and a channel range of whole blocks is one piece of memory, as in a
// plain tensor. 16 on every machine: tensors travel between hosts as they are.
enum class Layout : std::uint8_t { kPlain, kBlocked };

inline constexpr std::int64_t kChannelBlock = 16;

// The layout of every tensor of a graph: a function of the graph alone, the same for every placement. Inputs,
// parameters and tensors that no node reads are plain. Every other float32 tensor of four axes is blocked if all nodes
// that make or read it can have it so and a convolution is among them; those that want several operands alike (sums,
// activations, normalisations, pools) have them all blocked, or none.
class Layouts {
 public:
  Layouts() = default;  // all plain
  explicit Layouts(const Graph& graph);

  [[nodiscard]] Layout of(TensorId tensor) const {
    return index(tensor) < is_blocked_.size() && is_blocked_[index(tensor)] ? Layout::kBlocked : Layout::kPlain;
  }

 private:
  std::vector<bool> is_blocked_;  // by TensorId
};

}  // namespace mp::runtime::cpu

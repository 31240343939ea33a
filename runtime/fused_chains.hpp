// Runs of elementwise instructions that may be executed in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mp::runtime {

// An instruction with the addresses of its operands. `elementwise_size` floats each; 0: not elementwise.
struct ElementwiseStep {
  std::int64_t elementwise_size = 0;
  std::span<const void* const> inputs;
  std::span<void* const> outputs;
};

struct Chain {
  std::size_t first = 0;
  std::size_t count = 0;  // at least 2
};

// Longest runs of neighbours of one size in which every step shares a buffer with one before it, and that may take
// turns piece by piece: what a step writes is either no buffer of an earlier one or the same from its first element on,
// never a shifted part of it (the arena gives a dead tensor's place to later ones).
[[nodiscard]] std::vector<Chain> find_chains(std::span<const ElementwiseStep> steps);

}  // namespace mp::runtime

// The tensors of a max-load problem as nets of a hypergraph.
#pragma once

#include <cstdint>
#include <vector>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct LoadNet {
  std::vector<std::int32_t> units;  // two or more, ascending
  double transfer_s = 0.0;          // > 0
  friend bool operator==(const LoadNet&, const LoadNet&) = default;
};

// A device pays for a tensor once, whether it sends it or receives it, if and only if it has some of the tensor's units
// and not all. So max load is a partition of the hypergraph of tensors, each device paying the nets that are split
// there (connectivity, each block its own share). Tensors of the same units, as activations and their gradients, are
// one net. In the order of their units.
[[nodiscard]] std::vector<LoadNet> load_nets(const LoadProblem& problem);

}  // namespace mp::partition

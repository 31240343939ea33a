#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {

std::vector<bool> reduced_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> is_reduced(rank, axes.empty());
  for (const std::int64_t axis : axes) is_reduced[static_cast<std::size_t>(positive_axis(axis, rank))] = true;
  return is_reduced;
}

}  // namespace mp::runtime::gpu

// ReduceSum, ReduceMean, ReduceMax and its gradient.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/reduction.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

std::vector<bool> axes_of(const KernelCall& call, const Shape& shape) {
  return reduced_axes(call.attributes().get_ints("axes", {}), shape.size());
}

// Of every channel of a blocked image over all else.
SumReduction channel_reduction(const Shape& shape, double factor) {
  const Shape blocks{shape[0], shape[1] / kChannelBlock, shape[2], shape[3], kChannelBlock};
  return {blocks, {true, false, true, true, false}, factor};
}

KernelPointer sum_kernel(const KernelCall& call, bool is_mean) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Shape& shape = call.input(0).shape;
  const double count = static_cast<double>(elements(shape)) / static_cast<double>(elements(call.output(0).shape));
  const double factor = is_mean ? 1.0 / count : 1.0;
  SumReduction reduction = call.input_layout(0) == Layout::kBlocked ? channel_reduction(shape, factor)
                                                                    : SumReduction(shape, axes_of(call, shape), factor);
  const std::int64_t workspace = reduction.workspace_bytes();
  return function_kernel([&team = call.team, reduction = std::move(reduction)](
                             const Operands& io) mutable { reduction.run(team, io.in(0), io.out(0)); },
                         workspace);
}

// The largest element of a reduced range and where in the tensor it first stands.
struct Largest {
  float value = -HUGE_VALF;
  std::int64_t at = -1;
};

// Calls visit(position of the result, its Largest) for every kept element.
template <class Visit>
void for_each_largest(Team& team, const ReductionNests& nests, const float* x, const Visit& visit) {
  const auto& kept = nests.kept.inner();
  const auto& reduced = nests.reduced.inner();
  const std::int64_t work = std::max<std::int64_t>(1, nests.reduced.rows() * reduced.extent);
  const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / work);
  team.for_range(nests.kept.rows() * kept.extent, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      Largest largest;
      const std::int64_t row = item / kept.extent;
      nests.kept.for_rows(row, row + 1, [&](const std::array<std::int64_t, 1>& start) {
        const std::int64_t base = start[0] + item % kept.extent * kept.strides[0];
        nests.reduced.for_rows(0, nests.reduced.rows(), [&](const std::array<std::int64_t, 1>& at) {
          for (std::int64_t i = 0; i < reduced.extent; ++i) {
            const std::int64_t place = base + at[0] + i * reduced.strides[0];
            const bool wins =
                largest.at < 0 || x[place] > largest.value || (x[place] != x[place] && largest.value == largest.value);
            if (wins) largest = {x[place], place};
          }
        });
      });
      visit(item, largest);
    }
  });
}

}  // namespace

KernelPointer make_reduce_sum(const KernelCall& call) { return sum_kernel(call, false); }
KernelPointer make_reduce_mean(const KernelCall& call) { return sum_kernel(call, true); }

KernelPointer make_reduce_max(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Shape& shape = call.input(0).shape;
  return function_kernel([&team = call.team, nests = reduction_nests(shape, axes_of(call, shape))](const Operands& io) {
    float* y = io.out(0);
    for_each_largest(team, nests, io.in(0), [y](std::int64_t item, const Largest& most) { y[item] = most.value; });
  });
}

KernelPointer make_reduce_max_grad(const KernelCall& call) {
  const Shape& shape = call.input(1).shape;
  const std::int64_t size = elements(shape);
  return function_kernel(
      [&team = call.team, nests = reduction_nests(shape, axes_of(call, shape)), size](const Operands& io) {
        const float* dy = io.in(0);
        float* dx = io.out(0);
        std::fill_n(dx, size, 0.0F);
        for_each_largest(team, nests, io.in(1),
                         [dy, dx](std::int64_t item, const Largest& most) { dx[most.at] = dy[item]; });
      });
}

}  // namespace mp::runtime::cpu

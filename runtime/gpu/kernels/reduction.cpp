// ReduceSum, ReduceMean, ReduceMax and its gradient.
#include "runtime/gpu/kernels/reduction.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/sum.hpp"

namespace mp::runtime::gpu {
namespace {

// Slices of sums that groups make: few sums of many elements would leave the GPU idle.
std::int64_t row_slices_of(std::int64_t kept, std::int64_t count) {
  constexpr std::int64_t kGroups = 512;
  constexpr std::int64_t kLeast = 8192;  // elements worth a group
  return std::max<std::int64_t>(1, std::min(kGroups / std::max<std::int64_t>(1, kept), count / kLeast));
}

std::vector<bool> axes_of(const KernelCall& call, const Shape& shape) {
  return reduced_axes(call.attributes().get_ints("axes", {}), shape.size());
}

// Where all axes but the last are added up.
KernelRole column_sum_role(const Shape& shape, const std::vector<bool>& is_reduced) {
  if (shape.size() < 2 || is_reduced.back() || std::count(is_reduced.begin(), is_reduced.end(), false) != 1) return {};
  return ColumnSumRole{.rows = elements(shape) / std::max<std::int64_t>(shape.back(), 1), .columns = shape.back()};
}

KernelPointer sum_kernel(const KernelCall& call, bool is_mean) {
  call.require_real(call.input(0).type);
  const Shape& shape = call.input(0).shape;
  const double count = static_cast<double>(elements(shape)) / static_cast<double>(elements(call.output(0).shape));
  const SumReduction reduction(call.device, shape, axes_of(call, shape), is_mean ? 1.0 / count : 1.0);
  return function_kernel(
      call, [reduction](const Operands& io) { reduction.run(io.real(0), io.real_out(0)); }, reduction.workspace_bytes(),
      is_mean ? KernelRole{} : column_sum_role(shape, axes_of(call, shape)));
}

}  // namespace

std::int64_t slices_of(std::int64_t kept, std::int64_t count) {
  constexpr std::int64_t kItems = std::int64_t{1} << 17;  // about two waves of an H100's threads
  constexpr std::int64_t kLeast = 16;                     // elements worth an item
  return std::max<std::int64_t>(1, std::min(kItems / std::max<std::int64_t>(1, kept), count / kLeast));
}

ReductionNests reduction_nests(const Shape& shape, const std::vector<bool>& is_reduced) {
  const StrideList strides = row_major_strides(shape);
  std::array<Shape, 2> extents;
  std::array<StrideList, 2> steps;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    extents[is_reduced[i] ? 1 : 0].push_back(shape[i]);
    steps[is_reduced[i] ? 1 : 0].push_back(strides[i]);
  }
  return {strided<1>(extents[0], {steps[0]}), strided<1>(extents[1], {steps[1]}), elements(extents[0]),
          elements(extents[1])};
}

SumReduction::SumReduction(Device& device, const Shape& shape, const std::vector<bool>& is_reduced, double factor)
    : device_(&device), nests_(reduction_nests(shape, is_reduced)), factor_(factor) {
  const Strided<1>& reduced = nests_.reduced;
  by_rows_ = reduced.axes == 0 || reduced.strides[reduced.axes - 1][0] == 1 || nests_.kept_count < 32;
  slices_ = by_rows_ ? row_slices_of(nests_.kept_count, nests_.count) : slices_of(nests_.kept_count, nests_.count);
  if (by_rows_ && slices_ == 1) return;
  partials_bytes_ = slices_ * nests_.kept_count * static_cast<std::int64_t>(sizeof(double));
  partials_ = device.allocate_scratch(partials_bytes_);
}

void SumReduction::run(ConstReals x, Reals y) const {
  const Queue queue = device_->queue();
  auto* partials = reinterpret_cast<double*>(partials_.get());
  const ReductionNests& n = nests_;
  if (by_rows_) {
    for_rows(queue, slices_ * n.kept_count, n.count / slices_,
             SumRow{n.kept, n.reduced, n.kept_count, n.count, slices_, factor_, x, y, partials});
    if (slices_ == 1) return;
  } else {
    for_items(queue, slices_ * n.kept_count,
              SumSliceItem{n.kept, n.reduced, n.kept_count, n.count, slices_, x, partials});
  }
  fold_sums(queue, {partials, n.kept_count, slices_, factor_, y});
}

void fold_sums(const Queue& queue, const SumFold& sums) {
  constexpr std::int64_t kMany = 32;
  if (sums.slices < kMany) return for_items(queue, sums.kept_count, SumFoldItem{sums});
  for_rows(queue, sums.kept_count, sums.slices, SumFoldRow{sums});
}

KernelPointer make_reduce_sum(const KernelCall& call) { return sum_kernel(call, false); }
KernelPointer make_reduce_mean(const KernelCall& call) { return sum_kernel(call, true); }

KernelPointer make_reduce_max(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const Shape& shape = call.input(0).shape;
  const ReductionNests nests = reduction_nests(shape, axes_of(call, shape));
  return function_kernel(call, [queue = call.device.queue(), nests](const Operands& io) {
    for_rows(queue, nests.kept_count, nests.count,
             LargestRow{nests.kept, nests.reduced, nests.count, io.real(0), {}, io.real_out(0)});
  });
}

KernelPointer make_reduce_max_grad(const KernelCall& call) {
  call.require_real(call.input(1).type);
  const Shape& shape = call.input(1).shape;
  const ReductionNests nests = reduction_nests(shape, axes_of(call, shape));
  return function_kernel(call, [&device = call.device, nests, size_bytes = bytes(call.output(0))](const Operands& io) {
    device.clear(io.out<void>(0), size_bytes);
    for_rows(device.queue(), nests.kept_count, nests.count,
             LargestRow{nests.kept, nests.reduced, nests.count, io.real(1), io.real(0), io.real_out(0)});
  });
}

}  // namespace mp::runtime::gpu

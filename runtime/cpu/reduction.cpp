#include "runtime/cpu/reduction.hpp"

#include <algorithm>
#include <array>

#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::int64_t kChunk = 8192;       // elements of a row summed at once
constexpr std::int64_t kColumns = 512;      // sums carried along a block of columns
constexpr std::int64_t kSliceSize = 65536;  // elements that are worth another thread
constexpr std::int64_t kMostSlices = 32;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::vector<bool> reduced_axes(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<bool> is_reduced(rank, axes.empty());
  for (const std::int64_t axis : axes) is_reduced[static_cast<std::size_t>(positive_axis(axis, rank))] = true;
  return is_reduced;
}

ReductionNests reduction_nests(const Shape& shape, const std::vector<bool>& is_reduced) {
  const std::vector<std::int64_t> strides = row_major_strides(shape);
  std::array<Shape, 2> extents;
  std::array<std::vector<std::int64_t>, 2> steps;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    extents[is_reduced[i] ? 1 : 0].push_back(shape[i]);
    steps[is_reduced[i] ? 1 : 0].push_back(strides[i]);
  }
  return {Nest<1>(extents[0], {steps[0]}), Nest<1>(extents[1], {steps[1]})};
}

SumReduction::SumReduction(const Shape& shape, const std::vector<bool>& is_reduced, double factor)
    : kept_(reduction_nests(shape, is_reduced).kept),
      reduced_(reduction_nests(shape, is_reduced).reduced),
      factor_(factor),
      by_rows_(reduced_.inner().strides[0] == 1) {
  const std::int64_t width = kept_.inner().extent;
  block_ = by_rows_ ? 1 : std::min(width, kColumns);
  blocks_inner_ = divide_up(width, block_);
  kept_blocks_ = kept_.rows() * blocks_inner_;
  const std::int64_t inner = reduced_.inner().extent;
  pieces_ = reduced_.rows() * (by_rows_ ? divide_up(inner, kChunk) : inner);
  const std::int64_t total = elements(shape);
  const std::int64_t worth = std::max<std::int64_t>(1, total / kSliceSize);
  const std::int64_t wanted = divide_up(kMostSlices, std::max<std::int64_t>(1, kept_blocks_));
  slices_ = std::max<std::int64_t>(1, std::min({wanted, worth, pieces_}));
  if (slices_ > 1) partials_.resize(static_cast<std::size_t>(slices_ * kept_blocks_ * block_));
}

void SumReduction::sum_rows(const float* x, std::int64_t slice, double* sum_of_slice) const {
  const std::int64_t inner = reduced_.inner().extent;
  const std::int64_t chunks = divide_up(inner, kChunk);
  const std::int64_t first = pieces_ * slice / slices_;
  const std::int64_t last = pieces_ * (slice + 1) / slices_;
  double total = 0.0;
  std::int64_t row = first / chunks;
  reduced_.for_rows(row, divide_up(last, chunks), [&](const std::array<std::int64_t, 1>& at) {
    const std::int64_t from = std::max(first - row * chunks, std::int64_t{0}) * kChunk;
    const std::int64_t to = std::min(std::min(last - row * chunks, chunks) * kChunk, inner);
    for (std::int64_t i = from; i < to; i += kChunk) total += sum(x + at[0] + i, std::min(kChunk, to - i));
    ++row;
  });
  *sum_of_slice = total;
}

void SumReduction::sum_columns(const float* x, std::int64_t width, std::int64_t slice, double* sums) const {
  const auto& inner = reduced_.inner();
  const std::int64_t first = pieces_ * slice / slices_;
  const std::int64_t last = pieces_ * (slice + 1) / slices_;
  std::fill_n(sums, width, 0.0);
  if (first == last) return;
  std::int64_t row = first / inner.extent;
  reduced_.for_rows(row, divide_up(last, inner.extent), [&](const std::array<std::int64_t, 1>& at) {
    const std::int64_t from = std::max(first - row * inner.extent, std::int64_t{0});
    const std::int64_t to = std::min(last - row * inner.extent, inner.extent);
    for (std::int64_t i = from; i < to; ++i) add_to(sums, x + at[0] + i * inner.strides[0], width);
    ++row;
  });
}

void SumReduction::run(Team& team, const float* x, float* y) {
  const std::int64_t width = kept_.inner().extent;
  // Several blocks to a part where one is little work.
  const std::int64_t block_work =
      block_ * std::max<std::int64_t>(1, reduced_.rows() * reduced_.inner().extent) / slices_;
  const std::int64_t grain = std::max<std::int64_t>(1, kSliceSize / 4 / std::max<std::int64_t>(1, block_work));
  team.for_range(kept_blocks_ * slices_, grain, [&](std::int64_t begin, std::int64_t end) {
    std::array<double, kColumns> local;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t slice = item / kept_blocks_;
      const std::int64_t block = item % kept_blocks_;
      const std::int64_t row = block / blocks_inner_;
      const std::int64_t column = block % blocks_inner_ * block_;
      const std::int64_t count = std::min(block_, width - column);
      double* sums = slices_ > 1 ? partials_.data() + (slice * kept_blocks_ + block) * block_ : local.data();
      kept_.for_rows(row, row + 1, [&](const std::array<std::int64_t, 1>& at) {
        const float* from = x + at[0] + column * kept_.inner().strides[0];
        by_rows_ ? sum_rows(from, slice, sums) : sum_columns(from, count, slice, sums);
      });
      if (slices_ > 1) continue;
      for (std::int64_t i = 0; i < count; ++i) y[row * width + column + i] = static_cast<float>(factor_ * sums[i]);
    }
  });
  if (slices_ == 1) return;
  for (std::int64_t block = 0; block < kept_blocks_; ++block) {
    const std::int64_t column = block % blocks_inner_ * block_;
    for (std::int64_t i = 0; i < std::min(block_, width - column); ++i) {
      double total = 0.0;
      for (std::int64_t slice = 0; slice < slices_; ++slice) {
        total += partials_[static_cast<std::size_t>((slice * kept_blocks_ + block) * block_ + i)];
      }
      y[block / blocks_inner_ * width + column + i] = static_cast<float>(factor_ * total);
    }
  }
}

}  // namespace mp::runtime::cpu

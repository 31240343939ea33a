// Resize and its gradient: every output is a blend of two neighbours along each spatial axis.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/spatial.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/semantics/resize_neighbours.hpp"

namespace mp::runtime::cpu {
namespace {

struct Resize {
  std::int64_t planes = 1;
  Pair source{};
  Pair destination{};
  std::vector<Neighbours> rows;
  std::vector<Neighbours> columns;

  [[nodiscard]] std::int64_t source_plane() const { return source[0] * source[1]; }
  [[nodiscard]] std::int64_t destination_plane() const { return destination[0] * destination[1]; }
};

Resize resize_of(const KernelCall& call, const Shape& from, const Shape& to) {
  auto [rows, columns] = resize_neighbours(call.attributes(), from, to);
  return {.planes = from[0] * from[1],
          .source = spatial_extents(from),
          .destination = spatial_extents(to),
          .rows = std::move(rows),
          .columns = std::move(columns)};
}

// row = (1 − weight)·low + weight·high
MP_SIMD void blend_rows(const float* low, const float* high, float weight, float* row, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) row[i] = low[i] + weight * (high[i] - low[i]);
}

MP_SIMD void add_scaled(const float* row, float factor, float* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += factor * row[i];
}

void resize_plane(const Resize& r, const float* x, float* row, float* y) {
  for (std::int64_t oh = 0; oh < r.destination[0]; ++oh) {
    const Neighbours& at = r.rows[static_cast<std::size_t>(oh)];
    blend_rows(x + at.low * r.source[1], x + at.high * r.source[1], at.weight, row, r.source[1]);
    for (const Neighbours& column : r.columns) {
      *y++ = row[column.low] + column.weight * (row[column.high] - row[column.low]);
    }
  }
}

void spread_plane(const Resize& r, const float* dy, float* row, float* dx) {
  std::fill_n(dx, r.source_plane(), 0.0F);
  for (std::int64_t oh = 0; oh < r.destination[0]; ++oh) {
    std::fill_n(row, r.source[1], 0.0F);
    for (const Neighbours& column : r.columns) {
      const float gradient = *dy++;
      row[column.low] += (1.0F - column.weight) * gradient;
      row[column.high] += column.weight * gradient;
    }
    const Neighbours& at = r.rows[static_cast<std::size_t>(oh)];
    add_scaled(row, 1.0F - at.weight, dx + at.low * r.source[1], r.source[1]);
    if (at.weight != 0.0F) add_scaled(row, at.weight, dx + at.high * r.source[1], r.source[1]);
  }
}

// plane(source offset, destination offset, a row of the source's width) for every plane.
template <class Plane>
KernelPointer plane_kernel(Team& team, Resize resize, const Plane& plane) {
  std::vector<float> scratch(static_cast<std::size_t>(resize.source[1] * team.threads()));
  const auto workspace = static_cast<std::int64_t>(scratch.size() * sizeof(float));
  return function_kernel(
      [&team, r = std::move(resize), scratch, plane](const Operands& io) mutable {
        const std::int64_t work = std::max(r.source_plane(), r.destination_plane());
        const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / 4 / work);
        team.for_each((r.planes + grain - 1) / grain, [&](std::int64_t part, int worker) {
          for (std::int64_t i = part * grain; i < std::min(r.planes, (part + 1) * grain); ++i) {
            plane(r, io, i, scratch.data() + worker * r.source[1]);
          }
        });
      },
      workspace);
}

}  // namespace

KernelPointer make_resize(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  return plane_kernel(call.team, resize_of(call, call.input(0).shape, call.output(0).shape),
                      [](const Resize& r, const Operands& io, std::int64_t i, float* row) {
                        resize_plane(r, io.in(0) + i * r.source_plane(), row, io.out(0) + i * r.destination_plane());
                      });
}

KernelPointer make_resize_grad(const KernelCall& call) {
  return plane_kernel(call.team, resize_of(call, call.output(0).shape, call.input(0).shape),
                      [](const Resize& r, const Operands& io, std::int64_t i, float* row) {
                        spread_plane(r, io.in(0) + i * r.destination_plane(), row, io.out(0) + i * r.source_plane());
                      });
}

}  // namespace mp::runtime::cpu

// Resize and its gradient: every output is a blend of two neighbours along each spatial axis, whose places and weights
// follow from the shape and are found once. Nearest is a blend with weight 0.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/operators/resize.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/spatial.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

struct Neighbours {
  std::int64_t low = 0;
  std::int64_t high = 0;
  float weight = 0.0F;  // of `high`
};

struct Coordinates {
  std::string transformation;
  std::string nearest;
  bool is_linear = false;

  // Where output `at` of `to` lies among `from` inputs.
  [[nodiscard]] double source(std::int64_t at, std::int64_t from, std::int64_t to, double scale) const {
    const auto x = static_cast<double>(at);
    if (transformation == "asymmetric") return x / scale;
    if (transformation == "align_corners") {
      return to == 1 ? 0.0 : x * static_cast<double>(from - 1) / static_cast<double>(to - 1);
    }
    if (transformation == "pytorch_half_pixel" && to == 1) return 0.0;
    return (x + 0.5) / scale - 0.5;
  }
  [[nodiscard]] double round(double x) const {
    if (nearest == "floor") return std::floor(x);
    if (nearest == "ceil") return std::ceil(x);
    return nearest == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
  }
  [[nodiscard]] Neighbours neighbours(double x, std::int64_t from) const {
    const auto last = static_cast<double>(from - 1);
    if (!is_linear) {
      const auto place = static_cast<std::int64_t>(std::clamp(round(x), 0.0, last));
      return {place, place, 0.0F};
    }
    const double inside = std::clamp(x, 0.0, last);
    const auto low = static_cast<std::int64_t>(std::floor(inside));
    return {low, std::min(low + 1, from - 1), static_cast<float>(inside - std::floor(inside))};
  }
};

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
  const Attributes& a = call.attributes();
  const Coordinates coordinates{a.get_string("coordinate_transformation_mode", "half_pixel"),
                                a.get_string("nearest_mode", "round_prefer_floor"),
                                a.get_string("mode", "nearest") == "linear"};
  const std::vector<double> scales = resize_scales(a);
  Resize r;
  r.planes = from[0] * from[1];
  r.source = spatial_extents(from);
  r.destination = spatial_extents(to);
  for (const std::size_t axis : {0U, 1U}) {
    const std::int64_t extent = r.source[axis];
    const std::int64_t wanted = r.destination[axis];
    double scale = static_cast<double>(wanted) / static_cast<double>(extent);
    const std::size_t place = axis + from.size() - 2;  // a missing first axis has the scale 1
    if (!scales.empty()) scale = from.size() == 3 && axis == 0 ? 1.0 : scales[place];
    for (std::int64_t at = 0; at < wanted; ++at) {
      (axis == 0 ? r.rows : r.columns)
          .push_back(coordinates.neighbours(coordinates.source(at, extent, wanted, scale), extent));
    }
  }
  return r;
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

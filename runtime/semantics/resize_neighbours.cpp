#include "runtime/semantics/resize_neighbours.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "lib/operators/resize.hpp"

namespace mp::runtime {
namespace {

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

}  // namespace

std::array<std::vector<Neighbours>, 2> resize_neighbours(const Attributes& attributes, const Shape& from,
                                                         const Shape& to) {
  const Coordinates coordinates{attributes.get_string("coordinate_transformation_mode", "half_pixel"),
                                attributes.get_string("nearest_mode", "round_prefer_floor"),
                                attributes.get_string("mode", "nearest") == "linear"};
  const std::vector<double> scales = resize_scales(attributes);
  std::array<std::vector<Neighbours>, 2> neighbours;
  for (const std::size_t axis : {0U, 1U}) {
    const bool is_missing = from.size() == 3 && axis == 0;  // an axis of one element
    const std::size_t place = axis + from.size() - 2;
    const std::int64_t extent = is_missing ? 1 : from[place];
    const std::int64_t wanted = is_missing ? 1 : to[place];
    double scale = static_cast<double>(wanted) / static_cast<double>(extent);
    if (!scales.empty() && !is_missing) scale = scales[place];
    for (std::int64_t at = 0; at < wanted; ++at) {
      neighbours[axis].push_back(coordinates.neighbours(coordinates.source(at, extent, wanted, scale), extent));
    }
  }
  return neighbours;
}

}  // namespace mp::runtime

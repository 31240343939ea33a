#include "runtime/gpu/kernels/resize_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "lib/operators/resize.hpp"

namespace mp::runtime::gpu {
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

std::array<std::int64_t, 2> extents_of(const Shape& shape) {
  if (shape.size() == 3) return {1, shape[2]};
  return {shape[2], shape[3]};
}

// Places grow with the output: those that use one source element stand side by side.
std::vector<Users> users_of(const std::vector<Neighbours>& neighbours, std::int64_t extent) {
  std::vector<Users> users(static_cast<std::size_t>(extent), Users{0, 0});
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    for (const std::int64_t place : {neighbours[i].low, neighbours[i].high}) {
      Users& u = users[static_cast<std::size_t>(place)];
      if (u.end == 0) u.begin = static_cast<std::int64_t>(i);
      u.end = static_cast<std::int64_t>(i) + 1;
    }
  }
  return users;
}

template <class T>
void append(std::vector<std::byte>& bytes, const std::vector<T>& values) {
  const std::size_t at = bytes.size();
  bytes.resize(at + values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(bytes.data() + at, values.data(), values.size() * sizeof(T));
}

}  // namespace

ResizeTable::ResizeTable(const KernelCall& call, const Shape& from, const Shape& to)
    : source_(extents_of(from)), destination_(extents_of(to)) {
  const Attributes& a = call.attributes();
  const Coordinates coordinates{a.get_string("coordinate_transformation_mode", "half_pixel"),
                                a.get_string("nearest_mode", "round_prefer_floor"),
                                a.get_string("mode", "nearest") == "linear"};
  const std::vector<double> scales = resize_scales(a);
  std::array<std::vector<Neighbours>, 2> neighbours;
  for (const std::size_t axis : {0U, 1U}) {
    double scale = static_cast<double>(destination_[axis]) / static_cast<double>(source_[axis]);
    // A missing first axis has the scale 1.
    if (!scales.empty()) scale = from.size() == 3 && axis == 0 ? 1.0 : scales[axis + from.size() - 2];
    for (std::int64_t at = 0; at < destination_[axis]; ++at) {
      neighbours[axis].push_back(
          coordinates.neighbours(coordinates.source(at, source_[axis], destination_[axis], scale), source_[axis]));
    }
  }
  std::vector<std::byte> bytes;
  for (const std::size_t axis : {0U, 1U}) append(bytes, neighbours[axis]);
  for (const std::size_t axis : {0U, 1U}) append(bytes, users_of(neighbours[axis], source_[axis]));
  size_bytes_ = static_cast<std::int64_t>(bytes.size());
  memory_ = call.device.allocate_scratch(size_bytes_);
  call.device.upload(memory_.get(), bytes.data(), size_bytes_);
}

ResizeTable::Addresses ResizeTable::addresses() const {
  const auto* rows = reinterpret_cast<const Neighbours*>(memory_.get());
  const Neighbours* columns = rows + destination_[0];
  const auto* row_users = reinterpret_cast<const Users*>(columns + destination_[1]);
  return {source_, destination_, rows, columns, row_users, row_users + source_[0]};
}

}  // namespace mp::runtime::gpu

#include "runtime/semantics/matrices.hpp"

#include <cstddef>

#include "runtime/semantics/strides.hpp"

namespace mp::runtime {

Matrices matrices(Shape shape, bool is_left) {
  if (shape.size() == 1) shape.insert(is_left ? shape.begin() : shape.end(), 1);
  Matrices m;
  m.columns = shape.back();
  m.rows = shape[shape.size() - 2];
  m.batch.assign(shape.begin(), shape.end() - 2);
  return m;
}

std::vector<std::int64_t> batch_strides(const Matrices& m, const Shape& to) {
  std::vector<std::int64_t> strides = broadcast_strides(m.batch, to);
  for (std::int64_t& stride : strides) stride *= m.rows * m.columns;
  return strides;
}

Shape batch_shape(const Shape& a, const Shape& b) {
  Shape longer = a.size() >= b.size() ? a : b;
  const Shape& other = a.size() >= b.size() ? b : a;
  const std::size_t missing = longer.size() - other.size();
  for (std::size_t i = 0; i < other.size(); ++i) {
    if (longer[missing + i] == 1) longer[missing + i] = other[i];
  }
  return longer;
}

}  // namespace mp::runtime

// The operands of a matrix product (ONNX MatMul, as numpy.matmul) as batches of matrices.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/graph/types.hpp"

namespace mp::runtime {

// The last two axes as a matrix (a vector is a row at the left, a column at the right), the others as the batch.
struct Matrices {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
  Shape batch;
};

[[nodiscard]] Matrices matrices(Shape shape, bool is_left);

// The batch that two broadcast to.
[[nodiscard]] Shape batch_shape(const Shape& a, const Shape& b);

// Elements from one matrix to the next along each axis of the batch `to`.
[[nodiscard]] std::vector<std::int64_t> batch_strides(const Matrices& m, const Shape& to);

}  // namespace mp::runtime

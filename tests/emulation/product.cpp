#include "tests/emulation/product.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "lib/base/bfloat16.hpp"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__SANITIZE_ADDRESS__)
#define MP_VECTORS [[gnu::target_clones("avx2", "default")]]
#else
#define MP_VECTORS
#endif

namespace mp::emulation {
namespace {

MP_VECTORS void add_scaled(float* sum, const float* addend, float factor, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += factor * addend[i];
}

}  // namespace

float to_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000U) == 0x7f800000U) return value;
  return std::bit_cast<float>((bits + 0xfffU + ((bits >> 13U) & 1U)) & ~0x1fffU);
}

float Matrix::get(std::int64_t i) const {
  return type == CUDA_R_16BF ? from_bfloat16(static_cast<const std::uint16_t*>(data)[i])
                             : static_cast<const float*>(data)[i];
}

void Matrix::set(std::int64_t i, float value) const {
  if (type == CUDA_R_16BF) {
    static_cast<std::uint16_t*>(data)[i] = to_bfloat16(value);
  } else {
    static_cast<float*>(data)[i] = value;
  }
}

ProductColumns::ProductColumns(const Product& product, std::int64_t item)
    : product_(product), item_(item), packed_(static_cast<std::size_t>(product.m * product.k)) {
  const Product& p = product_;
  for (std::int64_t column = 0; column < p.k; ++column) {
    for (std::int64_t row = 0; row < p.m; ++row) {
      const std::int64_t place = p.transpose_a ? row * p.a.leading + column : column * p.a.leading + row;
      const float value = p.a.get(item * p.a.stride + place);
      packed_[static_cast<std::size_t>(column * p.m + row)] = p.rounds_to_tf32 ? to_tf32(value) : value;
    }
  }
}

void ProductColumns::column(std::int64_t column, std::span<float> into) const {
  const Product& p = product_;
  std::fill(into.begin(), into.end(), 0.0F);
  for (std::int64_t i = 0; i < p.k; ++i) {
    const std::int64_t place = p.transpose_b ? i * p.b.leading + column : column * p.b.leading + i;
    const float value = p.b.get(item_ * p.b.stride + place);
    add_scaled(into.data(), packed_.data() + i * p.m, p.rounds_to_tf32 ? to_tf32(value) : value, p.m);
    if (!p.rounds_parts || i != p.k / 2 || p.d.type != CUDA_R_16BF) continue;
    for (float& part : into) part = from_bfloat16(to_bfloat16(part));
  }
  const std::int64_t first = item_ * p.c.stride + column * p.c.leading;
  for (std::int64_t row = 0; row < p.m; ++row) {
    float& value = into[static_cast<std::size_t>(row)];
    value *= p.alpha;
    if (p.beta != 0.0F) value += p.beta * p.c.get(first + row);  // with 0, C may hold anything
  }
}

void multiply(const Product& p) {
  std::vector<float> column(static_cast<std::size_t>(p.m));
  for (std::int64_t item = 0; item < p.batch; ++item) {
    const ProductColumns columns(p, item);
    for (std::int64_t i = 0; i < p.n; ++i) {
      columns.column(i, column);
      for (std::int64_t row = 0; row < p.m; ++row) {
        p.d.set(item * p.d.stride + i * p.d.leading + row, column[static_cast<std::size_t>(row)]);
      }
    }
  }
}

}  // namespace mp::emulation

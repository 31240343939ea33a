#include <cmath>
#include <string>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

// X as [batch, heads, sequence, size], whichever way it lies.
struct HeadView {
  const Shape& shape;
  std::int64_t heads;
  std::int64_t size;

  HeadView(const Shape& x, std::int64_t num_heads)
      : shape(x), heads(x.size() == 4 ? x[1] : num_heads), size(x.size() == 4 ? x[3] : x[2] / num_heads) {}
  [[nodiscard]] std::int64_t sequence() const { return shape.size() == 4 ? shape[2] : shape[1]; }
  [[nodiscard]] std::int64_t at(std::int64_t b, std::int64_t head, std::int64_t s, std::int64_t i) const {
    if (shape.size() == 4) return element_of({b, head, s, i}, shape);
    return element_of({b, s, head * size + i}, shape);
  }
};

double angle(const ReferenceCall& call, std::int64_t s, std::int64_t pair, std::int64_t rotated) {
  const double theta = call.attributes().get_float("theta", 10000.0);
  return static_cast<double>(s) * std::pow(theta, -2.0 * static_cast<double>(pair) / static_cast<double>(rotated));
}

// A pair (a, b) as the complex number a + ib, times cos + i·sin.
void run_rotary(const ReferenceCall& call) {
  const HeadView x(call.in(0).shape, call.attributes().get_int("num_heads", 1));
  const std::int64_t chosen = call.attributes().get_int("rotary_embedding_dim", 0);
  const std::int64_t rotated = chosen == 0 ? x.size : chosen;
  const bool is_interleaved = call.attributes().get_int("interleaved", 0) != 0;
  call.out().values = call.in(0).values;
  for (std::int64_t i = 0; i < x.shape[0] * x.heads * x.sequence() * (rotated / 2); ++i) {
    const Index at = index_of(i, {x.shape[0], x.heads, x.sequence(), rotated / 2});
    const std::int64_t place = at[0] * x.sequence() + at[2];
    double cosine = std::cos(angle(call, at[2], at[3], rotated));
    double sine = std::sin(angle(call, at[2], at[3], rotated));
    if (call.has(1)) {
      const std::int64_t row = call.has(3) ? static_cast<std::int64_t>(call.in(3).at(place)) : place;
      cosine = call.in(1).at(row * (rotated / 2) + at[3]);
      sine = call.in(2).at(row * (rotated / 2) + at[3]);
    }
    const std::int64_t first = x.at(at[0], at[1], at[2], is_interleaved ? 2 * at[3] : at[3]);
    const std::int64_t second = x.at(at[0], at[1], at[2], is_interleaved ? 2 * at[3] + 1 : at[3] + rotated / 2);
    call.out().at(first) = cosine * call.in(0).at(first) - sine * call.in(0).at(second);
    call.out().at(second) = sine * call.in(0).at(first) + cosine * call.in(0).at(second);
  }
}

}  // namespace

Reference sequence_reference(std::string_view op) {
  if (op == "RotaryEmbedding") return run_rotary;
  return nullptr;
}

}  // namespace mp::runtime::testing

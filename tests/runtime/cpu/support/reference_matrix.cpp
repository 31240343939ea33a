#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

// The matrix in the last two axes, transposed where asked; earlier axes broadcast from `batch`.
struct Matrix {
  const double* first;
  std::int64_t row_step;
  std::int64_t column_step;

  Matrix(const Array& array, const Index& batch, bool is_transposed) {
    const std::int64_t columns = array.shape.back();
    Index at(batch);
    at.resize(batch.size() + 2, 0);
    first = &array.values[static_cast<std::size_t>(broadcast_element(at, array.shape))];
    row_step = is_transposed ? 1 : columns;
    column_step = is_transposed ? columns : 1;
  }
  [[nodiscard]] double operator()(std::int64_t row, std::int64_t column) const {
    return first[row * row_step + column * column_step];
  }
};

void run_product(const ReferenceCall& call) {
  const bool ta = call.attributes().get_int("transA", 0) != 0;
  const bool tb = call.attributes().get_int("transB", 0) != 0;
  const double alpha = call.attributes().get_float("alpha", 1.0);
  const double beta = call.attributes().get_float("beta", 1.0);
  const Shape& a = call.in(0).shape;
  const std::int64_t depth = a[a.size() - (ta ? 2 : 1)];
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const Index at = index_of(i, call.out().shape);
    const Index batch(at.begin(), at.end() - 2);
    const Matrix left(call.in(0), batch, ta);
    const Matrix right(call.in(1), batch, tb);
    double sum = 0.0;
    for (std::int64_t k = 0; k < depth; ++k) sum += left(at[at.size() - 2], k) * right(k, at.back());
    call.out().at(i) = alpha * sum;
    if (call.has(2)) call.out().at(i) += beta * call.in(2).at(broadcast_element(at, call.in(2).shape));
  }
}

// The slice of one head in [batch, sequence, heads · width].
struct HeadRows {
  const double* first;
  std::int64_t step;
  HeadRows(const Array& array, std::int64_t batch, std::int64_t head, std::int64_t width)
      : first(array.values.data() + batch * array.extent(1) * array.extent(2) + head * width), step(array.extent(2)) {}
  [[nodiscard]] double operator()(std::int64_t row, std::int64_t column) const { return first[row * step + column]; }
};

// What input 3 adds to a score: 0 or −Inf where it is bool.
double masked(const ReferenceCall& call, const Index& at) {
  const double value = call.in(3).at(broadcast_element(at, call.in(3).shape));
  if (call.in(3).type != DataType::kBool) return value;
  return value != 0.0 ? 0.0 : -std::numeric_limits<double>::infinity();
}

// One query of one head that sees the first `seen` keys.
struct Query {
  std::int64_t heads;
  std::int64_t batch;
  std::int64_t head;
  std::int64_t query;
  std::int64_t seen;
  const Array& keys;
  const Array& values;
};

void attend(const ReferenceCall& call, const Query& of) {
  const auto [heads, b, head, query, seen, keys, values] = of;
  const std::int64_t key_heads = call.attributes().get_int("kv_num_heads", 1);
  const std::int64_t depth = call.in(0).extent(2) / heads;
  const std::int64_t value_depth = values.extent(2) / key_heads;
  const HeadRows q(call.in(0), b, head, depth);
  const HeadRows k(keys, b, head / (heads / key_heads), depth);
  const HeadRows v(values, b, head / (heads / key_heads), value_depth);
  const double scale = call.attributes().get_float("scale", 1.0 / std::sqrt(static_cast<double>(depth)));
  std::vector<double> weights(static_cast<std::size_t>(seen), 0.0);
  double most = -std::numeric_limits<double>::infinity();
  for (std::int64_t key = 0; key < seen; ++key) {
    double& score = weights[static_cast<std::size_t>(key)];
    for (std::int64_t d = 0; d < depth; ++d) score += scale * q(query, d) * k(key, d);
    if (call.node.op_name == "Attention" && call.has(3)) score += masked(call, {b, head, query, key});
    most = std::max(most, score);
  }
  double total = 0.0;
  const bool sees = most > -std::numeric_limits<double>::infinity();  // else a mask hides every key
  for (double& w : weights) total += w = sees ? std::exp(w - most) : 0.0;
  for (std::int64_t e = 0; e < value_depth; ++e) {
    double sum = 0.0;
    for (std::int64_t key = 0; key < seen; ++key) sum += weights[static_cast<std::size_t>(key)] * v(key, e);
    call.out().at(element_of({b, query, head * value_depth + e}, call.out().shape)) = sees ? sum / total : 0.0;
  }
  if (call.node.op_name == "Attention" && call.has_out(1)) call.out(1).at(element_of({b, head, query}, call.out(1).shape)) = most + std::log(total);
}

void run_attention(const ReferenceCall& call) {
  const std::int64_t heads = call.attributes().get_int("q_num_heads", 1);
  const std::int64_t keys = call.in(1).extent(1);
  const bool is_causal = call.attributes().get_int("is_causal", 0) != 0;
  for (std::int64_t b = 0; b < call.in(0).extent(0); ++b) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t query = 0; query < call.in(0).extent(1); ++query) {
        attend(call,
               {heads, b, head, query, is_causal ? std::min(keys, query + 1) : keys, call.in(1), call.in(2)});
      }
    }
  }
}

// The cache with new rows from position `first` on.
void append(const Array& rows, const Array& cache, std::int64_t b, std::int64_t first, Array& to) {
  const std::int64_t size = rows.extent(1) * rows.extent(2);
  const std::int64_t cached = cache.extent(1) * cache.extent(2);
  for (std::int64_t i = 0; i < cached; ++i) to.at(b * cached + i) = cache.at(b * cached + i);
  for (std::int64_t i = 0; i < size; ++i) to.at(b * cached + first * rows.extent(2) + i) = rows.at(b * size + i);
}

void run_cached_attention(const ReferenceCall& call) {
  const std::int64_t heads = call.attributes().get_int("num_heads", 1);
  const std::int64_t queries = call.in(0).extent(1);
  for (std::int64_t b = 0; b < call.in(0).extent(0); ++b) {
    const std::int64_t first = static_cast<std::int64_t>(call.in(5).at(b)) + 1 - queries;
    append(call.in(1), call.in(3), b, first, call.out(1));
    append(call.in(2), call.in(4), b, first, call.out(2));
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t query = 0; query < queries; ++query) {
        attend(call, {heads, b, head, query, first + query + 1, call.out(1), call.out(2)});
      }
    }
  }
}

}  // namespace

Reference matrix_reference(std::string_view op) {
  if (op == "Gemm" || op == "MatMul" || op == "FusedMatMul") return run_product;
  if (op == "Attention") return run_attention;
  if (op == "GroupQueryAttention") return run_cached_attention;
  return nullptr;
}

}  // namespace mp::runtime::testing

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

// Element of the matrix in the last two axes, transposed first where asked; earlier axes broadcast from `batch`.
double element(const Array& m, const Index& batch, std::int64_t row, std::int64_t column, bool is_transposed) {
  Index at(batch);
  at.push_back(is_transposed ? column : row);
  at.push_back(is_transposed ? row : column);
  return m.at(broadcast_element(at, m.shape));
}

void run_product(const ReferenceCall& call) {
  const Array& a = call.in(0);
  const Array& b = call.in(1);
  const bool ta = call.attributes().get_int("transA", 0) != 0;
  const bool tb = call.attributes().get_int("transB", 0) != 0;
  const double alpha = call.attributes().get_float("alpha", 1.0);
  const double beta = call.attributes().get_float("beta", 1.0);
  const std::int64_t depth = a.shape[a.shape.size() - (ta ? 2 : 1)];
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const Index at = index_of(i, call.out().shape);
    const Index batch(at.begin(), at.end() - 2);
    double sum = 0.0;
    for (std::int64_t k = 0; k < depth; ++k) {
      sum += element(a, batch, at[at.size() - 2], k, ta) * element(b, batch, k, at.back(), tb);
    }
    call.out().at(i) = alpha * sum;
    if (call.has(2)) call.out().at(i) += beta * call.in(2).at(broadcast_element(at, call.in(2).shape));
  }
}

struct Head {
  std::int64_t batch, query, head, key_head, depth, value_depth;
};

double score(const ReferenceCall& call, const Head& h, std::int64_t key) {
  double sum = 0.0;
  for (std::int64_t d = 0; d < h.depth; ++d) {
    sum += call.in(0).at(element_of({h.batch, h.query, h.head * h.depth + d}, call.in(0).shape)) *
           call.in(1).at(element_of({h.batch, key, h.key_head * h.depth + d}, call.in(1).shape));
  }
  return sum * call.attributes().get_float("scale", 1.0 / std::sqrt(static_cast<double>(h.depth)));
}

void attend(const ReferenceCall& call, const Head& h) {
  const std::int64_t keys = call.in(1).extent(1);
  const std::int64_t seen = call.attributes().get_int("is_causal", 0) != 0 ? std::min(keys, h.query + 1) : keys;
  std::vector<double> weights;
  double most = -std::numeric_limits<double>::infinity();
  for (std::int64_t key = 0; key < seen; ++key) {
    weights.push_back(score(call, h, key));
    most = std::max(most, weights.back());
  }
  double total = 0.0;
  for (double& w : weights) total += w = std::exp(w - most);
  for (std::int64_t e = 0; e < h.value_depth; ++e) {
    double sum = 0.0;
    for (std::int64_t key = 0; key < seen; ++key) {
      sum += weights[static_cast<std::size_t>(key)] *
             call.in(2).at(element_of({h.batch, key, h.key_head * h.value_depth + e}, call.in(2).shape));
    }
    call.out().at(element_of({h.batch, h.query, h.head * h.value_depth + e}, call.out().shape)) = sum / total;
  }
  if (call.has_out(1))
    call.out(1).at(element_of({h.batch, h.head, h.query}, call.out(1).shape)) = most + std::log(total);
}

void run_attention(const ReferenceCall& call) {
  const std::int64_t heads = call.attributes().get_int("q_num_heads", 1);
  const std::int64_t key_heads = call.attributes().get_int("kv_num_heads", 1);
  for (std::int64_t b = 0; b < call.in(0).extent(0); ++b) {
    for (std::int64_t head = 0; head < heads; ++head) {
      for (std::int64_t query = 0; query < call.in(0).extent(1); ++query) {
        attend(call, {b, query, head, head / (heads / key_heads), call.in(0).extent(2) / heads,
                      call.in(2).extent(2) / key_heads});
      }
    }
  }
}

}  // namespace

Reference matrix_reference(std::string_view op) {
  if (op == "Gemm" || op == "MatMul" || op == "FusedMatMul") return run_product;
  if (op == "Attention") return run_attention;
  return nullptr;
}

}  // namespace mp::runtime::testing

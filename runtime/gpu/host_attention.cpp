#include "runtime/gpu/host_attention.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace mp::runtime::gpu {
namespace {

// Head `head` of one batch item of a tensor [batch, rows, heads·depth].
struct HeadRows {
  ConstReals x;
  std::int64_t first;
  std::int64_t row;
  std::int64_t depth;
  [[nodiscard]] double at(std::int64_t i, std::int64_t j) const { return static_cast<double>(x[first + i * row + j]); }
};

double dot(const HeadRows& a, std::int64_t i, const HeadRows& b, std::int64_t j) {
  double total = 0.0;
  for (std::int64_t d = 0; d < a.depth; ++d) total += a.at(i, d) * b.at(j, d);
  return total;
}

// A gradient before it is rounded, as the tensor lies.
using Sums = std::vector<double>;

class HostAttention final : public FusedAttention {
 public:
  explicit HostAttention(const AttentionProblem& problem) : p_(problem) {}

  void run(const AttentionOperands& operands) override {
    o_ = operands;
    dq_.assign(static_cast<std::size_t>(p_.batch * p_.queries * p_.query_heads * p_.depth), 0.0);
    dk_.assign(static_cast<std::size_t>(p_.batch * p_.keys * p_.key_heads * p_.depth), 0.0);
    dv_.assign(static_cast<std::size_t>(p_.batch * p_.keys * p_.key_heads * p_.value_depth), 0.0);
    for (std::int64_t b = 0; b < p_.batch; ++b) {
      for (std::int64_t head = 0; head < p_.query_heads; ++head) {
        for (std::int64_t query = 0; query < p_.queries; ++query) run_query(b, head, query);
      }
    }
    if (!p_.is_backward) return;
    round(dq_, o_.dq);
    round(dk_, o_.dk);
    round(dv_, o_.dv);
  }

 private:
  [[nodiscard]] HeadRows rows(const void* x, std::int64_t b, std::int64_t head, std::int64_t heads, std::int64_t rows,
                              std::int64_t depth) const {
    return {{x, true}, b * rows * heads * depth + head * depth, heads * depth, depth};
  }
  static void round(const Sums& sums, void* to) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      Reals{to, true}.set(static_cast<std::int64_t>(i), static_cast<float>(sums[i]));
    }
  }
  static double& place(Sums& sums, const HeadRows& like, std::int64_t i, std::int64_t j) {
    return sums[static_cast<std::size_t>(like.first + i * like.row + j)];
  }

  void run_query(std::int64_t b, std::int64_t head, std::int64_t query) {
    const std::int64_t key_head = head / (p_.query_heads / p_.key_heads);
    const HeadRows q = rows(o_.q, b, head, p_.query_heads, p_.queries, p_.depth);
    const HeadRows k = rows(o_.k, b, key_head, p_.key_heads, p_.keys, p_.depth);
    const HeadRows v = rows(o_.v, b, key_head, p_.key_heads, p_.keys, p_.value_depth);
    const HeadRows y = rows(o_.y, b, head, p_.query_heads, p_.queries, p_.value_depth);
    const std::int64_t statistic = (b * p_.query_heads + head) * p_.queries + query;
    std::vector<double> scores;
    for (std::int64_t key = 0; key < (p_.is_causal ? least(p_.keys, query + 1) : p_.keys); ++key) {
      scores.push_back(static_cast<double>(p_.scale) * dot(q, query, k, key));
    }
    if (p_.is_backward) {
      differentiate(scores, q, k, v, y, rows(o_.dy, b, head, p_.query_heads, p_.queries, p_.value_depth), query,
                    static_cast<const float*>(o_.statistics)[statistic]);
    } else {
      attend(scores, v, y, query, statistic);
    }
  }

  void attend(const std::vector<double>& scores, const HeadRows& v, const HeadRows& y, std::int64_t query,
              std::int64_t statistic) const {
    double top = -std::numeric_limits<double>::infinity();
    for (const double score : scores) top = std::fmax(top, score);
    double total = 0.0;
    for (const double score : scores) total += std::exp(score - top);
    for (std::int64_t j = 0; j < p_.value_depth; ++j) {
      double sum = 0.0;
      for (std::size_t key = 0; key < scores.size(); ++key) {
        sum += std::exp(scores[key] - top) / total * v.at(static_cast<std::int64_t>(key), j);
      }
      Reals{const_cast<void*>(o_.y), true}.set(y.first + query * y.row + j, static_cast<float>(sum));
    }
    if (o_.statistics == nullptr) return;
    static_cast<float*>(const_cast<void*>(o_.statistics))[statistic] = static_cast<float>(top + std::log(total));
  }

  void differentiate(const std::vector<double>& scores, const HeadRows& q, const HeadRows& k, const HeadRows& v,
                     const HeadRows& y, const HeadRows& dy, std::int64_t query, float log_sum) {
    const double own = dot(dy, query, y, query);
    for (std::int64_t key = 0; key < static_cast<std::int64_t>(scores.size()); ++key) {
      const double weight = std::exp(scores[static_cast<std::size_t>(key)] - static_cast<double>(log_sum));
      const double gradient = weight * (dot(dy, query, v, key) - own) * static_cast<double>(p_.scale);
      for (std::int64_t j = 0; j < p_.value_depth; ++j) place(dv_, v, key, j) += weight * dy.at(query, j);
      for (std::int64_t j = 0; j < p_.depth; ++j) {
        place(dk_, k, key, j) += gradient * q.at(query, j);
        place(dq_, q, query, j) += gradient * k.at(key, j);
      }
    }
  }

  AttentionProblem p_;
  AttentionOperands o_{};
  Sums dq_, dk_, dv_;
};

}  // namespace

std::unique_ptr<FusedAttention> make_host_attention(const AttentionProblem& problem) {
  return std::make_unique<HostAttention>(problem);
}

}  // namespace mp::runtime::gpu

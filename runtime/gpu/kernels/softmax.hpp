// Softmax, LogSoftmax, their gradients, and the cross-entropy of a softmax: a group of threads to each line.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/portable.hpp"
#include "runtime/gpu/values.hpp"
#include "runtime/semantics/strides.hpp"

namespace mp::runtime::gpu {

// Line number `line` begins at start(line).
struct Lines : LineExtents {
  std::int64_t step = extent * inner;  // from one of `outer` to the next
  [[nodiscard]] std::int64_t count() const { return outer * inner; }
  MP_HD std::int64_t start(std::int64_t line) const {
    const Division d = divide(line, inner);
    return d.quotient * step + d.rest;
  }
};

struct LineStatistics {
  float top;     // the largest
  double total;  // Σ e^(x − largest)
};

// In one pass: each thread keeps its own largest so far, and the sum that belongs to it (Milakov, Gimelshein, "Online
// normalizer calculation for softmax", 2018).
template <class Group>
MP_HD LineStatistics line_statistics(const Lines& l, const ConstReals& x, std::int64_t start, const Group& group) {
  const bool is_packed = l.inner == 1 && are_rows_packable(l.step, x);
  float top = -kInfinity;
  double total = 0.0;
  for_packs(group, l.extent, is_packed, [&](auto n, std::int64_t i) {
    const Pack<decltype(n)::value> values = load<decltype(n)::value>(x, start + i * l.inner);
    float largest = top;
    for (const float value : values.x) largest = fmaxf(largest, value);
    if (largest > top) {
      total *= static_cast<double>(expf(top - largest));
      top = largest;
    }
    // e^(−Inf − −Inf) is no number: of nothing but −Inf so far, the sum is 0, or a NaN that was among it.
    float part = 0.0F;
    for (const float value : values.x) part += top == -kInfinity ? (value != value ? value : 0.0F) : expf(value - top);
    total += static_cast<double>(part);
  });
  const float mine = top;
  top = group.largest(top);
  return {top, group.sum(total == 0.0 ? 0.0 : total * static_cast<double>(expf(mine - top)))};
}

// A line of which everything is masked (−Inf) has no distribution: zeros, as attention needs them.
struct SoftmaxRow {
  Lines l;
  bool is_log;
  ConstReals x;
  Reals y;
  template <class Group>
  MP_HD void operator()(std::int64_t line, const Group& group) const {
    const std::int64_t start = l.start(line);
    double sum = 0.0;
    for (std::int64_t i = group.rank(); i < l.extent; i += group.size()) {
      sum += static_cast<double>(x[start + i * l.inner]);
    }
    sum = group.sum(sum);
    const LineStatistics s = line_statistics(l, x, start, group);
    const bool is_masked = !is_log && s.top == -kInfinity && sum == -static_cast<double>(kInfinity);
    const auto log_sum = static_cast<float>(static_cast<double>(s.top) + log(s.total));
    const auto factor = static_cast<float>(1.0 / s.total);
    for (std::int64_t i = group.rank(); i < l.extent; i += group.size()) {
      const std::int64_t at = start + i * l.inner;
      const float value = is_log ? x[at] - log_sum : expf(x[at] - s.top) * factor;
      y.set(at, is_masked ? 0.0F : value);
    }
  }
};

// Softmax: dX = Y·(dY − Σ dY·Y); LogSoftmax: dX = dY − e^Y·Σ dY.
struct SoftmaxGradientRow {
  Lines l;
  bool is_log;
  ConstReals dy;
  ConstReals y;
  Reals dx;
  template <class Group>
  MP_HD void operator()(std::int64_t line, const Group& group) const {
    const std::int64_t start = l.start(line);
    double total = 0.0;
    for (std::int64_t i = group.rank(); i < l.extent; i += group.size()) {
      const std::int64_t at = start + i * l.inner;
      total += static_cast<double>(dy[at]) * (is_log ? 1.0 : static_cast<double>(y[at]));
    }
    const auto sum = static_cast<float>(group.sum(total));
    for (std::int64_t i = group.rank(); i < l.extent; i += group.size()) {
      const std::int64_t at = start + i * l.inner;
      dx.set(at, is_log ? dy[at] - expf(y[at]) * sum : y[at] * (dy[at] - sum));
    }
  }
};

// Labels and their weights in a cross-entropy loss.
struct Labels {
  const std::int64_t* labels;
  ConstReals weights;  // may be null: 1
  std::int64_t classes;
  std::int64_t ignored;
  bool has_ignored;
  Fault* fault;

  // Of a line whose label counts; 0 for those that do not, and for labels out of range, which are reported.
  MP_HD double weight(std::int64_t line) const {
    const std::int64_t label = labels[line];
    if (has_ignored && label == ignored) return 0.0;
    if (label < 0 || label >= classes) {
      fault->raise(line, label);
      return 0.0;
    }
    return weights ? static_cast<double>(weights[label]) : 1.0;
  }
  MP_HD bool counts(std::int64_t line) const {
    const std::int64_t label = labels[line];
    return !(has_ignored && label == ignored) && label >= 0 && label < classes;
  }
};

// Forward: a line's loss, its log-sum-exp, its log-probabilities.
struct CrossEntropyRow {
  Lines l;
  Labels labels;
  ConstReals scores;
  double* losses;
  Reals log_probabilities;  // these two may be null
  Reals log_sums;
  template <class Group>
  MP_HD void operator()(std::int64_t line, const Group& group) const {
    const std::int64_t start = l.start(line);
    const LineStatistics s = line_statistics(l, scores, start, group);
    const double log_sum = static_cast<double>(s.top) + log(s.total);
    if (group.rank() == 0) {
      const double weight = labels.weight(line);
      double loss = 0.0;
      if (labels.counts(line)) {
        loss = (log_sum - static_cast<double>(scores[start + labels.labels[line] * l.inner])) * weight;
      }
      losses[line] = loss;
      if (log_sums) log_sums.set(line, static_cast<float>(log_sum));
    }
    if (!log_probabilities) return;
    for (std::int64_t i = group.rank(); i < l.extent; i += group.size()) {
      const std::int64_t at = start + i * l.inner;
      log_probabilities.set(at, scores[at] - static_cast<float>(log_sum));
    }
  }
};

// One row: the weights' sum into `total`, and, with `losses`, the loss of all lines.
struct CrossEntropyFold {
  std::int64_t lines;
  Labels labels;
  const double* losses;  // null: only the weights are summed
  bool is_mean;
  double* total;  // may be null
  Reals loss;
  template <class Group>
  MP_HD void operator()(std::int64_t /*row*/, const Group& group) const {
    double weight = 0.0;
    double sum = 0.0;
    for (std::int64_t line = group.rank(); line < lines; line += group.size()) {
      weight += labels.weight(line);
      if (losses != nullptr) sum += losses[line];
    }
    weight = group.sum(weight);
    sum = group.sum(sum);
    if (group.rank() != 0) return;
    if (total != nullptr) *total = weight;
    if (is_mean) sum = weight == 0.0 ? 0.0 : sum / weight;
    if (losses != nullptr) loss.set(0, static_cast<float>(sum));
  }
};

// losses of lines as they are (reduction "none").
struct StoreItem {
  const double* from;
  Reals to;
  MP_HD void operator()(std::int64_t i) const { to.set(i, static_cast<float>(from[i])); }
};

// dX = factor·(softmax − 1 at the label): probabilities are made from the log-sum-exp, never stored.
struct CrossEntropyGradientRow {
  Lines l;
  Labels labels;
  bool is_mean;
  bool is_reduced;
  const double* total;
  ConstReals dloss;
  ConstReals scores;
  ConstReals log_sums;
  Reals dx;
  template <class Group>
  MP_HD void operator()(std::int64_t line, const Group& group) const {
    const std::int64_t start = l.start(line);
    const double share = is_mean && *total != 0.0 ? 1.0 / *total : 1.0;
    const bool has_loss = labels.counts(line);
    const double weight = has_loss ? labels.weight(line) : 0.0;
    const auto factor = static_cast<float>(static_cast<double>(dloss[is_reduced ? 0 : line]) * share * weight);
    const std::int64_t label = labels.labels[line];
    const float log_sum = log_sums[line];
    const bool is_packed = l.inner == 1 && are_rows_packable(l.step, scores, dx);
    for_packs(group, l.extent, is_packed, [&](auto n, std::int64_t i) {
      constexpr int kN = decltype(n)::value;
      const std::int64_t at = start + i * l.inner;
      Pack<kN> values = load<kN>(scores, at);
      for (int k = 0; k < kN; ++k) {
        const float value = factor * expf(values.x[k] - log_sum) - (i + k == label ? factor : 0.0F);
        values.x[k] = has_loss ? value : 0.0F;
      }
      store(dx, at, values);
    });
  }
};

// Both at once: a line is read again for its gradient while the cache still has it.
struct CrossEntropyWithGradientRow {
  CrossEntropyRow loss;
  CrossEntropyGradientRow gradient;  // reads the log-sum-exp that `loss` writes
  template <class Group>
  MP_HD void operator()(std::int64_t line, const Group& group) const {
    loss(line, group);
    group.wait();
    gradient(line, group);
  }
};

// Scores [N, C, D…]: class along axis 1, a label for every other index.
struct CrossEntropyProblem {
  Lines lines;
  bool is_mean = true;
  bool is_reduced = true;  // else a loss for every line
  std::int64_t ignored = 0;
  bool has_ignored = false;
  Fault* fault = nullptr;

  [[nodiscard]] Labels labels(const std::int64_t* labels, ConstReals weights) const {
    return {labels, weights, lines.extent, ignored, has_ignored, fault};
  }
};

}  // namespace mp::runtime::gpu

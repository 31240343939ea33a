// SoftmaxCrossEntropyLoss and its gradient. Scores [N, C, D…]: class along axis 1, a label for every other index.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

struct Problem {
  std::string node;
  std::int64_t batch = 1;
  std::int64_t classes = 1;
  std::int64_t inner = 1;  // indices behind the class axis
  bool is_mean = true;
  bool is_reduced = true;  // else a loss for every line
  std::optional<std::int64_t> ignored{};

  [[nodiscard]] std::int64_t lines() const { return batch * inner; }
  [[nodiscard]] std::int64_t start(std::int64_t line) const { return line / inner * classes * inner + line % inner; }
  [[nodiscard]] bool counts(std::int64_t label) const { return !ignored || label != *ignored; }
  // Lines to a part: cut by the shape alone.
  [[nodiscard]] std::int64_t grain() const { return std::max<std::int64_t>(1, kElementwiseGrain / 4 / classes); }
};

Problem problem_of(const KernelCall& call, std::size_t scores) {
  const Shape& shape = call.input(scores).shape;
  if (call.input(scores).type != DataType::kFloat32) call.refuse_type(call.input(scores).type);
  Problem p{.node = call.node.name, .batch = shape[0], .classes = shape[1]};
  for (std::size_t i = 2; i < shape.size(); ++i) p.inner *= shape[i];
  const std::string reduction = call.attributes().get_string("reduction", "mean");
  p.is_mean = reduction == "mean";
  p.is_reduced = reduction != "none";
  if (call.attributes().has("ignore_index")) p.ignored = call.attributes().get_int("ignore_index", 0);
  return p;
}

// Of a label that counts; without class weights each weighs 1.
double weight_of(const float* weights, std::int64_t label) {
  return weights == nullptr ? 1.0 : static_cast<double>(weights[label]);
}

// Checks every label, returns the weight of those that count: a mean is over this.
double weigh_labels(const Problem& p, const std::int64_t* labels, const float* weights) {
  double total = 0.0;
  for (std::int64_t line = 0; line < p.lines(); ++line) {
    const std::int64_t label = labels[line];
    if (!p.counts(label)) continue;
    if (label < 0 || label >= p.classes) {
      throw RunError(fmt::format("node '{}' (SoftmaxCrossEntropyLoss): label {} at position {} is not in [0, {})",
                                 p.node, label, line, p.classes));
    }
    total += weight_of(weights, label);
  }
  return total;
}

MP_SIMD void exponentials(const float* x, float shift, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = simd::exp(x[i] - shift);
}

// Σ e^(x − most), in blocks that stay in the first-level cache.
double sum_of_exponentials(const float* x, float most, std::int64_t n) {
  constexpr std::int64_t kBlock = 1024;
  float block[kBlock];
  double total = 0.0;
  for (std::int64_t i = 0; i < n; i += kBlock) {
    const std::int64_t count = std::min(kBlock, n - i);
    exponentials(x + i, most, block, count);
    total += sum(block, count);
  }
  return total;
}

double log_sum_exp(const float* x, std::int64_t n) {
  const float most = maximum(x, n);
  return static_cast<double>(most) + std::log(sum_of_exponentials(x, most, n));
}

// The scores of a line side by side: where they lie, or copied to `scratch`.
const float* line_of(const Problem& p, const float* scores, std::int64_t line, std::vector<float>& scratch) {
  const float* from = scores + p.start(line);
  if (p.inner == 1) return from;
  for (std::int64_t c = 0; c < p.classes; ++c) scratch[static_cast<std::size_t>(c)] = from[c * p.inner];
  return scratch.data();
}

std::vector<std::vector<float>> line_scratch(const Problem& p, const Team& team) {
  const auto size = static_cast<std::size_t>(p.inner == 1 ? 0 : p.classes);
  return std::vector<std::vector<float>>(static_cast<std::size_t>(team.threads()), std::vector<float>(size));
}

struct Outputs {
  float* loss;
  float* log_probabilities;
  float* log_sum_exp;
};

void write_log_probabilities(const Problem& p, const float* scores, std::int64_t line, double log_sum, float* to) {
  const float by = static_cast<float>(log_sum);
  for (std::int64_t c = 0; c < p.classes; ++c) {
    const std::int64_t at = p.start(line) + c * p.inner;
    to[at] = scores[at] - by;
  }
}

void reduce(const Problem& p, const std::vector<double>& losses, double weight, float* to) {
  if (!p.is_reduced) {
    for (std::size_t line = 0; line < losses.size(); ++line) to[line] = static_cast<float>(losses[line]);
    return;
  }
  double total = 0.0;
  for (const double loss : losses) total += loss;
  if (p.is_mean) total = weight == 0.0 ? 0.0 : total / weight;
  *to = static_cast<float>(total);
}

MP_SIMD void gradient_line(const float* x, float log_sum, float factor, float* dx, std::int64_t n,
                           std::int64_t stride) {
  if (stride == 1) {
    for (std::int64_t i = 0; i < n; ++i) dx[i] = factor * simd::exp(x[i] - log_sum);
  } else {
    for (std::int64_t i = 0; i < n; ++i) dx[i * stride] = factor * simd::exp(x[i * stride] - log_sum);
  }
}

}  // namespace

KernelPointer make_softmax_cross_entropy_loss(const KernelCall& call) {
  const Problem p = problem_of(call, 0);
  std::vector<double> losses(static_cast<std::size_t>(p.lines()));
  auto scratch = line_scratch(p, call.team);
  const auto workspace = static_cast<std::int64_t>(losses.size() * sizeof(double)) +
                         static_cast<std::int64_t>(scratch.size() * scratch[0].size() * sizeof(float));
  return function_kernel(
      [&team = call.team, p, losses, scratch](const Operands& io) mutable {
        const float* scores = io.in(0);
        const auto* labels = io.in<std::int64_t>(1);
        const float* weights = io.in(2);
        const double weight = weigh_labels(p, labels, weights);
        const Outputs to{io.out(0), io.out(1), io.out(2)};
        const std::int64_t grain = p.grain();
        team.for_each((p.lines() + grain - 1) / grain, [&](std::int64_t part, int worker) {
          for (std::int64_t line = part * grain; line < std::min(p.lines(), (part + 1) * grain); ++line) {
            const float* x = line_of(p, scores, line, scratch[static_cast<std::size_t>(worker)]);
            const double log_sum = log_sum_exp(x, p.classes);
            const bool has_loss = p.counts(labels[line]);
            double& loss = losses[static_cast<std::size_t>(line)];
            loss = has_loss ? log_sum - static_cast<double>(x[labels[line]]) : 0.0;
            if (has_loss) loss *= weight_of(weights, labels[line]);
            if (to.log_sum_exp != nullptr) to.log_sum_exp[line] = static_cast<float>(log_sum);
            if (to.log_probabilities != nullptr) {
              write_log_probabilities(p, scores, line, log_sum, to.log_probabilities);
            }
          }
        });
        if (to.loss != nullptr) reduce(p, losses, weight, to.loss);
      },
      workspace);
}

KernelPointer make_softmax_cross_entropy_loss_grad(const KernelCall& call) {
  const Problem p = problem_of(call, 1);
  return function_kernel([&team = call.team, p](const Operands& io) {
    const float* scores = io.in(1);
    const auto* labels = io.in<std::int64_t>(2);
    const float* log_sums = io.in(3);
    float* dx = io.out(0);
    const float* weights = io.in(4);
    const double total = weigh_labels(p, labels, weights);
    const double share = p.is_mean && total != 0.0 ? 1.0 / total : 1.0;
    team.for_range(p.lines(), p.grain(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        const std::int64_t start = p.start(line);
        if (p.counts(labels[line])) {
          const double dloss = static_cast<double>(io.in(0)[p.is_reduced ? 0 : line]);
          const auto factor = static_cast<float>(dloss * share * weight_of(weights, labels[line]));
          gradient_line(scores + start, log_sums[line], factor, dx + start, p.classes, p.inner);
          dx[start + labels[line] * p.inner] -= factor;
        } else {
          for (std::int64_t c = 0; c < p.classes; ++c) dx[start + c * p.inner] = 0.0F;
        }
      }
    });
  });
}

}  // namespace mp::runtime::cpu

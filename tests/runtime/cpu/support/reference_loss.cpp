#include <algorithm>
#include <cmath>
#include <string>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

void finish(const ReferenceCall& call, double total, double count) {
  const bool is_mean = call.attributes().get_string("reduction", "mean") == "mean";
  call.out().at(0) = is_mean ? (count > 0 ? total / count : 0.0) : total;
}

void run_cross_entropy(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const std::int64_t classes = x.extent(1);
  const bool has_ignored = call.attributes().has("ignore_index");
  double total = 0.0;
  double count = 0.0;
  for (std::int64_t line = 0; line < call.in(1).size(); ++line) {
    Index at = index_of(line, call.in(1).shape);
    at.insert(at.begin() + 1, 0);
    double most = -1e300;
    double sum = 0.0;
    for (at[1] = 0; at[1] < classes; ++at[1]) most = std::max(most, x.at(element_of(at, x.shape)));
    for (at[1] = 0; at[1] < classes; ++at[1]) sum += std::exp(x.at(element_of(at, x.shape)) - most);
    const double log_sum = most + std::log(sum);
    if (call.has_out(2)) call.out(2).at(line) = log_sum;
    for (at[1] = 0; call.has_out(1) && at[1] < classes; ++at[1]) {
      call.out(1).at(element_of(at, x.shape)) = x.at(element_of(at, x.shape)) - log_sum;
    }
    const auto label = static_cast<std::int64_t>(call.in(1).at(line));
    if (has_ignored && label == call.attributes().get_int("ignore_index", 0)) continue;
    at[1] = label;
    const double weight = call.has(2) ? call.in(2).at(label) : 1.0;
    const double loss = weight * (log_sum - x.at(element_of(at, x.shape)));
    if (call.attributes().get_string("reduction", "mean") == "none") call.out().at(line) = loss;
    total += loss;
    count += weight;
  }
  if (call.attributes().get_string("reduction", "mean") != "none") finish(call, total, count);
}

double loss(const ReferenceCall& call, double x, double t) {
  const std::string& op = call.node.op_name;
  if (op == "MeanSquaredError") return (x - t) * (x - t);
  if (op == "MeanAbsoluteError") return std::fabs(x - t);
  if (call.attributes().get_int("logits", 0) != 0)
    return std::max(x, 0.0) - x * t + std::log1p(std::exp(-std::fabs(x)));
  return -t * std::max(std::log(x), -100.0) - (1.0 - t) * std::max(std::log(1.0 - x), -100.0);
}

void run_loss(const ReferenceCall& call) {
  double total = 0.0;
  for (std::int64_t i = 0; i < call.in(0).size(); ++i) total += loss(call, call.in(0).at(i), call.in(1).at(i));
  finish(call, total, static_cast<double>(call.in(0).size()));
}

double sum_of_squares(const Array& a) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) sum += a.at(i) * a.at(i);
  return sum;
}

void run_gradient_l2(const ReferenceCall& call) {
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    call.out().at(static_cast<std::int64_t>(i)) = std::sqrt(sum_of_squares(call.in(i)));
  }
}

void run_gradient_norm(const ReferenceCall& call) {
  double total = 0.0;
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) total += sum_of_squares(call.in(i));
  call.out(0).at(0) = std::sqrt(total);
  call.out(1).at(0) = std::min(1.0, call.attributes().get_float("clip_norm", 0.0) / (std::sqrt(total) + 1e-6));
}

}  // namespace

Reference loss_reference(std::string_view op) {
  if (op == "SoftmaxCrossEntropyLoss") return run_cross_entropy;
  if (op == "GradientL2") return run_gradient_l2;
  if (op == "GradientNorm") return run_gradient_norm;
  if (op == "MeanSquaredError" || op == "MeanAbsoluteError" || op == "BinaryCrossEntropy") return run_loss;
  return nullptr;
}

}  // namespace mp::runtime::testing

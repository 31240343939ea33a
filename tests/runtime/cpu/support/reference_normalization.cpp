#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

Moments moments(const std::vector<double>& values) {
  Moments m;
  for (const double v : values) m.mean += v / static_cast<double>(values.size());
  for (const double v : values) m.variance += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size());
  return m;
}

void run_batch_normalization(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const double epsilon = call.attributes().get_float("epsilon", 1e-5);
  const double momentum = call.attributes().get_float("momentum", 0.9);
  const bool is_training = call.attributes().get_int("training_mode", 0) != 0;
  for (std::int64_t c = 0; c < x.extent(1); ++c) {
    std::vector<std::int64_t> places;
    std::vector<double> values;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      if (index_of(i, x.shape)[1] != c) continue;
      places.push_back(i);
      values.push_back(x.at(i));
    }
    const Moments batch = moments(values);
    const Moments used = is_training ? batch : Moments{call.in(3).at(c), call.in(4).at(c)};
    const double inverse = 1.0 / std::sqrt(used.variance + epsilon);
    for (const std::int64_t i : places) {
      call.out().at(i) = (x.at(i) - used.mean) * inverse * call.in(1).at(c) + call.in(2).at(c);
    }
    if (call.has_out(1)) call.out(1).at(c) = momentum * call.in(3).at(c) + (1.0 - momentum) * batch.mean;
    if (call.has_out(2)) call.out(2).at(c) = momentum * call.in(4).at(c) + (1.0 - momentum) * batch.variance;
    if (call.has_out(3)) call.out(3).at(c) = used.mean;
    if (call.has_out(4)) call.out(4).at(c) = inverse;
  }
}

void run_layer_normalization(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const std::size_t axis = call.axis("axis", -1, x.shape.size());
  std::int64_t width = 1;
  for (std::size_t i = axis; i < x.shape.size(); ++i) width *= x.extent(i);
  for (std::int64_t row = 0; row < x.size() / width; ++row) {
    const auto first = x.values.begin() + static_cast<std::ptrdiff_t>(row * width);
    const Moments m = moments({first, first + static_cast<std::ptrdiff_t>(width)});
    const double inverse = 1.0 / std::sqrt(m.variance + call.attributes().get_float("epsilon", 1e-5));
    for (std::int64_t i = 0; i < width; ++i) {
      const double shift = call.has(2) ? call.in(2).at(i) : 0.0;
      call.out().at(row * width + i) = (x.at(row * width + i) - m.mean) * inverse * call.in(1).at(i) + shift;
    }
    if (call.has_out(1)) call.out(1).at(row) = m.mean;
    if (call.has_out(2)) call.out(2).at(row) = inverse;
  }
}

void run_rms_normalization(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const std::int64_t width = call.in(1).size();
  for (std::int64_t row = 0; row < x.size() / width; ++row) {
    double mean = 0.0;
    for (std::int64_t i = row * width; i < (row + 1) * width; ++i)
      mean += x.at(i) * x.at(i) / static_cast<double>(width);
    const double inverse = 1.0 / std::sqrt(mean + call.attributes().get_float("epsilon", 1e-5));
    for (std::int64_t i = 0; i < width; ++i) {
      call.out().at(row * width + i) = x.at(row * width + i) * inverse * call.in(1).at(i);
    }
    if (call.has_out(1)) call.out(1).at(row) = inverse;
  }
}

void run_group_normalization(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const std::int64_t channels = x.extent(1);
  const std::int64_t groups = call.attributes().get_int("num_groups", channels);
  for (std::int64_t at = 0; at < x.extent(0) * groups; ++at) {
    std::vector<std::int64_t> places;
    std::vector<double> values;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const Index index = index_of(i, x.shape);
      if (index[0] * groups + index[1] / (channels / groups) != at) continue;
      places.push_back(i);
      values.push_back(x.at(i));
    }
    const Moments m = moments(values);
    const double inverse = 1.0 / std::sqrt(m.variance + call.attributes().get_float("epsilon", 1e-5));
    for (const std::int64_t i : places) {
      const std::int64_t c = index_of(i, x.shape)[1];
      call.out().at(i) = (x.at(i) - m.mean) * inverse * call.in(1).at(c) + call.in(2).at(c);
    }
    if (call.has_out(1)) call.out(1).at(at) = m.mean;
    if (call.has_out(2)) call.out(2).at(at) = inverse;
  }
}

void run_softmax(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const std::size_t axis = call.axis("axis", -1, x.shape.size());
  std::int64_t step = 1;
  for (std::size_t i = axis + 1; i < x.shape.size(); ++i) step *= x.extent(i);
  for (std::int64_t first = 0; first < x.size(); ++first) {
    if (index_of(first, x.shape)[axis] != 0) continue;
    const std::int64_t end = first + x.extent(axis) * step;
    double most = -std::numeric_limits<double>::infinity();
    double total = 0.0;
    for (std::int64_t i = first; i < end; i += step) most = std::max(most, x.at(i));
    for (std::int64_t i = first; i < end; i += step) total += std::exp(x.at(i) - most);
    for (std::int64_t i = first; i < end; i += step) {
      const double log = x.at(i) - most - std::log(total);
      call.out().at(i) = call.node.op_name == "Softmax" ? std::exp(log) : log;
    }
  }
}

void run_reduction(const ReferenceCall& call) {
  const Array& x = call.in(0);
  std::vector<bool> reduced(x.shape.size(), call.attributes().get_ints("axes", {}).empty());
  for (const std::int64_t a : call.attributes().get_ints("axes", {})) {
    reduced[static_cast<std::size_t>(a < 0 ? a + static_cast<std::int64_t>(x.shape.size()) : a)] = true;
  }
  Shape kept = x.shape;
  for (std::size_t i = 0; i < kept.size(); ++i) kept[i] = reduced[i] ? 1 : kept[i];
  const std::string& op = call.node.op_name;
  if (op == "ReduceMax") call.out().values.assign(call.out().values.size(), -std::numeric_limits<double>::infinity());
  for (std::int64_t i = 0; i < x.size(); ++i) {
    double& y = call.out().at(broadcast_element(index_of(i, x.shape), kept));
    y = op == "ReduceMax" ? std::max(y, x.at(i)) : y + x.at(i);
  }
  if (op != "ReduceMean") return;
  for (double& y : call.out().values) y /= static_cast<double>(x.size()) / static_cast<double>(call.out().size());
}

void run_arg_max(const ReferenceCall& call) {
  const Array& x = call.in(0);
  const std::size_t axis = call.axis("axis", 0, x.shape.size());
  std::int64_t inner = 1;
  for (std::size_t i = axis + 1; i < x.shape.size(); ++i) inner *= x.shape[i];
  const std::int64_t extent = x.shape[axis];
  for (std::int64_t line = 0; line < call.out().size(); ++line) {
    const std::int64_t start = line / inner * extent * inner + line % inner;
    std::int64_t best = 0;
    for (std::int64_t i = 1; i < extent; ++i) {
      if (x.at(start + i * inner) > x.at(start + best * inner)) best = i;
    }
    call.out().at(line) = static_cast<double>(best);
  }
}

}  // namespace

Reference normalization_reference(std::string_view op) {
  if (op == "BatchNormalization") return run_batch_normalization;
  if (op == "LayerNormalization") return run_layer_normalization;
  if (op == "RMSNormalization") return run_rms_normalization;
  if (op == "GroupNormalization" || op == "InstanceNormalization") return run_group_normalization;
  if (op == "Softmax" || op == "LogSoftmax") return run_softmax;
  if (op == "ArgMax") return run_arg_max;
  if (op == "ReduceSum" || op == "ReduceMean" || op == "ReduceMax") return run_reduction;
  return nullptr;
}

}  // namespace mp::runtime::testing

#include "models/builders/model_builder.hpp"

#include <utility>

#include <fmt/format.h>

#include "lib/base/error.hpp"

namespace mp::models {
namespace {

// Larger ones are slips of the keyboard; products of three still fit 63 bits.
constexpr std::int64_t kLargestOption = 1'000'000;

std::vector<Dimension> fixed_shape(const std::vector<std::int64_t>& extents) {
  std::vector<Dimension> shape;
  for (const std::int64_t extent : extents) shape.push_back(fixed(extent));
  return shape;
}

}  // namespace

Dimension fixed(std::int64_t extent) { return {extent, ""}; }
Dimension batch() { return {0, std::string(kBatchDimension)}; }

Initializer normal(double std) { return {Initializer::Kind::kNormal, 0.0, std}; }
Initializer uniform(double bound) { return {Initializer::Kind::kUniform, -bound, bound}; }
Initializer constant(double value) { return {Initializer::Kind::kConstant, value, 0.0}; }

void need_positive(std::string_view what, std::int64_t value) {
  if (value >= 1 && value <= kLargestOption) return;
  throw UsageError(fmt::format("{} must be 1 to {}, not {}", what, kLargestOption, value));
}

ModelBuilder::ModelBuilder(std::string name, std::string description, std::int64_t batch_size) {
  need_positive("batch", batch_size);
  model_.name = std::move(name);
  model_.description = std::move(description);
  model_.dimensions = {{std::string(kBatchDimension), batch_size}};
}

std::string ModelBuilder::input(std::string name, DataType type, std::vector<Dimension> shape, std::string data) {
  model_.inputs.push_back({name, type, std::move(shape), std::move(data)});
  return name;
}

std::string ModelBuilder::weight(std::string name, std::vector<std::int64_t> shape, Initializer initializer) {
  model_.parameters.push_back({name, DataType::kFloat32, fixed_shape(shape), initializer, true, true});
  return name;
}

std::string ModelBuilder::vector(std::string name, std::int64_t extent, double value) {
  model_.parameters.push_back({name, DataType::kFloat32, {fixed(extent)}, constant(value), true, false});
  return name;
}

std::string ModelBuilder::state(std::string name, std::int64_t extent, double value) {
  model_.parameters.push_back({name, DataType::kFloat32, {fixed(extent)}, constant(value), false, false});
  return name;
}

std::string ModelBuilder::node(std::string op, std::string name, std::vector<std::string> inputs,
                               Attributes attributes) {
  ModelNode added;
  added.name = name;
  added.op = std::move(op);
  added.inputs = std::move(inputs);
  added.outputs = {name};
  added.attributes = std::move(attributes);
  model_.nodes.push_back(std::move(added));
  return name;
}

std::string ModelBuilder::linear(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out,
                                 Initializer initializer) {
  const std::string w = weight(name + ".weight", {out, in}, initializer);
  const std::string b = vector(name + ".bias", out, 0.0);
  return node("Gemm", name, {x, w, b}, {{"transB", std::int64_t{1}}});
}

void ModelBuilder::more_outputs(std::vector<std::string> names) {
  std::vector<std::string>& outputs = model_.nodes.back().outputs;
  for (std::string& name : names) outputs.push_back(std::move(name));
}

void ModelBuilder::pin(std::int64_t device) { model_.nodes.back().device = device; }

Model ModelBuilder::build(std::string loss, LossReduction reduction) && {
  model_.loss = std::move(loss);
  model_.loss_reduction = reduction;
  return std::move(model_);
}

}  // namespace mp::models

// Resize: https://onnx.ai/onnx/operators/onnx__Resize.html, over the spatial axes of [N, C, …], nearest and linear.
#include "lib/operators/resize.hpp"

#include <fmt/core.h>

#include <cmath>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

void check_modes(const OperatorCall& call) {
  need_choice(call, "mode", {"nearest", "linear"});
  need_choice(call, "coordinate_transformation_mode",
              {"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"});
  need_choice(call, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
}

void need_entries(std::string_view name, std::size_t entries, std::size_t rank) {
  if (entries == rank) return;
  throw ShapeError(fmt::format("attribute {} must have {} numbers, one per axis of X, not {}", name, rank, entries));
}

void need_whole_channels(std::string_view name, bool is_whole) {
  if (!is_whole) throw ShapeError(fmt::format("attribute {} must leave batch and channels as they are", name));
}

Shape resized(const OperatorCall& call, const Shape& x) {
  check_modes(call);
  if (call.attributes.has("sizes") == call.attributes.has("scales")) {
    throw ShapeError("needs exactly one of the attributes sizes and scales");
  }
  if (call.attributes.has("sizes")) {
    need_entries("sizes", call.attributes.get_ints("sizes", {}).size(), x.size());
    Shape sizes = shape_attribute(call, "sizes");
    need_whole_channels("sizes", sizes[0] == x[0] && sizes[1] == x[1]);
    return sizes;
  }
  const std::vector<double> scales = resize_scales(call.attributes);
  need_entries("scales", scales.size(), x.size());
  need_whole_channels("scales", scales[0] == 1.0 && scales[1] == 1.0);
  Shape sizes = {x[0], x[1]};
  for (std::size_t i = 2; i < x.size(); ++i) {
    const double extent = std::floor(static_cast<double>(x[i]) * scales[i]);
    if (!(extent >= 1.0 && extent <= static_cast<double>(kMaxTensorBytes))) {
      throw ShapeError(fmt::format("scale {} makes nothing a tensor can have of the extent {}", scales[i], x[i]));
    }
    sizes.push_back(static_cast<std::int64_t>(extent));
  }
  return sizes;
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_one_float_type(call);
  need_rank(call, 0, 3, 4);
  return {like(call, 0, resized(call, call.input(0).shape))};
}

std::vector<TensorType> infer_grad(const OperatorCall& call) {
  need_one_float_type(call);
  const Shape x = shape_attribute(call, "input_shape");
  if (x.size() < 3 || x.size() > 4) {
    throw ShapeError(fmt::format("input_shape must have 3 to 4 dimensions, not {}", to_string(x)));
  }
  need_shape(call, 0, resized(call, x), "what resizing input_shape gives");
  return {like(call, 0, x)};
}

// A linear blend of two neighbours along each spatial axis; nearest moves numbers alone.
double blends(const OperatorCall& call, const TensorType& larger) {
  if (call.attributes.get_string("mode", "nearest") == "nearest") return count(larger);
  return 3.0 * count(larger) * static_cast<double>(larger.shape.size() - 2);
}
double flops(const OperatorCall& call, std::span<const TensorType> outputs) { return blends(call, outputs[0]); }
double flops_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return blends(call, call.input(0));
}

void differentiate(GradientBuilder& gradient) {
  Attributes attributes = gradient.node().attributes;
  attributes.set("input_shape", gradient.type(gradient.input(0)).shape);
  gradient.differentiate_input(0, "ResizeGrad", "X", {gradient.output_gradient(0)}, attributes);
}

}  // namespace

std::vector<double> resize_scales(const Attributes& attributes) {
  const auto found = attributes.values().find("scales");
  if (found == attributes.values().end()) return {};
  if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&found->second)) return {whole->begin(), whole->end()};
  return std::get<std::vector<double>>(found->second);
}

std::vector<Operator> resize_operators() {
  std::vector<AttributeSpec> attributes = {{"mode", AttributeKind::kString},
                                           {"coordinate_transformation_mode", AttributeKind::kString},
                                           {"nearest_mode", AttributeKind::kString},
                                           {"scales", AttributeKind::kFloats},
                                           {"sizes", AttributeKind::kInts}};
  std::vector<AttributeSpec> grad_attributes = attributes;
  grad_attributes.push_back({"input_shape", AttributeKind::kInts, true});
  return {{.name = "Resize",
           .attributes = std::move(attributes),
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate},
          {.name = "ResizeGrad", .attributes = std::move(grad_attributes), .infer = infer_grad, .flops = flops_grad}};
}

}  // namespace mp

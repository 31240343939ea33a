// Gather: https://onnx.ai/onnx/operators/onnx__Gather.html (axis 0: an embedding)
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

Shape gathered(const OperatorCall& call, const Shape& data, const Shape& indices) {
  const std::size_t axis = axis_within(call.attributes.get_int("axis", 0), data.size());
  const auto at = data.begin() + static_cast<std::ptrdiff_t>(axis);
  Shape result(data.begin(), at);
  result.insert(result.end(), indices.begin(), indices.end());
  result.insert(result.end(), at + 1, data.end());
  return result;
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_type(call, 1, DataType::kInt64);
  return {{call.input(0).type, gathered(call, call.input(0).shape, call.input(1).shape)}};
}

// dY, indices
std::vector<TensorType> infer_grad(const OperatorCall& call) {
  need_float(call, 0);
  need_type(call, 1, DataType::kInt64);
  const Shape data = shape_attribute(call, "shape");
  need_shape(call, 0, gathered(call, data, call.input(1).shape), "what gathering gives");
  return {float32(data)};
}

void differentiate(GradientBuilder& gradient) {
  if (!gradient.wants(0)) return;
  gradient.differentiate_input(
      0, "GatherGrad", "data", {gradient.output_gradient(0), gradient.input(1)},
      {{"axis", gradient.node().attributes.get_int("axis", 0)}, {"shape", gradient.type(gradient.input(0)).shape}});
}

}  // namespace

std::vector<Operator> gather_operators() {
  return {{.name = "Gather",
           .inputs = {2, 2},
           .attributes = {kAxisAttribute},
           .infer = infer,
           .differentiate = differentiate},
          {.name = "GatherGrad",
           .inputs = {2, 2},
           .attributes = {kAxisAttribute, {"shape", AttributeKind::kInts, true}},
           .infer = infer_grad,
           .flops = one_flop_an_input}};
}

}  // namespace mp

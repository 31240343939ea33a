// ArgMax: https://onnx.ai/onnx/operators/onnx__ArgMax.html
#include "lib/operators/families.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer(const OperatorCall& call) {
  need_float(call, 0);
  Shape shape = call.input(0).shape;
  const std::size_t axis = axis_within(call.attributes.get_int("axis", 0), shape.size());
  if (flag(call, "keepdims", true)) {
    shape[axis] = 1;
  } else {
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  }
  return {{DataType::kInt64, std::move(shape)}};
}

}  // namespace

std::vector<Operator> arg_max_operators() {
  return {{.name = "ArgMax",
           .attributes = {kAxisAttribute, {"keepdims", AttributeKind::kInt}},
           .infer = infer,
           .flops = one_flop_an_input}};
}

}  // namespace mp

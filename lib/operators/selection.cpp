// Where, Cast, Constant: values chosen, converted, made. https://onnx.ai/onnx/operators/
#include <fmt/core.h>

#include "lib/base/check.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer_where(const OperatorCall& call) {
  need_type(call, 0, DataType::kBool);
  need_type(call, 2, call.input(1).type);
  const Shape values = broadcast(call.input(1).shape, call.input(2).shape);
  return {{call.input(1).type, broadcast(call.input(0).shape, values)}};
}

void differentiate_where(GradientBuilder& gradient) {
  const TensorId condition = gradient.input(0);
  const TensorId dz = gradient.output_gradient(0);
  const TensorId zero = gradient.scalar(0.0, "zero", gradient.type(dz).type);
  if (gradient.wants(1)) gradient.set_broadcast_gradient(1, gradient.add("Where", "X", {condition, dz, zero}), "X");
  if (gradient.wants(2)) gradient.set_broadcast_gradient(2, gradient.add("Where", "Y", {condition, zero, dz}), "Y");
}

std::vector<TensorType> infer_cast(const OperatorCall& call) {
  need_choice(call, "to", {"float32", "bfloat16", "int64", "bool"});
  return {{find_data_type(call.attributes.get_string("to", "")).value(), call.input(0).shape}};
}

// Only float32 and bfloat16 have gradients: dY in the type of X.
void differentiate_cast(GradientBuilder& gradient) {
  const DataType type = gradient.type(gradient.input(0)).type;
  const TensorId dy = gradient.output_gradient(0);
  if (gradient.type(dy).type == type) return gradient.set_input_gradient(0, dy);
  gradient.differentiate_input(0, "Cast", "X", {dy}, {{"to", std::string(name_of(type))}});
}

std::vector<TensorType> infer_constant(const OperatorCall& call) {
  const bool whole = call.attributes.has("value_int");
  if (whole == call.attributes.has("value_float")) {
    throw ShapeError("needs exactly one of the attributes value_float and value_int");
  }
  return {{whole ? DataType::kInt64 : DataType::kFloat32, shape_attribute(call, "shape")}};
}

}  // namespace

std::vector<Operator> selection_operators() {
  return {{.name = "Where", .inputs = {3, 3}, .infer = infer_where, .differentiate = differentiate_where},
          {.name = "Cast",
           // inserted: by mixed precision; the node is none of the model's
           .attributes = {{"to", AttributeKind::kString, true}, {"inserted", AttributeKind::kInt}},
           .infer = infer_cast,
           .differentiate = differentiate_cast},
          {.name = "Constant",
           .inputs = {0, 0},
           .attributes = {{"value_float", AttributeKind::kFloat},
                          {"value_int", AttributeKind::kInt},
                          {"shape", AttributeKind::kInts}},
           .infer = infer_constant}};
}

}  // namespace mp

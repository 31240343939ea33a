// Dropout (Srivastava et al., JMLR 2014): https://onnx.ai/onnx/operators/onnx__Dropout.html
// No mask is kept: the gradient draws the same numbers again from the stream of the forward node.
#include <fmt/core.h>

#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

std::vector<TensorType> infer(const OperatorCall& call) {
  if (const double ratio = float_at_least(call, "ratio", 0.5, 0.0); ratio >= 1.0) {
    throw ShapeError(fmt::format("attribute ratio must be smaller than 1, not {}", ratio));
  }
  return infer_like_first(call);
}

void differentiate(GradientBuilder& gradient) {
  const Attributes& attributes = gradient.node().attributes;
  gradient.differentiate_input(0, "DropoutGrad", "X", {gradient.output_gradient(0)},
                               {{"ratio", attributes.get_float("ratio", 0.5)},
                                {"stream", attributes.get_string("stream", gradient.node().name)}});
}

}  // namespace

std::vector<Operator> dropout_operators() {
  const AttributeSpec ratio = {"ratio", AttributeKind::kFloat};
  return {{.name = "Dropout",
           .attributes = {ratio, {"stream", AttributeKind::kString}},
           .infer = infer,
           .flops = one_flop_an_output,
           .differentiate = differentiate},
          {.name = "DropoutGrad",
           .attributes = {ratio, {"stream", AttributeKind::kString, true}},
           .infer = infer,
           .flops = one_flop_an_output}};
}

}  // namespace mp

#include "lib/operators/parts.hpp"

namespace mp {

PartsAnswer elementwise_in_parts(const PartsRequest& request) {
  PartsAnswer answer;
  const auto rank = static_cast<std::int64_t>(request.output.shape.size());
  for (std::size_t i = 0; i < request.call.inputs.size(); ++i) {
    OperandParts& operand = answer.operands.emplace_back();
    if (!request.call.has_input(i)) continue;
    const Shape& shape = request.call.input(i).shape;
    const std::int64_t axis = request.axis - (rank - static_cast<std::int64_t>(shape.size()));
    if (axis >= 0 && shape[static_cast<std::size_t>(axis)] != 1) operand = {axis, request.sizes};
  }
  answer.attributes.assign(request.sizes.size(), request.call.attributes);
  return answer;
}

}  // namespace mp

// What an operator says of being computed in parts: the answer to lib/graph/carry_parts.hpp.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/graph/attributes.hpp"
#include "lib/operators/operator.hpp"

namespace mp {

// Output 0, of type `output`, is wanted in parts of these sizes along `axis` (0 … rank − 1).
struct PartsRequest {
  const OperatorCall& call;
  const TensorType& output;
  std::int64_t axis = 0;
  std::vector<std::int64_t> sizes;

  [[nodiscard]] bool has_equal_sizes() const {
    for (const std::int64_t size : sizes) {
      if (size != sizes.front()) return false;
    }
    return true;
  }
};

// Of an input: in parts of these sizes along the axis; no sizes: every part reads all of it.
struct OperandParts {
  std::int64_t axis = 0;
  std::vector<std::int64_t> sizes{};
};

struct PartsAnswer {
  std::vector<OperandParts> operands{};  // one an input; none: the node has no parts of this kind
  std::vector<Attributes> attributes{};  // one a part
};

// Of operators whose inputs are broadcast to the output's shape and computed element by element.
[[nodiscard]] PartsAnswer elementwise_in_parts(const PartsRequest& request);

}  // namespace mp

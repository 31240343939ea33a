// The operators, family by family: each function is defined in the file named after the family.
#pragma once

#include <vector>

#include "lib/operators/operator.hpp"

namespace mp {

[[nodiscard]] std::vector<Operator> gemm_operators();

}  // namespace mp

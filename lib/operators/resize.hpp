// What the shape rule and the kernels of Resize both read.
#pragma once

#include <vector>

#include "lib/graph/attributes.hpp"

namespace mp {

// The attribute scales, one number per axis of X (whole numbers are numbers, too); empty where it is absent.
[[nodiscard]] std::vector<double> resize_scales(const Attributes& attributes);

}  // namespace mp

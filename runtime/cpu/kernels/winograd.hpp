// Which convolutions Winograd's algorithm is for (Lavin, Gray, "Fast algorithms for convolutional neural networks",
// CVPR 2016): F(4×4, 3×3), a fourth of the multiplications.
#pragma once

#include <cstdint>

#include "runtime/cpu/onednn.hpp"

namespace mp::runtime::cpu {

// 4 × 4 outputs that it makes at once.
[[nodiscard]] std::int64_t winograd_tiles(const onednn::ConvolutionShape& shape);
// Where it pays; the library may still have none for the machine (it has for AVX-512).
[[nodiscard]] bool suits_winograd(const onednn::ConvolutionShape& shape);

}  // namespace mp::runtime::cpu

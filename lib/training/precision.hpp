// The element type a model is computed in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mp {

// kFloat32: as the model says. kBfloat16: mixed, as lib/training/mixed_precision.hpp has it.
enum class Precision : std::uint8_t { kFloat32, kBfloat16 };
inline constexpr std::array kPrecisions = {Precision::kFloat32, Precision::kBfloat16};
[[nodiscard]] std::string_view name_of(Precision precision);  // "float32", "bf16"
[[nodiscard]] std::optional<Precision> find_precision(std::string_view name);

}  // namespace mp

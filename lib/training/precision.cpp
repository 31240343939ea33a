#include "lib/training/precision.hpp"

namespace mp {

std::string_view name_of(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "float32";
    case Precision::kBfloat16:
      return "bf16";
  }
  return "";
}

std::optional<Precision> find_precision(std::string_view name) {
  for (const Precision precision : kPrecisions) {
    if (name_of(precision) == name) return precision;
  }
  return std::nullopt;
}

}  // namespace mp

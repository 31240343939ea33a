#include "lib/cluster/efficiency.hpp"

#include <algorithm>
#include <cmath>

#include "lib/base/check.hpp"

namespace mp {

std::string_view name_of(WorkClass work) {
  switch (work) {
    case WorkClass::kVector:
      return "vector";
    case WorkClass::kMatmul:
      return "matmul";
    case WorkClass::kConvolution:
      return "convolution";
    case WorkClass::kAttention:
      return "attention";
    case WorkClass::kMemory:
      return "memory";
  }
  return "";
}

double fraction_at(const EfficiencyCurve& curve, double size) {
  MP_CHECK(!curve.points.empty());
  const auto above = std::find_if(curve.points.begin(), curve.points.end(),
                                  [size](const EfficiencyCurve::Point& point) { return point.size > size; });
  if (above == curve.points.begin()) return curve.points.front().fraction;
  if (above == curve.points.end()) return curve.points.back().fraction;
  const EfficiencyCurve::Point& below = *std::prev(above);
  const double share = std::log(size / below.size) / std::log(above->size / below.size);
  return below.fraction + share * (above->fraction - below.fraction);
}

double efficiency(const std::vector<EfficiencyCurve>& curves, WorkClass work, DataType type, double size) {
  const EfficiencyCurve* general = nullptr;
  for (const EfficiencyCurve& curve : curves) {
    if (curve.work != work) continue;
    if (curve.type == type) return fraction_at(curve, size);
    if (!curve.type) general = &curve;
  }
  return general != nullptr ? fraction_at(*general, size) : 1.0;
}

}  // namespace mp

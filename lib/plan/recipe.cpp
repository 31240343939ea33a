#include "lib/plan/recipe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace mp {
namespace {

constexpr std::array<std::pair<LearningRateShape, std::string_view>, 2> kShapes = {
    {{LearningRateShape::kConstant, "constant"}, {LearningRateShape::kCosine, "cosine"}}};

}  // namespace

std::string_view name_of(LearningRateShape shape) {
  return std::find_if(kShapes.begin(), kShapes.end(), [&](const auto& s) { return s.first == shape; })->second;
}

std::optional<LearningRateShape> find_learning_rate_shape(std::string_view name) {
  for (const auto& [shape, text] : kShapes) {
    if (text == name) return shape;
  }
  return std::nullopt;
}

double learning_rate_at(const LearningRateSchedule& schedule, double learning_rate, std::int64_t step,
                        std::int64_t steps) {
  if (step < schedule.warmup_steps) {
    return learning_rate * static_cast<double>(step + 1) / static_cast<double>(schedule.warmup_steps);
  }
  if (schedule.shape == LearningRateShape::kConstant) return learning_rate;
  const std::int64_t length = std::max<std::int64_t>(1, steps - 1 - schedule.warmup_steps);
  const double progress =
      std::min(1.0, static_cast<double>(step - schedule.warmup_steps) / static_cast<double>(length));
  const double cosine = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return learning_rate * (schedule.final_fraction + (1.0 - schedule.final_fraction) * cosine);
}

}  // namespace mp

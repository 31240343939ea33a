#include "lib/plan/recipe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace mp {
namespace {

constexpr std::array<std::pair<LearningRateShape, std::string_view>, 4> kShapes = {
    {{LearningRateShape::kConstant, "constant"},
     {LearningRateShape::kLinear, "linear"},
     {LearningRateShape::kCosine, "cosine"},
     {LearningRateShape::kStep, "step"}}};

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
  if (schedule.shape == LearningRateShape::kStep) {
    const std::int64_t drops = (step - schedule.warmup_steps) / schedule.every_steps;
    return learning_rate * std::pow(schedule.factor, static_cast<double>(drops));
  }
  const std::int64_t length = std::max<std::int64_t>(1, steps - 1 - schedule.warmup_steps);
  const double progress =
      std::min(1.0, static_cast<double>(step - schedule.warmup_steps) / static_cast<double>(length));
  const bool is_linear = schedule.shape == LearningRateShape::kLinear;
  const double height = is_linear ? 1.0 - progress : 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return learning_rate * (schedule.final_fraction + (1.0 - schedule.final_fraction) * height);
}

}  // namespace mp

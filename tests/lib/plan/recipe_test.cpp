#include "lib/plan/recipe.hpp"

#include "tests/support/catch.hpp"

TEST_CASE("the learning rate warms up linearly, then stays or falls along a cosine", "[plan]") {
  using mp::learning_rate_at;
  const mp::LearningRateSchedule constant{.warmup_steps = 4};
  CHECK(learning_rate_at(constant, 0.8, 0, 100) == Approx(0.2));
  CHECK(learning_rate_at(constant, 0.8, 3, 100) == Approx(0.8));
  CHECK(learning_rate_at(constant, 0.8, 99, 100) == 0.8);

  const mp::LearningRateSchedule cosine{
      .shape = mp::LearningRateShape::kCosine, .warmup_steps = 10, .final_fraction = 0.1};
  CHECK(learning_rate_at(cosine, 1.0, 9, 111) == Approx(1.0));
  CHECK(learning_rate_at(cosine, 1.0, 10, 111) == 1.0);
  CHECK(learning_rate_at(cosine, 1.0, 60, 111) == Approx(0.55));
  CHECK(learning_rate_at(cosine, 1.0, 110, 111) == Approx(0.1));
  CHECK(learning_rate_at(cosine, 1.0, 500, 111) == Approx(0.1));
}

TEST_CASE("the learning rate falls along a line, or by a factor now and then", "[plan]") {
  using mp::learning_rate_at;
  const mp::LearningRateSchedule linear{
      .shape = mp::LearningRateShape::kLinear, .warmup_steps = 10, .final_fraction = 0.2};
  CHECK(learning_rate_at(linear, 1.0, 4, 111) == Approx(0.5));
  CHECK(learning_rate_at(linear, 1.0, 10, 111) == 1.0);
  CHECK(learning_rate_at(linear, 1.0, 60, 111) == Approx(0.6));
  CHECK(learning_rate_at(linear, 1.0, 110, 111) == Approx(0.2));

  const mp::LearningRateSchedule step{
      .shape = mp::LearningRateShape::kStep, .warmup_steps = 2, .every_steps = 5, .factor = 0.5};
  CHECK(learning_rate_at(step, 1.0, 0, 100) == Approx(0.5));
  CHECK(learning_rate_at(step, 1.0, 6, 100) == 1.0);
  CHECK(learning_rate_at(step, 1.0, 7, 100) == Approx(0.5));
  CHECK(learning_rate_at(step, 1.0, 17, 100) == Approx(0.125));
}

TEST_CASE("a schedule longer than the run never divides by nothing", "[plan]") {
  const mp::LearningRateSchedule cosine{.shape = mp::LearningRateShape::kCosine, .warmup_steps = 3};
  CHECK(mp::learning_rate_at(cosine, 1.0, 1, 2) == Approx(2.0 / 3.0));
  CHECK(mp::learning_rate_at(cosine, 1.0, 3, 4) == 1.0);
}

TEST_CASE("shapes of learning rates have names", "[plan]") {
  for (const auto shape : {mp::LearningRateShape::kConstant, mp::LearningRateShape::kLinear,
                           mp::LearningRateShape::kCosine, mp::LearningRateShape::kStep}) {
    CHECK(mp::find_learning_rate_shape(mp::name_of(shape)) == shape);
  }
  CHECK_FALSE(mp::find_learning_rate_shape("square"));
}

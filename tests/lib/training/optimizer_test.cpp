// Which parameter an optimizer treats how.
#include "lib/training/optimizer.hpp"

#include <string>

#include "lib/base/error.hpp"
#include "lib/training/training_graph.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using mp::test::message_of;

namespace {

Attributes update_of(const TrainingGraph& training, const std::string& parameter) {
  for (const TrainedParameter& trained : training.trained) {
    if (training.graph.tensor(trained.parameter).name == parameter)
      return training.graph.node(trained.update).attributes;
  }
  FAIL("not trained: " << parameter);
  return {};
}

}  // namespace

TEST_CASE("patterns of parameter names", "[training][groups]") {
  CHECK(matches("fc1.bias", "fc1.bias"));
  CHECK_FALSE(matches("fc1.bias", "fc1.biases"));
  CHECK_FALSE(matches("fc1.biases", "fc1.bias"));
  CHECK(matches("*.bias", "fc1.bias"));
  CHECK(matches("*", ""));
  CHECK(matches("fc?.*s", "fc1.bias"));
  CHECK_FALSE(matches("fc?.*s", "fc10.bias"));
  CHECK(matches("*a*a*b", "aaaaaaab"));
  CHECK_FALSE(matches("*a*a*b", "aaaaaaac"));
  CHECK_FALSE(matches("", "x"));
  // Time grows with the product of the lengths, not with the number of ways to match.
  CHECK_FALSE(matches(std::string(40, '*') + "a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST_CASE("the first group that matches decides over decay and rate", "[training][groups]") {
  Optimizer optimizer{.kind = OptimizerKind::kAdamW, .weight_decay = 0.5};
  optimizer.groups = {{.patterns = {"*.bias"}, .weight_decay = 0.25, .learning_rate_factor = 2.0},
                      {.patterns = {"fc1.*", "nothing*"}, .weight_decay = {}, .learning_rate_factor = 0.5}};
  optimizer.groups[1].patterns.pop_back();
  const TrainingGraph training = differentiate(mp::test::two_layers(), {.optimizer = optimizer});
  CHECK(update_of(training, "fc1.bias").get_float("weight_decay", -1) == 0.25);
  CHECK(update_of(training, "fc1.bias").get_float("learning_rate_factor", -1) == 2.0);
  CHECK(update_of(training, "fc1.weight").get_float("weight_decay", -1) == 0.5);
  CHECK(update_of(training, "fc1.weight").get_float("learning_rate_factor", -1) == 0.5);
  CHECK(update_of(training, "fc2.weight").get_float("weight_decay", -1) == 0.5);
  CHECK_FALSE(update_of(training, "fc2.weight").has("learning_rate_factor"));
}

TEST_CASE("a pattern that matches nothing is a mistake", "[training][groups]") {
  Optimizer optimizer;
  optimizer.groups = {{.patterns = {"fc1.*", "fc2.weigth"}, .weight_decay = 0.0}};
  const std::string message = message_of<InputError>(
      [&] { static_cast<void>(differentiate(mp::test::two_layers(), {.optimizer = optimizer})); });
  CHECK(message.find("'fc2.weigth' matches no trained parameter of model") != std::string::npos);
  CHECK(message.find("did you mean 'fc2.weight'?") != std::string::npos);
}

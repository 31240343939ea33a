// A model split in any way has the losses, and by them and the parameters the gradients, of one device: bit for bit.
#include <cmath>
#include <string>

#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

const Optimizer kPlainSgd{.kind = OptimizerKind::kSgd, .weight_decay = 0.0};

void check_all_placements(const std::string& model, std::int64_t batch, const Optimizer& optimizer) {
  for (const std::int32_t microbatches : {1, 2, 4}) {
    const Subject subject = load(model, batch, microbatches, optimizer);
    const Outcome one_device = train_steps(subject.training, {});
    REQUIRE(one_device.losses.front() != one_device.losses.back());
    for (const double loss : one_device.losses) REQUIRE(std::isfinite(loss));
    for (const std::int32_t devices : {2, 4, 8}) {
      for (const Layout layout : {Layout::kChain, Layout::kRandom}) {
        for (const Schedule schedule : kSchedules) {
          CAPTURE(model, microbatches, devices, static_cast<int>(layout), name_of(schedule));
          const Outcome split =
              train_steps(subject.training, {.devices = devices, .layout = layout, .schedule = schedule, .threads = 1});
          CHECK(split.losses == one_device.losses);
          CHECK((split.parameters == one_device.parameters));
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("an MLP has the same bits under every placement") { check_all_placements("mlp", 16, kPlainSgd); }

TEST_CASE("a convolutional network has the same bits under every placement") {
  check_all_placements("convnet", 8, kPlainSgd);
}

TEST_CASE("an autoencoder has the same bits under every placement") {
  check_all_placements("autoencoder", 8, {.kind = OptimizerKind::kAdam, .weight_decay = 0.0});
}

TEST_CASE("a GPT has the same bits under every placement") {
  const Subject subject = load("gpt-1m", 4, 2, {.kind = OptimizerKind::kAdamW});
  const Outcome one_device = train_steps(subject.training, {});
  for (const std::int32_t devices : {2, 8}) {
    for (const Layout layout : {Layout::kChain, Layout::kRandom}) {
      CAPTURE(devices, static_cast<int>(layout));
      const Outcome split = train_steps(subject.training, {.devices = devices, .layout = layout});
      CHECK(split.losses == one_device.losses);
      CHECK((split.parameters == one_device.parameters));
    }
  }
}

TEST_CASE("the number of threads of a device changes no bit") {
  for (const char* model : {"mlp", "autoencoder"}) {
    const Subject subject = load(model, 8, 2, kPlainSgd);
    const Outcome one = train_steps(subject.training, {.threads = 1});
    CHECK((train_steps(subject.training, {.threads = 3}) == one));
    CHECK((train_steps(subject.training, {.devices = 2, .threads = 2}) == one));
  }
}

TEST_CASE("microbatches change a mean loss by rounding alone") {
  const Outcome whole = train_steps(load("mlp", 16, 1, kPlainSgd).training, {});
  for (const std::int32_t microbatches : {2, 4, 8}) {
    const Outcome cut = train_steps(load("mlp", 16, microbatches, kPlainSgd).training, {.devices = 2});
    for (std::size_t step = 0; step < whole.losses.size(); ++step) {
      CHECK(cut.losses[step] == Approx(whole.losses[step]).epsilon(1e-5));
    }
  }
}

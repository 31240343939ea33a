// Rows with room behind them change nothing but where they lie.
#include <cstddef>
#include <vector>

#include "runtime/gpu/host_backend.hpp"
#include "tests/runtime/support/scores_model.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

TEST_CASE("scores of any number of classes train as on the processor, cut or not, watched or not", "[gpu-kernels]") {
  const std::vector<double> expected = losses_of_scores(cpu_backends(1));
  CHECK(expected.back() < expected.front());
  const auto gpus = [](DeviceId) { return make_gpu_host_backend(); };
  const std::vector<double> losses = losses_of_scores(gpus);
  for (std::size_t i = 0; i < losses.size(); ++i) CHECK(losses[i] == Approx(expected[i]).epsilon(2e-3));
  CHECK(losses_of_scores(gpus, 1, true).front() == losses.front());  // each step by itself
  CHECK(losses_of_scores(gpus, 3).front() == losses.front());        // scores and loss on devices of their own
}

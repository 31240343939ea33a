// The GPU's kernels, run on the host, against the CPU's: arithmetic and indexing of every operator, without a GPU.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/operators/operator.hpp"
#include "runtime/cpu/registry.hpp"
#include "runtime/gpu/host_backend.hpp"
#include "runtime/gpu/registry.hpp"
#include "tests/runtime/gpu/support/compare.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {
TEST_CASE("kernels of GPUs agree with the CPU's", "[gpu-kernels]") {
  std::size_t count = 0;
  const auto compare = [&](const Sample& sample, Run run) {
    require_same_as_cpu(sample, run, make_gpu_host_backend, 2e-5);
    ++count;
  };
  for (const Sample& sample : small_samples()) compare(sample, Run::kBackward);
  for (const Sample& sample : forward_samples()) compare(sample, Run::kForward);
  CHECK(count > 140);
}

TEST_CASE("an update on a GPU moves parameters as on the CPU", "[gpu-kernels]") {
  require_same_as_cpu({.op = "Mul", .inputs = {{.shape = {3, 5}}, {.shape = {3, 5}}}}, Run::kUpdate,
                      make_gpu_host_backend, 1e-6);
}

TEST_CASE("every operator that the CPU has is on GPUs", "[gpu-kernels]") {
  std::set<std::string> missing;
  const auto look = [&](const Sample& sample, Run run) {
    for (const std::string& name : operators_of(sample, run)) {
      if (gpu::find_kernel(name) == nullptr) missing.insert(name);
    }
  };
  for (const Sample& sample : small_samples()) look(sample, Run::kUpdate);
  for (const Sample& sample : forward_samples()) look(sample, Run::kForward);
  CHECK(missing.empty());
}

}  // namespace mp::runtime::testing

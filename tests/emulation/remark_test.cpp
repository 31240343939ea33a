// What a device says when it does otherwise than asked.
#include <string>
#include <vector>

#include "runtime/cuda/cuda_backend.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/runtime/gpu/support/compare.hpp"
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

using namespace mp::runtime;
using namespace mp::runtime::test;

TEST_CASE("attention that is not fused is said once, and not where it was not to be", "[emulation]") {
  const mp::emulation::MachineForTest machine({.cudnn_version = 91000});  // whose attention is not to be used
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  const auto remarks_of = [&](gpu::AttentionChoice attention, mp::Precision precision) {
    std::vector<std::string> remarks;
    const BackendFactory backends = [&](mp::DeviceId) {
      return make_cuda_backend(
          {.attention = attention, .remark = [&](const std::string& text) { remarks.push_back(text); }});
    };
    static_cast<void>(
        losses_of_torch_run(file.runs.at(0), file.seed, {.backends = backends, .steps = 1, .precision = precision}));
    return remarks;
  };
  const std::vector<std::string> remarks = remarks_of(gpu::AttentionChoice::kFused, mp::Precision::kBfloat16);
  REQUIRE(remarks.size() == 2);  // of two layers
  CHECK_THAT(remarks[0], Catch::StartsWith("attention of ") && Catch::Contains("cuDNN 9.10.0 has faults in attention"));
  CHECK_THAT(remarks[1], Catch::StartsWith("the gradient of attention of "));
  CHECK(remarks_of(gpu::AttentionChoice::kBlocks, mp::Precision::kBfloat16).empty());
  CHECK(remarks_of(gpu::AttentionChoice::kFused, mp::Precision::kFloat32).empty());
}

TEST_CASE("a convolution that cuDNN does not do is said once, and has the CPU's numbers", "[emulation]") {
  const auto remarks_of = [](const std::vector<std::int64_t>& pads) {
    std::vector<std::string> remarks;
    const testing::Sample sample{
        .op = "Conv",
        .inputs = {{.shape = {1, 2, 7, 6}}, {.shape = {3, 2, 4, 3}}},
        .attributes = {{"pads", pads}},
    };
    testing::require_same_as_cpu(
        sample, testing::Run::kBackward,
        [&] { return make_cuda_backend({.remark = [&](const std::string& text) { remarks.push_back(text); }}); }, 5e-5);
    return remarks;
  };
  CHECK(remarks_of({1, 1, 1, 1}).empty());
  CHECK(remarks_of({0, 1, 2, 1}) ==
        std::vector<std::string>{"a convolution between 2 and 3 channels runs by plain kernels, which are slow: cuDNN "
                                 "pads both ends of an axis alike"});
}

// The real NCCL on a machine without a GPU: it is there, and says what is missing.
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cuda/devices.hpp"
#include "runtime/nccl/nccl_transport.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

TEST_CASE("without a GPU, NCCL's transport is refused with the reason", "[nccl]") {
  if (!cuda_devices().devices.empty()) return;
  Program program;
  program.devices.resize(2);
  program.messages = {{.from = DeviceId{0}, .to = DeviceId{1}, .size_bytes = 4}};
  const std::vector<Backend*> backends(2, nullptr);
  std::string why;
  try {
    static_cast<void>(make_nccl_transport(program, backends, {.gpus = {0, 1}}));
  } catch (const RunError& error) {
    why = error.what();
  }
  INFO(why);
  const bool names_the_cause = why.find("CUDA") != std::string::npos || why.find("NCCL") != std::string::npos;
  CHECK(names_the_cause);
}

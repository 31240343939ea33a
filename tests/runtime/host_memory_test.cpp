// Programs that are too large for the machine.
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "runtime/host_memory.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

// Two devices of 3 GB and 5 GB.
Program two_devices() {
  GraphBuilder builder("two");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {1}}, "normal");
  Program program;
  program.training.graph = std::move(builder).build();
  program.devices.resize(2);
  std::int64_t size_bytes = 3'000'000'000;
  for (DeviceProgram& device : program.devices) {
    device.arena_bytes = size_bytes;
    device.buffers.push_back({x, 0, BufferRole::kActivation, 0, size_bytes});
    size_bytes += 2'000'000'000;
  }
  return program;
}

}  // namespace

TEST_CASE("what a machine has left is its available memory and free swap", "[host-memory]") {
  CHECK(available_bytes("MemTotal:       64 kB\nMemFree: 8 kB\nMemAvailable:   24 kB\nSwapFree: 4 kB\n") == 28 * 1024);
  CHECK(available_bytes("MemTotal: 64 kB\nMemAvailable: 24 kB\n") == 24 * 1024);
  CHECK_FALSE(available_bytes("MemTotal: 64 kB\nSwapFree: 4 kB\n"));
  CHECK_FALSE(available_bytes(""));
}

TEST_CASE("files in the cache of a control group give way", "[host-memory]") {
  const std::string stat = "anon 500\nfile 320\nshmem 20\ninactive_file 200\nactive_file 100\n";
  CHECK(left_of_limit(1000, 820, stat) == 480);
  CHECK(left_of_limit(1000, 820, "") == 180);
  CHECK(left_of_limit(1000, 1200, "") == 0);
  CHECK(left_of_limit(1000, 200, stat) == 1000);  // counted at different times
}

TEST_CASE("a program larger than the memory is refused with what takes it", "[host-memory]") {
  const Program program = two_devices();
  const std::vector<DeviceId> both{DeviceId{0}, DeviceId{1}};
  CHECK_NOTHROW(require_host_memory(program, both, 8'000'000'000));
  CHECK_NOTHROW(require_host_memory(program, both, std::nullopt));
  CHECK_NOTHROW(require_host_memory(program, {}, 0));
  CHECK_NOTHROW(require_host_memory(program, std::vector{DeviceId{0}}, 3'000'000'000));
  try {
    require_host_memory(program, both, 7'000'000'000);
    FAIL("not refused");
  } catch (const InfeasibleError& error) {
    const std::string text = error.what();
    INFO(text);
    CHECK(text.find("2 devices of the plan need 8.00 GB of this machine's memory, which has 7.00 GB left") == 0);
    CHECK(text.find("device 1: what takes it, of 5000.0 MB:") != std::string::npos);
    CHECK(text.find("--recompute auto") != std::string::npos);
  }
}

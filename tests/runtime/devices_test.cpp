#include "runtime/devices.hpp"

#include "tests/support/catch.hpp"

using mp::runtime::DeviceInfo;
using mp::runtime::DeviceList;

TEST_CASE("the processor is the first device, with its memory", "[devices]") {
  const DeviceList list = mp::runtime::list_devices();
  REQUIRE_FALSE(list.devices.empty());
  CHECK(list.devices[0].name == "cpu");
  CHECK(list.devices[0].description.find(" core") != std::string::npos);
  CHECK(list.devices[0].memory_bytes > 100'000'000);
}

TEST_CASE("every CUDA device has name and memory, or their absence has a reason", "[devices]") {
  const DeviceList list = mp::runtime::list_devices();
  if (list.devices.size() == 1) {
    CHECK_FALSE(list.no_cuda.empty());
    WARN("skipped: " << list.no_cuda);
    return;
  }
  CHECK(list.no_cuda.empty());
  for (std::size_t i = 1; i < list.devices.size(); ++i) {
    const DeviceInfo& device = list.devices[i];
    CHECK(device.name == "cuda:" + std::to_string(i - 1));
    CHECK(device.description.find("compute capability") != std::string::npos);
    CHECK(device.memory_bytes > 100'000'000);
  }
}

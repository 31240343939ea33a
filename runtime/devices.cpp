#include "runtime/devices.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>

#include "runtime/cuda/devices.hpp"

namespace mp::runtime {
namespace {

// The kernel's name for the processor; "processor" where it gives none (some virtual machines, other architectures).
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "processor";
}

// The cores this process may use, which in a container are fewer than the machine has.
int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  return CPU_COUNT(&set);
}

DeviceInfo processor() {
  const int cores = usable_cores();
  return {.name = "cpu",
          .description = fmt::format("{}, {} {}", processor_name(), cores, cores == 1 ? "core" : "cores"),
          .memory_bytes = std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE)};
}

}  // namespace

DeviceList list_devices() {
  DeviceList list = cuda_devices();
  list.devices.insert(list.devices.begin(), processor());
  return list;
}

}  // namespace mp::runtime

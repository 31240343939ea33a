#include "runtime/host_memory.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <sstream>
#include <string_view>

#include "lib/base/error.hpp"
#include "lib/base/quantities.hpp"
#include "runtime/arena_table.hpp"

namespace mp::runtime {
namespace {

std::optional<std::int64_t> number_in(const std::string& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  if (!(file >> value)) return std::nullopt;  // not there, or "max"
  return value;
}

// "0::/user.slice/…": the only line of version 2.
std::string own_group() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::", 0) == 0) return line.substr(3);
  }
  return "";
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Of lines "name value …" the sum of the values with these names; nothing where there is none of them.
std::optional<std::int64_t> sum_of(const std::string& text, std::initializer_list<std::string_view> names) {
  std::optional<std::int64_t> sum;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name;
    std::int64_t value = 0;
    if (!(words >> name >> value)) continue;
    if (std::find(names.begin(), names.end(), name) != names.end()) sum = sum.value_or(0) + value;
  }
  return sum;
}

std::optional<std::int64_t> left_in_group() {
  const std::string folder = "/sys/fs/cgroup" + own_group();
  const std::optional<std::int64_t> limit = number_in(folder + "/memory.max");
  const std::optional<std::int64_t> used = number_in(folder + "/memory.current");
  if (!limit || !used) return std::nullopt;
  return left_of_limit(*limit, *used, content_of(folder + "/memory.stat"));
}

}  // namespace

std::optional<std::int64_t> available_bytes(const std::string& meminfo) {
  constexpr std::int64_t kBytes = 1024;  // of its "kB"
  const std::optional<std::int64_t> memory = sum_of(meminfo, {"MemAvailable:"});
  if (!memory) return std::nullopt;
  return (*memory + sum_of(meminfo, {"SwapFree:"}).value_or(0)) * kBytes;
}

std::int64_t left_of_limit(std::int64_t limit_bytes, std::int64_t used_bytes, const std::string& memory_stat) {
  const std::int64_t cached = sum_of(memory_stat, {"active_file", "inactive_file"}).value_or(0);
  return std::max<std::int64_t>(0, limit_bytes - std::max<std::int64_t>(0, used_bytes - cached));
}

std::optional<std::int64_t> available_host_bytes() {
  const std::optional<std::int64_t> machine = available_bytes(content_of("/proc/meminfo"));
  const std::optional<std::int64_t> group = left_in_group();
  if (!machine || !group) return machine ? machine : group;
  return std::min(*machine, *group);
}

void require_host_memory(const Program& program, std::span<const DeviceId> devices,
                         std::optional<std::int64_t> available) {
  if (!available || devices.empty()) return;
  const auto arena = [&](DeviceId device) { return program.devices[device].arena_bytes; };
  double needed = 0.0;  // of absurd sizes the sum may not fit an integer
  for (const DeviceId device : devices) needed += static_cast<double>(arena(device));
  if (needed <= static_cast<double>(*available)) return;
  const DeviceId largest =
      *std::max_element(devices.begin(), devices.end(), [&](DeviceId a, DeviceId b) { return arena(a) < arena(b); });
  throw InfeasibleError(fmt::format("{} of the plan {} {} of this machine's memory, which has {} left; device {}: {}",
                                    devices.size() == 1 ? "the device" : fmt::format("{} devices", devices.size()),
                                    devices.size() == 1 ? "needs" : "need",
                                    bytes_text(static_cast<std::int64_t>(needed)), bytes_text(*available),
                                    index(largest), arena_table(program, largest)));
}

}  // namespace mp::runtime

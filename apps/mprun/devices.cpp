// mprun devices: what there is to train on.
#include <fmt/core.h>

#include "apps/mprun/commands.hpp"
#include "runtime/devices.hpp"

namespace mp::apps {
namespace {

ExitCode devices() {
  const runtime::DeviceList list = runtime::list_devices();
  for (const runtime::DeviceInfo& device : list.devices) {
    fmt::print("{:<8} {:>7.1f} GB  {}\n", device.name, static_cast<double>(device.memory_bytes) / 1e9,
               device.description);
  }
  if (!list.no_cuda.empty()) fmt::print(stderr, "{}\n", list.no_cuda);
  return ExitCode::kGood;
}

}  // namespace

void add_devices(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("devices", "List the devices of this machine that can train");
  command->footer(
      "The processor, for --backend cpu, then the GPUs, for --backend cuda, or why there are none; each with its "
      "memory.");
  command->callback([&action] { action = devices; });
}

}  // namespace mp::apps

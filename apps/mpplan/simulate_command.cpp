// mpplan simulate: the time and memory of one step, from the very program that mprun executes.
#include <fmt/core.h>

#include <memory>
#include <optional>
#include <utility>

#include "apps/common/outputs.hpp"
#include "apps/common/table.hpp"
#include "apps/mpplan/commands.hpp"
#include "apps/mpplan/plan_loading.hpp"
#include "apps/mpplan/sample_text.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/json_writer.hpp"
#include "lib/files/profile_file.hpp"
#include "lib/plan/sampled_step.hpp"
#include "lib/program/grid.hpp"
#include "lib/program/trace.hpp"

namespace mp::apps {
namespace {

constexpr std::size_t kGridColumns = 160;

struct SimulateOptions {
  std::string plan;
  StepFlags step;
  std::optional<std::string> profile;
  std::optional<std::string> trace;
  bool nccl = false;
  bool grid = false;
  bool json = false;
};

std::string json_of(const Simulation& simulation, const Cluster& cluster) {
  constexpr auto kInline = JsonWriter::Layout::kInline;
  JsonWriter writer;
  writer.begin_object().member("step_time_s", simulation.step_time_s);
  writer.member("bubble_fraction", simulation.bubble_fraction).key("devices").begin_array();
  for (const DeviceId d : ids<DeviceId>(simulation.devices.size())) {
    const DeviceTimes& times = simulation.devices[index(d)];
    writer.begin_object(kInline).member("name", cluster.devices[d].name).member("busy_s", times.busy_s);
    writer.member("communication_s", times.communication_s).member("idle_s", times.idle_s);
    writer.member("peak_memory_bytes", times.peak_memory_bytes).end();
  }
  writer.end().key("links").begin_array();
  for (const LinkTraffic& link : simulation.links) {
    writer.begin_object(kInline).member("from", cluster.devices[link.from].name);
    writer.member("to", cluster.devices[link.to].name).member("bytes", link.bytes).end();
  }
  writer.end().end();
  return std::move(writer).take();
}

std::string text_of(const Simulation& simulation, const Cluster& cluster) {
  Table devices({"device", "busy", "waits for messages", "idle", "peak memory"});
  for (const DeviceId d : ids<DeviceId>(simulation.devices.size())) {
    const DeviceTimes& times = simulation.devices[index(d)];
    devices.add({cluster.devices[d].name, seconds_text(times.busy_s), seconds_text(times.communication_s),
                 seconds_text(times.idle_s), bytes_text(times.peak_memory_bytes)});
  }
  std::string text = fmt::format("step {}, bubble {}\n\n{}", seconds_text(simulation.step_time_s),
                                 percent_text(simulation.bubble_fraction), devices.text());
  if (simulation.links.empty()) return text;
  Table links({"link", "bytes a step"});
  for (const LinkTraffic& link : simulation.links) {
    links.add({cluster.devices[link.from].name + " -> " + cluster.devices[link.to].name, bytes_text(link.bytes)});
  }
  return text + '\n' + links.text();
}

// The plan's cluster, with the times of --profile, if given. The program stays the one compiled for the plan.
Cluster measured_cluster(const SimulateOptions& options, const LoadedStep& loaded) {
  if (!options.profile) return loaded.input->plan.cluster;
  const Profile profile = read_profile(*options.profile);
  const std::string gaps = profile_gaps(loaded.step.training, profile, *options.profile);
  if (!gaps.empty()) fmt::print(stderr, "{}\n", gaps);
  return profiled_cluster(loaded.input->plan.cluster, profile);
}

// The whole step, or what of it sample_of() chooses.
SampledStep simulated_step(const SimulateOptions& options, const LoadedStep& loaded) {
  const PreparedStep& step = loaded.step;
  SampledStep simulated =
      sample_step(step.training, step.units, step.placement, step.options, measured_cluster(options, loaded),
                  sample_of(step.training, step.placement, step.options));
  if (!simulated.sample.is_whole()) {
    fmt::print(stderr, "mpplan: {}\n", sample_text(simulated.sample, step.shape.microbatches));
  }
  return simulated;
}

ExitCode run(const SimulateOptions& options) {
  if (options.trace) {
    refuse_standard_output("--trace", *options.trace);
    check_outputs_apart({*options.trace}, {options.plan, options.profile.value_or(options.plan)});
  }
  const LoadedStep loaded = load_step(options.plan, options.step, options.nccl);
  const Cluster& cluster = loaded.input->plan.cluster;
  const SampledStep step = simulated_step(options, loaded);
  if (options.trace) {
    write_file_atomically(*options.trace, to_trace_json(trace_of(step.program, cluster, step.simulation)));
  }
  if (options.grid && !options.json) {
    fmt::print("{}\n", schedule_grid(step.program, cluster, step.simulation, kGridColumns));
  }
  fmt::print("{}", options.json ? json_of(step.simulation, cluster) : text_of(step.simulation, cluster));
  return ExitCode::kGood;
}

}  // namespace

void add_simulate(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("simulate", "Predict time, memory and traffic of one step of a plan");
  auto options = std::make_shared<SimulateOptions>();
  command->add_option("plan", options->plan, "Plan (plan.json)")->required()->type_name("FILE");
  add_shape_flags(*command, options->step);
  add_optimizer_flag(*command, options->step);
  add_precision_flag(*command, options->step.precision);
  add_schedule_flag(*command, options->step);
  add_nccl_flag(*command, options->nccl);
  command->add_option("--profile", options->profile, "Times measured on this machine (mprun profile), not the roofline")
      ->type_name("FILE");
  command->add_option("--trace", options->trace, "Write the timeline for Perfetto (ui.perfetto.dev)")
      ->type_name("FILE");
  command->add_flag("--grid", options->grid, "Draw the passes of each device along the time: F0 F1 … B0 …");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer("Example:\n  mpplan simulate plan.json --microbatches 8 --schedule gpipe --trace step.json");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace mp::apps

// mprun roofline: what a step puts on each GPU of the plan, told without one.
#include <fmt/core.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/outputs.hpp"
#include "apps/common/table.hpp"
#include "apps/mprun/commands.hpp"
#include "apps/mprun/job.hpp"
#include "lib/files/atomic_file.hpp"
#include "runtime/gpu/roofline.hpp"

namespace mp::apps {
namespace {

using runtime::gpu::StepWork;

struct RooflineFlags {
  TrainFlags train;
  std::optional<std::string> csv;
};

std::string giga(double value) { return fmt::format("{:.2f}", value / 1e9); }
std::string milliseconds(double seconds) { return fmt::format("{:.3f}", seconds * 1e3); }

runtime::gpu::KindSum total_of(const std::vector<runtime::gpu::KindSum>& sums) {
  runtime::gpu::KindSum total{.kind = "a step"};
  for (const runtime::gpu::KindSum& sum : sums) {
    total.launches += sum.launches;
    total.flops += sum.flops;
    total.bytes_read += sum.bytes_read;
    total.bytes_written += sum.bytes_written;
    total.time.peak_s += sum.time.peak_s;
    total.time.expected_s += sum.time.expected_s;
  }
  return total;
}

std::string summary_of(const std::vector<StepWork>& step, const DeviceType& type) {
  Table table({"work", "launches", "GFLOP", "GB read", "GB written", "peak ms", "expected ms"});
  std::vector<runtime::gpu::KindSum> sums = runtime::gpu::sums_by_kind(step, type);
  sums.push_back(total_of(sums));
  for (const runtime::gpu::KindSum& sum : sums) {
    table.add({std::string(sum.kind), std::to_string(sum.launches), giga(sum.flops), giga(sum.bytes_read),
               giga(sum.bytes_written), milliseconds(sum.time.peak_s), milliseconds(sum.time.expected_s)});
  }
  return table.text();
}

// A line for each instruction, or for several that run in one go.
void append_csv(const std::vector<StepWork>& step, const std::string& device, const DeviceType& type,
                std::string& text) {
  for (const StepWork& work : step) {
    std::vector<std::string> launches;
    for (const runtime::gpu::LoggedWork& launch : work.launches) launches.push_back(launch.what);
    const runtime::gpu::WorkTime time = runtime::gpu::work_time(work, type);
    // Updates of all parameters are one launch of a hundred nodes: the first names them.
    const std::string node = work.nodes.empty() ? ""
                             : work.nodes.size() > 3
                                 ? fmt::format("{} and {} more", work.nodes.front(), work.nodes.size() - 1)
                                 : fmt::format("{}", fmt::join(work.nodes, " & "));
    text += fmt::format("{},\"{}\",{},\"{}\",{},{:.0f},{:.0f},{:.0f},{:.3f},{:.3f}\n", device, node, kind_of(work),
                        fmt::join(launches, " & "), launches.size(), work.flops, work.bytes_read, work.bytes_written,
                        time.peak_s * 1e6, time.expected_s * 1e6);
  }
}

ExitCode roofline(const RooflineFlags& flags) {
  if (flags.csv) check_writable(*flags.csv);
  const Job job = make_job(flags.train);
  const Program program = prepare_job(job, flags.train.plan).program;
  const Cluster& cluster = job.input.plan.cluster;
  const runtime::BackendChoice choice = flags.train.backend.choice();
  const runtime::gpu::DryRunOptions options{.epilogues = choice.use_epilogues,
                                            .attention = choice.attention != runtime::gpu::AttentionChoice::kBlocks};
  std::string csv = "device,node,work,launches,count,flops,bytes_read,bytes_written,peak_us,expected_us\n";
  for (const DeviceId d : ids<DeviceId>(program.devices.size())) {
    const ClusterDevice& device = cluster.devices[d];
    const DeviceType& type = cluster.type_of(d);
    const std::vector<StepWork> step = runtime::gpu::dry_run(program, d, options);
    fmt::print("{} ({}), an estimate:\n{}", device.name, type.name, summary_of(step, type));
    append_csv(step, device.name, type, csv);
  }
  if (flags.csv) write_file_atomically(*flags.csv, csv);
  return ExitCode::kGood;
}

}  // namespace

void add_roofline(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("roofline", "Tell what a step puts on GPUs and how long it takes at least");
  const auto flags = std::make_shared<RooflineFlags>();
  add_program_flags(*command, flags->train);
  add_fusion_flags(*command, flags->train.backend, "Kernels");
  command->add_option("--csv", flags->csv, "Write every launch and library call to this file")->type_name("FILE");
  command->footer(
      "Needs no GPU: the program is walked with the kernels and fusions that train on GPUs, which are noted instead\n"
      "of run. Bytes are those of shapes and types. \"peak\" is arithmetic or bytes at the device's peak, whichever\n"
      "takes longer; \"expected\" is with the efficiency that the plan's cluster gives, 1.5 us a launch, and 3.5 "
      "times\n"
      "the arithmetic of products whose rows do not begin at multiples of 16 bytes. Messages are not in it.\n"
      "Example:\n"
      "  mpplan partition gpt2.json --cluster configs/clusters/1xh100.json --precision bf16 -o plan.json\n"
      "  mprun roofline plan.json --csv launches.csv\n");
  command->callback([flags, &action] { action = [flags] { return roofline(*flags); }; });
}

}  // namespace mp::apps

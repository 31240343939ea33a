// mpplan partition: model and devices in, plan out.
#include <fmt/core.h>

#include <memory>

#include "apps/common/checks.hpp"
#include "apps/common/outputs.hpp"
#include "apps/common/table.hpp"
#include "apps/mpplan/commands.hpp"
#include "apps/mpplan/interrupt.hpp"
#include "apps/mpplan/model_planning.hpp"
#include "apps/mpplan/parallelism.hpp"
#include "apps/mpplan/partition_graph_command.hpp"
#include "apps/mpplan/partition_model_command.hpp"
#include "apps/mpplan/partition_options.hpp"
#include "apps/mpplan/split_flag.hpp"
#include "lib/base/error.hpp"

namespace mp::apps {
namespace {

void add_problem_flags(CLI::App& command, PartitionOptions& o) {
  command.add_option("model", o.input, "Model (model.json), or a METIS .graph file")->required()->type_name("FILE");
  auto* devices = command.add_option("--devices", o.devices, "So many equal devices, fully connected")
                      ->type_name("N")
                      ->check(CLI::Range(1, 4096));
  command.add_option("--cluster", o.cluster, "Devices and links from a cluster file")
      ->type_name("FILE")
      ->excludes(devices);
  command.add_option("--profile", o.profile, "Times measured on this machine (mprun profile), not the roofline")
      ->type_name("FILE");
  command.add_option("--blocks", o.blocks, "Blocks to cut a .graph file into")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 20));
  command
      .add_option("--imbalance", o.imbalance,
                  "How much more than its share of the compute a device may have, exactly so: 3%. "
                  "Default: 3%, widened as far as nodes too heavy to spread make necessary")
      ->type_name("SHARE");
  command
      .add_option("--memory-imbalance", o.memory_imbalance,
                  "The same for memory, where the devices have no stated memory (default: 25%, widened likewise)")
      ->type_name("SHARE");
  add_shape_flags(command, o.step);
  add_optimizer_flag(command, o.step);
  add_precision_flag(command, o.step.precision);
  add_schedule_flag_with_auto(command, o.step);
}

void add_parallelism_flags(CLI::App& command, PartitionOptions& o) {
  command
      .add_option("--replicas", o.replicas,
                  "Train so many copies of one placement side by side, each on its part of the devices, with every "
                  "N-th microbatch (default: 1; --microbatches then is N unless told otherwise)")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  command
      .add_option("--zero", o.zero,
                  "What replicas hold once instead of each: 1 optimizer state, 2 gradients, too, 3 parameters, too "
                  "(default: 0, nothing)")
      ->type_name("LEVEL")
      ->check(CLI::Range(0, 3));
  command
      .add_option("--bucket-bytes", o.bucket_bytes,
                  "Most bytes of gradients or parameters that replicas send in one message; 1: each tensor by itself "
                  "(default: 25000000)")
      ->type_name("BYTES")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000'000}));
  command
      .add_option("--recompute", o.recompute,
                  "Which activations backward makes again instead of keeping them: none (default), blocks (all but "
                  "narrow places), all (all but what a device received) or auto (the first that fits)")
      ->type_name("PATTERN");
  command
      .add_option("--split", o.splits,
                  "Nodes to cut into parts for several devices: NODE=WAY:PARTS (Conv, ConvTranspose: channels, rows or "
                  "inputs; Gemm, MatMul: columns or inputs; may be given again), tensor-parallel:PARTS (pairs of "
                  "products, and attention between them), auto (what is more than a device's share, or its memory) or "
                  "none (default; with --objective step-time: auto, where it makes the step shorter)")
      ->allow_extra_args(false)
      ->type_name("WHAT");
}

void add_search_flags(CLI::App& command, PartitionOptions& o) {
  command
      .add_option(
          "--objective", o.objective,
          "What to make small: cut (bytes of the cut edges; default), volume (each tensor once per device that "
          "reads it), mapping (cut bytes times the distance of the devices in the cluster), step-time (seconds of "
          "the simulated step: stages, replicas, microbatches and schedule are chosen, too, where no flag "
          "says otherwise) or max-load (compute and transfers of the busiest device, in ms)")
      ->type_name("NAME");
  command.add_flag("--acyclic", o.acyclic, "Let the forward pass flow one way between the devices, as in a pipeline");
  command.add_flag("--contiguous", o.contiguous, "With max-load: pipelines alone, and the best of them");
  command
      .add_option("--algorithm", o.algorithm,
                  fmt::format("One of: {} (default: auto, all of them; above 2,048 vertices multilevel); "
                              "with --objective max-load also piper and pipedream: stages with replicas, from measured "
                              "costs",
                              algorithm_list()))
      ->type_name("NAME");
  command.add_flag("--refine", o.refine, "Beside each algorithm that does not refine itself run it refined by KL/FM");
  command.add_option("--effort", o.effort, "fast, default, high or best: time for cut")->type_name("LEVEL");
  command.add_option("--seed", o.seed, "Same seed, same plan (default: 1)")->type_name("N")->check(seed_number());
  command.add_option("--threads", o.threads, "At a time (default: 1); changes nothing but the time")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  command
      .add_option(
          "--time-limit", o.time_limit_s,
          "Begin no further algorithm after so many seconds; with step-time and max-load, take the best plan by then")
      ->type_name("S")
      ->check(positive_seconds());
}

void check_output(const PartitionOptions& o) {
  const std::string output = is_graph_file(o) ? part_file_of(o) : output_of(o);
  refuse_standard_output("-o", output);
  check_outputs_apart({output}, {o.input, o.cluster.value_or(o.input), o.profile.value_or(o.input)});
}

}  // namespace

void add_partition(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("partition", "Place a model on devices at the least cut and write the plan");
  auto options = std::make_shared<PartitionOptions>();
  add_problem_flags(*command, *options);
  add_parallelism_flags(*command, *options);
  add_search_flags(*command, *options);
  command
      ->add_option("-o,--output", options->output, "File to write (default: plan.json; for a .graph file GRAPH.part.N)")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print the result as JSON");
  command->footer(
      "Examples:\n"
      "  mpplan partition models/gpt-1m.json --devices 4\n"
      "  mpplan partition models/gpt-1m.json --devices 4 --objective step-time\n"
      "  mpplan partition models/gpt-1m.json --devices 8 --replicas 2 --zero 1 --recompute auto\n"
      "  mpplan partition models/gpt-1m.json --devices 2 --split tensor-parallel:2\n"
      "  mpplan partition mesh.graph --blocks 32 --imbalance 3%\n"
      "  mpplan partition models/convnet.json --cluster configs/clusters/4xa100-pcie.json --bind batch=256 -o "
      "plan.json\n"
      "Ctrl-C ends a search with the best found so far, which is written.\n"
      "Exit codes: 0 good, 2 wrong usage, 3 bad input, 4 nothing keeps balance and memory, 5 disk, 130 interrupted.");
  command->callback([options, &action] {
    action = [options] {
      check_output(*options);
      watch_for_interrupts();
      if (!is_graph_file(*options)) return run_partition_model(*options);
      refuse_parallelism_flags(*options, "a .graph file is no model");
      refuse_split_flag(*options, "a .graph file is no model");
      return run_partition_graph(*options);
    };
  });
}

}  // namespace mp::apps

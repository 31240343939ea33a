// mprun profile: what every node of a model, and every message between devices, takes on this machine.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "apps/common/checks.hpp"
#include "apps/common/outputs.hpp"
#include "apps/common/table.hpp"
#include "apps/mprun/commands.hpp"
#include "apps/mprun/train_flags.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/profile_file.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/backends.hpp"
#include "runtime/data/training_data.hpp"
#include "runtime/devices.hpp"
#include "runtime/profile/profiler.hpp"

namespace mp::apps {
namespace {

struct ProfileFlags {
  std::string model;
  TrainFlags train;  // those that shape a step: recipe, optimizer, microbatches, bind, data, backend, threads
  std::optional<std::int64_t> microbatch;
  std::size_t devices = 2;
  double seconds = 2.0;
  std::string output = "profile.json";
};

// The step whose microbatch is to be measured, cut down to two microbatches: the second is added to the first, so that
// accumulations are measured, too.
StepShape measured_shape(const ProfileFlags& flags, const Recipe& recipe, const Model& model) {
  StepShape shape{.bindings = recipe.bindings,
                  .microbatches = recipe.microbatches.value_or(1),
                  .optimizer = recipe.optimizer.value_or(Optimizer{}),
                  .precision = recipe.precision.value_or(Precision::kFloat32)};
  if (flags.microbatch) {
    if (!model.dimensions.contains(kBatchDimension)) {
      throw UsageError(fmt::format("--microbatch: model '{}' has no dimension '{}'", model.name, kBatchDimension));
    }
    shape.bindings.insert_or_assign(std::string(kBatchDimension), *flags.microbatch * shape.microbatches);
  }
  const Bindings microbatch = microbatch_bindings(model, shape);
  shape.bindings = microbatch;
  shape.microbatches = 1;
  const auto asked = microbatch.find(kBatchDimension);
  const auto known = model.dimensions.find(kBatchDimension);
  if (asked == microbatch.end() && known == model.dimensions.end()) return shape;
  const std::int64_t batch = asked != microbatch.end() ? asked->second : known->second;
  shape.microbatches = 2;
  shape.bindings.insert_or_assign(std::string(kBatchDimension), 2 * batch);
  return shape;
}

Bindings all_bindings(const Model& model, const StepShape& shape) {
  Bindings bindings = microbatch_bindings(model, shape);
  bindings.insert(model.dimensions.begin(), model.dimensions.end());
  return bindings;
}

void report(const Profile& profile, const std::string& output) {
  fmt::print("{} signatures measured, {} {} of {} {}\n", profile.measured.times.size(), profile.measured.devices,
             profile.measured.devices == 1 ? "device" : "devices", profile.threads,
             profile.threads == 1 ? "thread" : "threads");
  const auto devices = static_cast<std::size_t>(profile.measured.devices);
  for (std::size_t i = 0; i < profile.links.size(); ++i) {
    if (i / devices == i % devices) continue;
    fmt::print("device {} -> {}: {}, {:.2f} GB/s\n", i / devices, i % devices, seconds_text(profile.links[i].latency_s),
               profile.links[i].bandwidth_bytes_per_s / 1e9);
  }
  fmt::print("written to {}\n", output);
}

ExitCode profile(const ProfileFlags& flags) {
  const ModelFile file = read_model(flags.model);
  const Recipe recipe = recipe_of(flags.train, Optimizer{});
  check_writable(flags.output);
  const StepShape shape = measured_shape(flags, recipe, file.model);
  TrainingGraph training = training_graph_of(file.model, shape, flags.model);
  const runtime::TrainingData data = runtime::open_training_data(
      training.graph, {.sources = recipe.data, .seed = recipe.seed.value_or(0), .microbatches = shape.microbatches});
  const auto backends = [&flags](std::size_t devices) {  // their threads keep to cores as those of mprun train do
    runtime::BackendChoice choice = flags.train.backend.choice();
    choice.pinned_devices = static_cast<int>(devices);
    return runtime::backend_factory(choice);
  };
  Profile result = runtime::profile({.training = std::move(training),
                                     .data = data.training.get(),
                                     .devices = flags.devices,
                                     .steps = {.seconds = flags.seconds}},
                                    backends(1), backends(flags.devices));
  result.model_name = file.model.name;
  result.model_sha256 = file.sha256;
  result.bindings = all_bindings(file.model, shape);
  const bool is_cuda = flags.train.backend.name == "cuda";
  const std::vector<runtime::DeviceInfo> devices = runtime::list_devices().devices;
  result.machine = devices[is_cuda && devices.size() > 1 ? 1 : 0].description;
  result.backend = is_cuda ? "cuda" : "cpu";
  const int threads = flags.train.backend.threads;
  result.threads = threads > 0 ? threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  write_file_atomically(flags.output, to_json(result));
  report(result, flags.output);
  return ExitCode::kGood;
}

}  // namespace

void add_profile(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("profile", "Measure a model's nodes and the links between devices on this machine");
  const auto flags = std::make_shared<ProfileFlags>();
  command->add_option("model", flags->model, "The model (model.json)")->required()->type_name("MODEL");
  command->add_option("-o,--output", flags->output, "Where the profile goes [profile.json]")->type_name("FILE");
  command->add_option("--devices", flags->devices, "Devices that will train at once [2]")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}))
      ->type_name("N");
  command->add_option("--seconds", flags->seconds, "How long each of the two measurements lasts, at least 3 steps [2]")
      ->check(between(0, 3600))
      ->type_name("X");
  auto* microbatch = command->add_option("--microbatch", flags->microbatch, "Samples of a microbatch");
  microbatch->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31))->type_name("N");
  add_step_shape_flags(*command, flags->train);
  command
      ->add_option("--clip-norm", flags->train.clip_norm, "More than 0: measure the norms of gradients, too [recipe]")
      ->check(not_negative())
      ->type_name("X");
  command->footer(
      "Example:\n"
      "  mprun profile models/gpt-1m.json --devices 2 --threads 1 -o profile.json\n"
      "  mpplan partition models/gpt-1m.json --devices 2 --profile profile.json -o plan.json\n"
      "  mpplan simulate plan.json --profile profile.json\n");
  command->callback([flags, &action] { action = [flags] { return profile(*flags); }; });
}

}  // namespace mp::apps

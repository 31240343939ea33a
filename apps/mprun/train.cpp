// mprun train: plan in, losses and weights out.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/common/outputs.hpp"
#include "apps/mprun/checkpointing.hpp"
#include "apps/mprun/commands.hpp"
#include "apps/mprun/interrupt.hpp"
#include "apps/mprun/job.hpp"
#include "apps/mprun/progress.hpp"
#include "apps/mprun/ranks.hpp"
#include "apps/mprun/run_settings.hpp"
#include "apps/mprun/stalls.hpp"
#include "apps/mprun/train_flags.hpp"
#include "apps/mprun/validation.hpp"
#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/backends.hpp"
#include "runtime/checkpoint/checkpoint_writer.hpp"
#include "runtime/data/training_data.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/measured_trace.hpp"
#include "runtime/metrics_log.hpp"
#include "runtime/ranks/host_devices.hpp"
#include "runtime/trainer.hpp"
#include "runtime/weights.hpp"

namespace mp::apps {
namespace {

constexpr std::int64_t kMaxValidationSteps = 32;

// What the unigram entropy of the training text counts.
std::string_view counted(const DataSources& sources) {
  return sources.token_files.empty() && !sources.vocabulary ? "byte" : "token";
}

void announce(const Job& job, const runtime::TrainingData& data, const runtime::Executor& executor) {
  const Program& program = executor.program();
  std::int64_t parameters = 0;
  for (const TrainedParameter& trained : program.training.trained) {
    parameters += elements(program.training.graph.tensor(trained.parameter).type.shape);
  }
  fmt::print(stderr,
             "{}: {} parameters on {} {} ({}), schedule {}, {} {} of {}, {}, learning rate {:g} ({}), seed {}\n",
             program.training.graph.name(), parameters, program.devices.size(),
             program.devices.size() == 1 ? "device" : "devices", executor.backend_name(DeviceId{0}),
             name_of(program.schedule), program.microbatches, program.microbatches == 1 ? "microbatch" : "microbatches",
             job.options.samples_per_step / program.microbatches, name_of(job.optimizer.kind),
             job.options.learning_rate, name_of(job.options.schedule.shape), job.options.seed);
  if (!data.description.empty()) fmt::print(stderr, "{}\n", data.description);
  if (data.unigram_entropy) {
    fmt::print(stderr, "a model that knew {} frequencies alone would have loss {:.4f}\n", counted(job.recipe.data),
               *data.unigram_entropy);
  }
}

void report(const runtime::RunSummary& summary, const DataSources& sources) {
  fmt::print("{} steps in {:.1f} s, loss {:.6g}", summary.training.steps, summary.training.seconds,
             summary.training.loss);
  if (summary.validation_loss) fmt::print(", held-out loss {:.6g}", *summary.validation_loss);
  if (summary.unigram_entropy) {
    fmt::print(" ({} frequencies alone: {:.4f})", counted(sources), *summary.unigram_entropy);
  }
  fmt::print("\n");
  if (summary.best_validation_loss) {
    fmt::print("best held-out loss {:.6g}, after step {}{}\n", *summary.best_validation_loss, summary.best_step,
               summary.stopped_early ? ": ended early, there was no better one" : "");
  }
  for (std::size_t d = 0; d < summary.memory.size(); ++d) {
    fmt::print("device {}: {:.1f} MB, and {:.1f} MB of scratch\n", d,
               static_cast<double>(summary.memory[d].arena_bytes) / 1e6,
               static_cast<double>(summary.memory[d].workspace_bytes) / 1e6);
  }
}

void dump(const Program& program) {
  for (const DeviceId device : ids<DeviceId>(program.devices.size())) {
    fmt::print("device {}\n{}", index(device), to_text(program, device));
  }
}

// What hears of every step; null where it was not asked for.
struct Observers {
  runtime::MetricsLog& metrics;
  runtime::CheckpointWriter* checkpoints = nullptr;
  HeldOut* held_out = nullptr;
  runtime::StallWatch* stalls = nullptr;
  [[nodiscard]] Metadata progress() const {
    return held_out == nullptr ? Metadata{} : to_metadata(held_out->validator().state());
  }
  [[nodiscard]] bool wants_stop() const { return held_out != nullptr && held_out->validator().wants_stop(); }
};

// Measures where it is time to, writes down, keeps; in this order, so that a checkpoint knows of the measurement.
void after_step(runtime::StepReport step, const Observers& observers, Progress& progress) {
  if (observers.stalls != nullptr) observers.stalls->step_took(step.step_time_s);
  if (observers.held_out != nullptr) step.validation = observers.held_out->validator().after_step(step.step);
  observers.metrics.write(step);
  if (observers.checkpoints != nullptr) observers.checkpoints->after_step(step.step, observers.progress());
  progress.show(step);
  if (!step.validation) return;
  progress.finish();
  fmt::print(stderr, "{}\n", observers.held_out->text(step.step, *step.validation));
}

runtime::TrainSummary run_steps(runtime::Executor& executor, const TrainFlags& flags, const Job& job,
                                const runtime::TrainingData& data, const Observers& observers) {
  Progress progress(isatty(STDERR_FILENO) != 0);
  watch_for_interrupts();
  if (executor.is_first()) tell_of_interrupts(flags.checkpoints.folder ? job.options.first_step : kNoCheckpoints);
  runtime::TrainSummary summary;
  {
    const runtime::StallWatch::Watched training(observers.stalls, &executor);
    const runtime::StallWatch::Watched measuring(
        observers.stalls, observers.held_out == nullptr ? nullptr : &observers.held_out->executor());
    summary = runtime::train(executor, *data.training, job.options, [&](const runtime::StepReport& step) {
      after_step(step, observers, progress);
      agree_on_interrupts(executor.ranks());
      return !was_interrupted() && !observers.wants_stop();
    });
  }
  progress.finish();
  if (observers.checkpoints != nullptr) observers.checkpoints->finish(summary.steps, observers.progress());
  if (was_interrupted()) tell_of_stop(flags.checkpoints, summary.steps);
  return summary;
}

std::optional<double> validate(runtime::Executor& executor, const Job& job, const runtime::BackendFactory& backends,
                               const runtime::TrainingData& data, const StepShape& shape, runtime::StallWatch* stalls) {
  if (!data.held_out || was_interrupted()) return std::nullopt;
  const Graph forward = microbatch_graph(job.input.model, shape, job.input.model_path);
  if (!runtime::can_evaluate(forward)) return std::nullopt;
  runtime::Evaluator evaluator(executor.program(), forward, backends, executor.ranks());
  const runtime::StallWatch::Watched copying(stalls, &executor);
  const runtime::StallWatch::Watched measuring(stalls, &evaluator.executor());
  return evaluator
      .run(executor, *data.held_out,
           {.steps = std::min(data.held_out_steps, kMaxValidationSteps), .seed = job.options.seed})
      .loss;
}

void add_validation(runtime::Validator& validator, runtime::RunSummary& summary) {
  const runtime::ValidationState& state = validator.state();
  summary.best_validation_loss = state.best_loss;
  summary.best_step = state.best_step;
  summary.stopped_early = validator.wants_stop();
  if (!was_interrupted()) summary.validation_loss = validator.measure().loss;
}

runtime::MetricsTargets metrics_targets(const Recipe& recipe) {
  return {.file = recipe.metrics, .tensorboard = recipe.tensorboard};
}

// An hour of training must not end in a folder that is not there, nor in one file written over another. The weights
// that it starts from may be replaced.
void check_outputs(const TrainFlags& flags, const Job& job) {
  std::vector<std::string> outputs;
  for (const auto& output : {job.recipe.metrics, job.recipe.weights, job.recipe.best_weights, flags.trace}) {
    if (output) outputs.push_back(*output);
  }
  std::vector<std::string> inputs = {flags.plan, job.input.model_path};
  if (flags.recipe) inputs.push_back(*flags.recipe);
  check_outputs_apart(outputs, inputs);
}

// A run that was resumed behind its last step.
ExitCode all_done(runtime::Executor& executor, const Job& job, bool stopped_early) {
  fmt::print(stderr, "{}\n",
             stopped_early ? std::string("the training had ended early; a larger --patience goes on")
                           : fmt::format("all {} steps are done; --steps says how many more", job.options.steps));
  if (job.recipe.weights) runtime::save_weights(executor, *job.recipe.weights);
  return ExitCode::kGood;
}

// `ranks`: null in a process alone. Rank 0 writes all files.
ExitCode train(const TrainFlags& flags, RankRun* ranks, runtime::StallWatch* stalls) {
  Job job = make_job(flags);
  job.collectives = flags.backend.nccl;
  PreparedPlan prepared = prepare_job(job, flags.plan);
  if (flags.dump_program) {
    dump(prepared.program);
    return ExitCode::kGood;
  }
  const bool is_first = ranks == nullptr || ranks->group().is_first();
  if (is_first) {
    check_outputs(flags, job);
    check_checkpoint_flags(flags.checkpoints);
  }
  const runtime::TrainingData data = open_data(job, prepared);
  const Metadata settings = settings_of(job, prepared, data);
  if (ranks != nullptr) ranks->agree(prepared.program, settings, flags.backend);
  job.options.samples_per_step = samples_of(prepared.program.training.graph, prepared.program.microbatches);

  runtime::BackendChoice choice = flags.backend.choice(flags.stall_timeout_s);
  if (!flags.no_pin) choice.pinned_devices = static_cast<int>(prepared.program.devices.size());
  runtime::BackendFactory backends = runtime::backend_factory(choice);
  if (ranks != nullptr) {
    backends = runtime::on_each_host(ranks->group(), prepared.program.devices.size(), std::move(backends));
  }
  runtime::Executor executor(std::move(prepared.program), backends, ranks == nullptr ? nullptr : &ranks->group());
  executor.initialise_parameters(job.options.seed);
  if (flags.load) runtime::load_weights(executor, *flags.load);
  if (flags.trace) executor.record_times();
  if (flags.detect_anomaly) executor.detect_anomalies();
  announce(job, data, executor);
  const runtime::RunState state = resume_from_checkpoint(flags.checkpoints, executor, settings);
  job.options.first_step = state.step;
  std::optional<HeldOut> held_out;
  if (job.recipe.validation.every_steps) {
    held_out.emplace(HeldOut::Run{job, prepared.shape, executor, data, backends}, state.progress);
  }
  const bool has_stopped = held_out && held_out->validator().wants_stop();
  if (state.step >= job.options.steps || has_stopped) return all_done(executor, job, has_stopped);
  runtime::MetricsLog metrics(is_first ? metrics_targets(job.recipe) : runtime::MetricsTargets{}, state.step);
  const auto checkpoints = checkpoint_writer(flags.checkpoints, executor, settings, state.step);

  const Observers observers{metrics, checkpoints.get(), held_out ? &*held_out : nullptr, stalls};
  runtime::RunSummary summary{.training = run_steps(executor, flags, job, data, observers),
                              .memory = executor.memory(),
                              .validation_loss = std::nullopt,
                              .unigram_entropy = data.unigram_entropy};
  if (job.recipe.weights) runtime::save_weights(executor, *job.recipe.weights);
  if (flags.trace) executor.gather_times();
  if (flags.trace && is_first) {
    write_file_atomically(*flags.trace, to_trace_json(runtime::measured_trace(executor, job.input.plan.cluster)));
  }
  if (held_out) {
    add_validation(held_out->validator(), summary);
  } else {
    summary.validation_loss = validate(executor, job, backends, data, prepared.shape, stalls);
  }
  metrics.write(summary);
  report(summary, job.recipe.data);
  return was_interrupted() ? ExitCode::kInterrupted : ExitCode::kGood;
}

}  // namespace

void add_train(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("train", "Train a model as its plan says");
  const auto flags = std::make_shared<TrainFlags>();
  add_train_flags(*command, *flags);
  command->callback([flags, &action] {
    action = [flags] {
      flags->backend.prepare();
      const bool restarts = flags->checkpoints.max_restarts > 0;
      std::optional<RankStart> start = prepare_ranks(flags->ranks, restarts ? Restarts::kYes : Restarts::kNo);
      const bool is_first = !start || start->place.rank == 0;
      const auto run = [&](int restart) {
        return run_on_ranks(start, flags->ranks, restart, [&](RankRun* ranks) {
          const auto stalls = watch_for_stalls(flags->stall_timeout_s, ranks == nullptr ? nullptr : &ranks->group());
          return explain_stall(stalls, [&] { return train(*flags, ranks, stalls.get()); });
        });
      };
      if (!restarts) return run(0);
      if (is_first) check_checkpoint_flags(flags->checkpoints);
      return train_with_restarts(flags->checkpoints, is_first, run);
    };
  });
}

}  // namespace mp::apps

// mprun eval: how well a trained model answers, over a whole set of data.
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/mprun/commands.hpp"
#include "apps/mprun/interrupt.hpp"
#include "apps/mprun/job.hpp"
#include "apps/mprun/progress.hpp"
#include "apps/mprun/ranks.hpp"
#include "apps/mprun/stalls.hpp"
#include "apps/mprun/weights_flag.hpp"
#include "lib/base/error.hpp"
#include "lib/files/json_writer.hpp"
#include "runtime/backends.hpp"
#include "runtime/data/prefetch.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/ranks/host_devices.hpp"
#include "runtime/weights.hpp"

namespace mp::apps {
namespace {

struct EvalFlags {
  TrainFlags train;  // those that shape a step
  std::string weights;
  bool is_held_out = false;
  bool is_json = false;
};

struct Set {
  std::vector<std::shared_ptr<const runtime::Feed>> feeds;
  std::int64_t samples = 0;
  std::string description;
};

Set open_set(const EvalFlags& flags, const Job& job, const PreparedPlan& prepared) {
  runtime::TrainingData data =
      runtime::open_training_data(prepared.program.training.graph, {.sources = job.recipe.data,
                                                                    .seed = job.options.seed,
                                                                    .microbatches = prepared.program.microbatches,
                                                                    .is_whole_set = !flags.is_held_out});
  if (data.training_samples == 0) {
    throw UsageError("nothing to score: no input of the model is filled from files; say which with --data");
  }
  if (!flags.is_held_out) {
    return {std::move(data.training_feeds), data.training_samples, std::move(data.description)};
  }
  if (data.held_out_samples == 0) {
    throw InputError(data.description,
                     Issue{"", "too little to hold a part of it out; score all of it without --held-out"});
  }
  return {std::move(data.held_out_feeds), data.held_out_samples, data.description + ", the part held out"};
}

// What both parts of a set are scored with.
struct Scoring {
  const EvalFlags& flags;
  const Job& job;
  runtime::RankGroup* ranks = nullptr;
  runtime::StallWatch* stalls = nullptr;
  std::string weights;  // read by rank 0 alone

  [[nodiscard]] runtime::BackendFactory backends(const PreparedPlan& prepared) const {
    runtime::BackendFactory backends =
        runtime::backend_factory(flags.train.backend.choice(flags.train.stall_timeout_s));
    if (ranks == nullptr) return backends;
    return runtime::on_each_host(*ranks, prepared.program.devices.size(), std::move(backends));
  }
};

// What hears of every step: shows it, and ends where Ctrl-C was pressed.
class StepListener {
 public:
  StepListener(const Scoring& scoring, std::int64_t steps, std::int64_t samples_per_step)
      : scoring_(scoring), steps_(steps), samples_per_step_(samples_per_step), progress_(isatty(STDERR_FILENO) != 0) {}

  bool after_step(std::int64_t done, double loss) {
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - std::exchange(last_, now)).count();
    if (scoring_.stalls != nullptr) scoring_.stalls->step_took(seconds);
    progress_.show({.step = done,
                    .steps = steps_,
                    .loss = loss,
                    .step_time_s = seconds,
                    .samples_per_s = static_cast<double>(samples_per_step_) / seconds});
    agree_on_interrupts(scoring_.ranks);
    if (!was_interrupted() && done < steps_) return true;
    progress_.finish();
    if (was_interrupted()) fmt::print(stderr, "interrupted after {} of {} steps: no score\n", done, steps_);
    return false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  const Scoring& scoring_;
  std::int64_t steps_;
  std::int64_t samples_per_step_;
  Progress progress_;
  Clock::time_point last_ = Clock::now();
};

// Some steps of one shape.
runtime::Evaluation score(const Scoring& scoring, const PreparedPlan& prepared,
                          std::unique_ptr<runtime::DataSource> set, std::int64_t steps) {
  const Job& job = scoring.job;
  const Graph forward = microbatch_graph(job.input.model, prepared.shape, job.input.model_path);
  if (!runtime::can_evaluate(forward)) {
    throw InputError(job.input.model_path, Issue{"/loss", "the model has no loss: there is nothing to score it by"});
  }
  runtime::Evaluator evaluator(prepared.program, forward, scoring.backends(prepared), scoring.ranks);
  runtime::load_weights(evaluator.executor(), scoring.weights);
  const auto data = runtime::prefetched(std::move(set), prepared.program.training.graph, prepared.program.microbatches);
  const runtime::StallWatch::Watched watched(scoring.stalls, &evaluator.executor());
  StepListener listener(scoring, steps, samples_of(prepared.program.training.graph, prepared.program.microbatches));
  return evaluator.run(*data,
                       {.steps = steps, .seed = job.options.seed, .observer = [&](std::int64_t done, double loss) {
                          return listener.after_step(done, loss);
                        }});
}

// The samples that fill no whole step: as one microbatch of their number.
std::optional<PreparedPlan> prepare_rest(Job job, const std::string& plan_path, std::int64_t samples) {
  if (!job.input.model.dimensions.contains(kBatchDimension)) return std::nullopt;
  job.input.plan.replicas.clear();
  job.input.plan.zero = 0;
  job.recipe.microbatches = 1;
  job.recipe.bindings.insert_or_assign(std::string(kBatchDimension), samples);
  return prepare_job(job, plan_path);
}

runtime::Evaluation score_all(const Scoring& scoring, const PreparedPlan& prepared, Set& set) {
  const std::int32_t microbatches = prepared.program.microbatches;
  const std::int64_t a_step = samples_of(prepared.program.training.graph, microbatches);
  const std::int64_t steps = set.samples / a_step;
  std::int64_t rest = set.samples % a_step;
  const std::optional<PreparedPlan> last =
      rest == 0 ? std::nullopt : prepare_rest(scoring.job, scoring.flags.train.plan, rest);
  if (rest > 0 && !last) {
    fmt::print(stderr, "the last {} samples fill no step of {}, and the model has no dimension 'batch': left out\n",
               rest, a_step);
    set.samples -= rest;
    rest = 0;
  }
  if (set.samples == 0)
    throw InputError(set.description, Issue{"", fmt::format("fewer than the {} samples of a step", a_step)});
  std::optional<runtime::Evaluation> whole;
  if (steps > 0) whole = score(scoring, prepared, runtime::make_source(set.feeds, microbatches), steps);
  if (rest == 0 || was_interrupted()) return *whole;
  const runtime::Evaluation part = score(scoring, *last, runtime::make_source(set.feeds, 1, steps * a_step), 1);
  if (!whole) return part;
  return runtime::combined(*whole, part, static_cast<double>(rest) / static_cast<double>(steps * a_step));
}

void print_json(const std::string& model, const Set& set, const runtime::Evaluation& result) {
  JsonWriter json;
  json.begin_object().member("model", model).member("data", set.description).member("samples", set.samples);
  json.member("loss", result.loss);
  if (result.perplexity && std::isfinite(*result.perplexity)) json.member("perplexity", *result.perplexity);
  if (result.accuracy) json.member("accuracy", *result.accuracy).member("labels", result.labels);
  json.end();
  fmt::print("{}", std::move(json).take());
}

void print_text(const Set& set, const runtime::Evaluation& result) {
  fmt::print("{} samples, loss {:.6g}", set.samples, result.loss);
  if (result.perplexity) fmt::print(", perplexity {:.6g}", *result.perplexity);
  if (result.accuracy)
    fmt::print(", accuracy {:.2f} % ({} of {})", 100.0 * *result.accuracy, result.correct, result.labels);
  fmt::print("\n");
}

// `ranks`: null in a process alone.
ExitCode eval(const EvalFlags& flags, RankRun* ranks, runtime::StallWatch* stalls) {
  Job job = make_job(flags.train, read_plan_or_model(flags.train.plan));
  const PreparedPlan prepared = prepare_job(job, flags.train.plan);
  Set set = open_set(flags, job, prepared);
  fmt::print(stderr, "{}\n", set.description);
  Scoring scoring{.flags = flags, .job = job, .ranks = nullptr, .stalls = stalls, .weights = {}};
  if (ranks != nullptr) {
    ranks->agree(prepared.program, {{"data", set.description}}, flags.train.backend);
    scoring.ranks = &ranks->group();
  }
  if (ranks == nullptr || ranks->group().is_first()) scoring.weights = find_weights(flags.weights);
  watch_for_interrupts();
  const runtime::Evaluation result = score_all(scoring, prepared, set);
  if (was_interrupted()) return ExitCode::kInterrupted;
  if (!std::isfinite(result.loss))
    throw RunError(fmt::format("the loss is {}: these weights are beyond use", result.loss));
  flags.is_json ? print_json(job.input.model.name, set, result) : print_text(set, result);
  return ExitCode::kGood;
}

}  // namespace

void add_eval(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("eval", "Score a trained model: loss, perplexity, accuracy over a set of data");
  const auto flags = std::make_shared<EvalFlags>();
  command->add_option("plan", flags->train.plan, "A plan, or a model alone: then on one device")
      ->required()
      ->type_name("PLAN_OR_MODEL");
  add_weights_flag(*command, flags->weights);
  command->add_flag("--held-out", flags->is_held_out, "Score the part that mprun train holds out of training, not all");
  command->add_flag("--json", flags->is_json, "Print one JSON object");
  add_forward_flags(*command, flags->train);
  add_rank_flags(*command, flags->train.ranks);
  add_stall_flag(*command, flags->train.stall_timeout_s);
  command->footer(
      "Every sample is scored once, in inference mode: no dropout, running statistics in batch normalisation.\n"
      "Examples:\n"
      "  mprun eval plan.json --weights w.safetensors --recipe configs/digits-convnet.json --held-out\n"
      "  mprun eval models/gpt-1m.json --weights run1 --data text=book.txt --json\n"
      "  mpirun -n 4 mprun eval plan.json --weights w.safetensors        the plan's devices shared out over "
      "processes\n");
  command->callback([flags, &action] {
    action = [flags] {
      return run_watched(flags->train.ranks, flags->train.stall_timeout_s,
                         [&](RankRun* ranks, runtime::StallWatch* stalls) { return eval(*flags, ranks, stalls); });
    };
  });
}

}  // namespace mp::apps

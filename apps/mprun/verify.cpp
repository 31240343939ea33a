// mprun verify: does the plan compute what one device computes?
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/common/checks.hpp"
#include "apps/common/table.hpp"
#include "apps/mprun/commands.hpp"
#include "apps/mprun/job.hpp"
#include "runtime/backends.hpp"
#include "runtime/stored_parameters.hpp"
#include "runtime/weights.hpp"

namespace mp::apps {
namespace {

constexpr std::int64_t kDefaultVerifySteps = 3;
constexpr double kDefaultTolerance = 1e-5;

struct VerifyFlags {
  TrainFlags train;
  double tolerance = kDefaultTolerance;
};

struct Run {
  std::vector<double> losses;
  std::unique_ptr<runtime::Executor> executor;
};

// The whole model with the same microbatches on one device, whatever was pinned or split where.
Job on_one_device(const Job& job) {
  Job one = job;
  Plan& plan = one.input.plan;
  plan.cluster = uniform_cluster(1);
  if (!plan.splits.empty()) one.input.model = one.input.whole_model;
  plan.splits.clear();
  plan.assignment.clear();
  for (const ModelNode& node : one.input.model.nodes) plan.assignment.emplace_back(node.name, DeviceId{0});
  plan.replicas.clear();
  plan.recompute.clear();
  plan.zero = 0;
  plan.schedule = Schedule::k1f1b;
  for (ModelNode& node : one.input.model.nodes) node.device.reset();
  return one;
}

Run run_job(const Job& job, const TrainFlags& flags) {
  PreparedPlan prepared = prepare_job(job, flags.plan);
  const runtime::TrainingData data = open_data(job, prepared);
  Run run;
  run.executor = std::make_unique<runtime::Executor>(std::move(prepared.program),
                                                     runtime::backend_factory(flags.backend.choice()));
  run.executor->initialise_parameters(job.options.seed);
  if (flags.load) runtime::load_weights(*run.executor, *flags.load);
  runtime::train(*run.executor, *data.training, job.options, [&](const runtime::StepReport& step) {
    run.losses.push_back(step.loss);
    return true;
  });
  return run;
}

// Relative to the larger of the two; 0 for equal bits.
double difference(double a, double b) {
  if (a == b) return 0.0;
  return std::abs(a - b) / std::max(std::abs(a), std::abs(b));
}

std::vector<float> values_of(runtime::Executor& executor, const runtime::StoredParameter& parameter) {
  std::vector<float> values(static_cast<std::size_t>(elements(parameter.type.shape)));
  runtime::read_parameter(executor, parameter, std::as_writable_bytes(std::span(values)));
  return values;
}

struct ParameterDifference {
  std::string name;
  double norm = 0.0;  // ‖a − b‖ / ‖b‖
};

// The model's float32 parameters after the last step, the furthest apart first. They are told, but do not decide: Adam
// makes a whole step of a gradient that is nothing but rounding, and running means are those of the first replica.
std::vector<ParameterDifference> parameter_differences(Run& plan, Run& one) {
  std::vector<ParameterDifference> differences;
  const auto of_plan = stored_parameters(plan.executor->program().training, runtime::Stored::kModel);
  const auto of_one = stored_parameters(one.executor->program().training, runtime::Stored::kModel);
  for (std::size_t p = 0; p < of_one.size(); ++p) {
    if (of_one[p].type.type != DataType::kFloat32) continue;
    const std::vector<float> a = values_of(*plan.executor, of_plan[p]);
    const std::vector<float> b = values_of(*one.executor, of_one[p]);
    double apart = 0.0;
    double size = 0.0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      apart += (static_cast<double>(a[i]) - static_cast<double>(b[i])) *
               (static_cast<double>(a[i]) - static_cast<double>(b[i]));
      size += static_cast<double>(b[i]) * static_cast<double>(b[i]);
    }
    differences.push_back({of_one[p].name, apart == 0.0 ? 0.0 : std::sqrt(apart / std::max(size, 1e-300))});
  }
  std::stable_sort(differences.begin(), differences.end(),
                   [](const ParameterDifference& x, const ParameterDifference& y) { return x.norm > y.norm; });
  return differences;
}

std::string difference_text(double value) { return value == 0.0 ? "none" : fmt::format("{:.2e}", value); }

ExitCode verify(const VerifyFlags& flags) {
  Job job = make_job(flags.train);
  job.options.steps = flags.train.steps.value_or(kDefaultVerifySteps);  // those of a recipe are for a whole training
  Run plan = run_job(job, flags.train);
  Run one = run_job(on_one_device(job), flags.train);
  Table losses({"step", "loss by the plan", "loss on one device", "difference"});
  double largest = 0.0;
  for (std::size_t s = 0; s < plan.losses.size(); ++s) {
    const double apart = difference(plan.losses[s], one.losses[s]);
    largest = std::isnan(apart) ? apart : std::max(largest, apart);
    losses.add({std::to_string(s + 1), fmt::format("{:.9g}", plan.losses[s]), fmt::format("{:.9g}", one.losses[s]),
                difference_text(apart)});
  }
  constexpr std::size_t kMostParameters = 5;
  Table parameters({"parameter", "difference"});
  const std::vector<ParameterDifference> differences = parameter_differences(plan, one);
  for (std::size_t i = 0; i < differences.size() && i < kMostParameters; ++i) {
    parameters.add({differences[i].name, difference_text(differences[i].norm)});
  }
  const bool good = largest <= flags.tolerance;  // false for NaN, too
  const bool equal = largest == 0.0 && (differences.empty() || differences.front().norm == 0.0);
  fmt::print("{}\n{}\n{}\n", losses.text(), parameters.text(),
             equal ? "equal: every loss and every parameter, bit for bit"
                   : fmt::format("{}: losses {} apart at the most, {:g} allowed", good ? "good" : "DIFFERENT",
                                 largest == 0.0 ? "0" : fmt::format("{:.2e}", largest), flags.tolerance));
  return good ? ExitCode::kGood : ExitCode::kNo;
}

}  // namespace

void add_verify(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("verify", "Train some steps by the plan and on one device, and compare");
  const auto flags = std::make_shared<VerifyFlags>();
  add_run_flags(*command, flags->train);
  command
      ->add_option("--tolerance", flags->tolerance,
                   "Largest relative difference between losses that is let pass [1e-5]")
      ->check(not_negative())
      ->type_name("X");
  command->footer(
      "Exit code 0: the losses are the same within the tolerance; 1: they are not. Steps: 3, or --steps, whatever a "
      "recipe "
      "says.\n"
      "A plan without replicas and splits gives equal bits. These add up in another order, which shows in the "
      "last\n"
      "digits of the losses; in parameters it may show more: Adam makes a whole step of a gradient that is nothing "
      "but\n"
      "rounding, and running means are those of the first replica.");
  command->callback([flags, &action] { action = [flags] { return verify(*flags); }; });
}

}  // namespace mp::apps

// Every kind of parallelism has the losses of one device with the same microbatches. Where each replica has one
// microbatch, and under ZeRO 2 and 3, gradients are added in the order in which one device adds them: the same bits.
// Else the sums are grouped by replica: equal up to the rounding of float32.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "lib/plan/prepare.hpp"
#include "lib/training/recompute.hpp"
#include "lib/training/recompute_choice.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/weights.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

constexpr std::uint64_t kSeed = 7;  // of train_steps
const Optimizer kMomentum{.kind = OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.0};

// Statistics that normalisations keep are those of the first replica's microbatches: no part of training.
void drop_statistics(Outcome& outcome) {
  std::erase_if(outcome.parameters, [](const auto& item) { return item.first.find("running") != std::string::npos; });
}

Outcome train(const TrainingGraph& training, const PlacementCase& placement) {
  Outcome outcome = train_steps(training, placement);
  if (placement.replicas > 1) drop_statistics(outcome);
  return outcome;
}

void check_close(const Outcome& found, const Outcome& expected) {
  REQUIRE(found.losses.size() == expected.losses.size());
  for (std::size_t i = 0; i < found.losses.size(); ++i) {
    CHECK(found.losses[i] == Approx(expected.losses[i]).epsilon(2e-6));
  }
}

TrainingGraph recomputed(const TrainingGraph& training, const PlacementCase& placement) {
  const Placement device_of = program_of(training, placement).placement;
  return recompute(training, device_of, nodes_to_recompute(training, device_of, RecomputePattern::kAll));
}

using Split = std::pair<std::int32_t, std::int32_t>;  // microbatches, replicas

struct Row {
  std::string model;
  std::int64_t batch = 12;
  std::vector<Split> splits = {{4, 4}, {2, 2}, {6, 2}, {4, 3}};
  bool drops = false;
};

// The model with a Dropout behind every Relu.
Subject with_dropout(Subject subject, std::int64_t batch, std::int32_t microbatches) {
  std::vector<ModelNode> nodes;
  for (ModelNode node : subject.model.nodes) {
    for (std::string& input : node.inputs) {
      const bool dropped = std::any_of(nodes.begin(), nodes.end(), [&](const ModelNode& made) {
        return made.op == "Dropout" && made.inputs.front() == input;
      });
      if (dropped) input += ".dropped";
    }
    nodes.push_back(node);
    if (node.op != "Relu") continue;
    ModelNode dropout;
    dropout.name = node.name + ".dropout";
    dropout.op = "Dropout";
    dropout.inputs = node.outputs;
    dropout.outputs = {node.outputs.front() + ".dropped"};
    nodes.push_back(std::move(dropout));
  }
  REQUIRE(nodes.size() > subject.model.nodes.size());
  subject.model.nodes = std::move(nodes);
  subject.training = training_graph_of(
      subject.model, {.bindings = {{"batch", batch}}, .microbatches = microbatches, .optimizer = kMomentum}, "dropout");
  return subject;
}

Subject subject_of(const Row& row, std::int32_t microbatches) {
  Subject subject = load(row.model, row.batch, microbatches, kMomentum);
  return row.drops ? with_dropout(std::move(subject), row.batch, microbatches) : subject;
}

}  // namespace

TEST_CASE("replicas, pipelines, ZeRO and recomputation train as one device does", "[parallel]") {
  const Row row = GENERATE(Row{.model = "mlp"}, Row{.model = "mlp", .drops = true}, Row{.model = "convnet"},
                           Row{.model = "gpt-1m", .batch = 4, .splits = {{2, 2}, {4, 3}}});
  for (const auto& [microbatches, replicas] : row.splits) {
    const Subject subject = subject_of(row, microbatches);
    Outcome one = train_steps(subject.training, {});
    drop_statistics(one);
    for (const std::int32_t zero : {0, 1, 2, 3}) {
      const std::int32_t devices = 1 + (zero + microbatches / 2) % 2;
      PlacementCase how{.devices = devices, .replicas = replicas, .zero = zero};
      how.schedule = kSchedules[static_cast<std::size_t>(zero)];
      CAPTURE(row.model, row.drops, microbatches, replicas, zero, devices);
      const Outcome found = train(zero % 2 == 1 ? recomputed(subject.training, how) : subject.training, how);
      if (microbatches == replicas || zero >= 2) {
        CHECK((found == one));
      } else {
        check_close(found, one);
      }
    }
  }
}

TEST_CASE("replicas of different sizes train as one device does", "[parallel]") {
  const Subject subject = load("mlp", 12, 6, kMomentum);
  const Outcome one = train_steps(subject.training, {});
  const Placement device_of = program_of(subject.training, {.devices = 3}).placement;
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    const std::vector<ReplicaGroup> groups = {{DeviceId{0}, DeviceId{3}, DeviceId{4}}, {DeviceId{1}, DeviceId{5}}};
    Executor executor(compile(subject.training, device_of,
                              {.schedule = Schedule::k1f1b, .devices = 6, .replicas = groups, .zero = zero}),
                      cpu_backends(1));
    executor.initialise_parameters(kSeed);
    const TrainingData data = data_of(subject.training, kSeed);
    for (std::size_t step = 0; step < one.losses.size(); ++step) {
      const StepContext context{.seed = kSeed, .step = static_cast<std::int64_t>(step), .learning_rate = 0.05};
      const double loss = executor.run_step(context, *data.training);
      CHECK(loss == Approx(one.losses[step]).epsilon(2e-6));
      if (zero >= 2) CHECK(loss == one.losses[step]);
    }
  }
}

TEST_CASE("replicas are evaluated and saved with the weights of their owners", "[parallel]") {
  const mp::test::TemporaryFolder folder;
  const Subject subject = load("mlp", 12, 2, kMomentum);
  const TrainingData data = data_of(subject.training, 3);
  const Graph forward =
      microbatch_graph(subject.model, {.bindings = {{"batch", 12}}, .microbatches = 2, .optimizer = kMomentum}, "mlp");
  const auto held_out = [&](const PlacementCase& how, bool loads) {
    Executor executor(program_of(subject.training, how), cpu_backends(1));
    executor.initialise_parameters(3);
    if (loads) {
      load_weights(executor, folder.path("w.safetensors"));
    } else {
      executor.run_step({.seed = 3, .step = 0, .learning_rate = 0.05}, *data.training);
      save_weights(executor, folder.path("w.safetensors"));
    }
    return evaluate(executor, forward, cpu_backends(1), *data.held_out, {.steps = 2}).loss;
  };
  const double one = held_out({}, false);
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    const PlacementCase how{.devices = 2, .replicas = 2, .zero = zero};
    CHECK(held_out(how, false) == one);
    CHECK(held_out(how, true) == one);
    CHECK(held_out({}, true) == one);
  }
}

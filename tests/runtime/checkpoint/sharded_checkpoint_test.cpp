// Checkpoints of plans that split nodes hold whole parameters: other plans take them up, split otherwise or not at all.
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/split_nodes.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/checkpoint/checkpoint_file.hpp"
#include "runtime/trainer.hpp"
#include "runtime/weights.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

// models/mlp.json with these splits.
TrainingGraph mlp_in_parts(const std::vector<std::string>& texts, Precision precision) {
  std::vector<NodeSplit> splits;
  for (const std::string& text : texts) splits.push_back(parse_node_split(text));
  const Subject whole = load("mlp", 8, 2, {});
  return training_graph_of(model_in_parts(whole.model, splits, "mlp"),
                           {.bindings = {{"batch", 8}},
                            .microbatches = 2,
                            .optimizer = {.kind = OptimizerKind::kAdamW},
                            .precision = precision},
                           "mlp");
}

std::vector<double> steps(Executor& executor, std::int64_t first, std::int64_t last) {
  const TrainingData data = data_of(executor.program().training, 1);
  std::vector<double> losses;
  train(executor, *data.training,
        {.steps = last, .first_step = first, .learning_rate = 0.01, .seed = 1, .samples_per_step = 8},
        [&](const StepReport& report) {
          losses.push_back(report.loss);
          return true;
        });
  return losses;
}

void save(Executor& executor, const std::string& path) {
  Snapshot snapshot(executor);
  snapshot.take(executor, {.step = 2, .settings = {}});
  snapshot.write(path);
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::vector<std::string> kPairs = {"fc1=columns:2", "fc2=inputs:2", "classifier=columns:3"};

}  // namespace

TEST_CASE("a split run that stops and goes on over other devices is the run that never stopped",
          "[checkpoint][split]") {
  const Precision precision = GENERATE(Precision::kFloat32, Precision::kBfloat16);
  const TrainingGraph training = mlp_in_parts(kPairs, precision);
  Executor whole(program_of(training, {.devices = 1}), cpu_backends(1));
  whole.initialise_parameters(1);
  const std::vector<double> expected = steps(whole, 0, 4);
  const mp::test::TemporaryFolder folder;
  {
    Executor first(program_of(training, {.devices = 4, .layout = Layout::kRandom}), cpu_backends(1));
    first.initialise_parameters(1);
    static_cast<void>(steps(first, 0, 2));
    save(first, folder.path("two"));
  }
  Executor second(program_of(training, {.devices = 2}), cpu_backends(1));
  second.initialise_parameters(7);  // overwritten
  CHECK(load_checkpoint(second, folder.path("two")).step == 2);
  CHECK(steps(second, 2, 4) == std::vector<double>(expected.begin() + 2, expected.end()));
}

TEST_CASE("checkpoints and weights are the same files however nodes are split", "[checkpoint][split]") {
  const Precision precision = GENERATE(Precision::kFloat32, Precision::kBfloat16);
  const TrainingGraph split = mlp_in_parts(kPairs, precision);
  const mp::test::TemporaryFolder folder;
  Executor executor(program_of(split, {.devices = 3}), cpu_backends(1));
  executor.initialise_parameters(1);
  static_cast<void>(steps(executor, 0, 2));
  save(executor, folder.path("split"));
  save_weights(executor, folder.path("split.weights"));
  for (const std::vector<std::string>& otherwise :
       {std::vector<std::string>{}, {"fc1=inputs:3", "classifier=inputs:2"}, {"fc2=columns:7"}}) {
    const TrainingGraph training = mlp_in_parts(otherwise, precision);
    Executor other(program_of(training, {.devices = 2}), cpu_backends(1));
    other.initialise_parameters(7);
    CHECK(load_checkpoint(other, folder.path("split")).step == 2);
    save(other, folder.path("other"));
    CHECK(read_all(folder.path("other")) == read_all(folder.path("split")));
    other.initialise_parameters(7);
    load_weights(other, folder.path("split.weights"));
    save_weights(other, folder.path("other.weights"));
    CHECK(read_all(folder.path("other.weights")) == read_all(folder.path("split.weights")));
  }
}

TEST_CASE("a file of shards is refused: parameters are stored whole", "[checkpoint][split]") {
  const TrainingGraph split = mlp_in_parts({"fc1=columns:2"}, Precision::kFloat32);
  const mp::test::TemporaryFolder folder;
  {
    std::vector<TensorToStore> tensors = {{"fc1.weights1", {DataType::kFloat32, {2}}}};
    SafetensorsWriter writer(folder.path("shards"), tensors, {});
    const std::vector<std::byte> values(8);
    writer.write(values);
    writer.commit();
  }
  Executor executor(program_of(split, {.devices = 1}), cpu_backends(1));
  CHECK_THROWS_AS(load_weights(executor, folder.path("shards")), InputError);
}

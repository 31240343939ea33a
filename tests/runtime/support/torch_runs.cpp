#include "tests/runtime/support/torch_runs.hpp"

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/json.hpp"
#include "lib/files/model_file.hpp"
#include "lib/plan/prepare.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::runtime::test {
namespace {

const std::string& folder() {
  static const std::string path = mp::test::source_dir() + "/tests/reference/";
  return path;
}

ParameterGroup read_group(JsonValue value) {
  const JsonObject fields = value.object({"parameters", "weight_decay", "learning_rate_factor"});
  ParameterGroup group{.patterns = {fields.require("parameters").string()}, .weight_decay = {}};
  if (fields["weight_decay"].present()) group.weight_decay = fields["weight_decay"].number();
  if (fields["learning_rate_factor"].present()) group.learning_rate_factor = fields["learning_rate_factor"].number();
  return group;
}

TorchRun read_run(JsonValue value) {
  const JsonObject fields = value.object({"model", "optimizer", "losses", "gradient_norms"});
  const JsonObject optimizer =
      fields.require("optimizer")
          .object({"kind", "learning_rate", "momentum", "beta1", "beta2", "weight_decay", "clip_norm", "groups"});
  TorchRun run{.model = fields.require("model").string(), .optimizer = {}, .losses = {}, .gradient_norms = {}};
  const bool is_sgd = optimizer.require("kind").string() == "sgd";
  run.optimizer.kind = is_sgd ? OptimizerKind::kSgd : OptimizerKind::kAdamW;
  run.optimizer.weight_decay = optimizer.require("weight_decay").number();
  if (is_sgd) run.optimizer.momentum = optimizer.require("momentum").number();
  if (!is_sgd) run.optimizer.beta1 = optimizer.require("beta1").number();
  if (!is_sgd) run.optimizer.beta2 = optimizer.require("beta2").number();
  run.learning_rate = optimizer.require("learning_rate").number();
  run.optimizer.clip_norm = optimizer["clip_norm"].number();
  for (const JsonValue group : optimizer["groups"].items()) run.optimizer.groups.push_back(read_group(group));
  for (const JsonValue loss : fields.require("losses").items()) run.losses.push_back(loss.number());
  for (const JsonValue norm : fields["gradient_norms"].items()) run.gradient_norms.push_back(norm.number());
  return run;
}

// The whole batch, the same in every step, drawn as make_training_losses.py draws it.
class ReferenceData final : public DataSource {
 public:
  ReferenceData(const Graph& graph, std::uint64_t seed) {
    for (const GraphInput& input : graph.inputs()) values_.push_back(draw(graph, input, seed));
  }
  void fill(std::size_t input, std::int64_t /*step*/, std::int32_t microbatch,
            std::span<std::byte> slice) const override {
    std::memcpy(slice.data(), values_[input].data() + static_cast<std::size_t>(microbatch) * slice.size(),
                slice.size());
  }

 private:
  using Bytes = std::vector<std::byte>;

  template <class T, class Value>
  static Bytes fill_with(std::int64_t count, const Value& value) {
    Bytes bytes(static_cast<std::size_t>(count) * sizeof(T));
    for (std::int64_t i = 0; i < count; ++i) {
      const T x = value(static_cast<std::uint64_t>(i));
      std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(T), &x, sizeof(T));
    }
    return bytes;
  }

  Bytes draw(const Graph& graph, const GraphInput& input, std::uint64_t seed) const {
    const Tensor& tensor = graph.tensor(input.tensor);
    const std::int64_t count = elements(tensor.type.shape);
    const RandomStream stream(seed, tensor.name);
    if (input.data == "copy:x") return values_[0];
    if (input.data == "labels") {
      return fill_with<std::int64_t>(count,
                                     [&](std::uint64_t i) { return static_cast<std::int64_t>(stream.below(i, 10)); });
    }
    if (tensor.type.type == DataType::kFloat32) {
      return fill_with<float>(count, [&](std::uint64_t i) { return static_cast<float>(stream.normal(i)); });
    }
    const std::uint64_t vocabulary = vocabulary_of(graph);
    const RandomStream tokens(seed, "tokens");
    const bool is_next = input.data == "next-tokens";
    return fill_with<std::int64_t>(count, [&](std::uint64_t i) {
      const std::uint64_t token = tokens.below(i, vocabulary);
      return static_cast<std::int64_t>(is_next ? (3 * token + 7) % vocabulary : token);
    });
  }

  static std::uint64_t vocabulary_of(const Graph& graph) {
    for (const GraphParameter& parameter : graph.parameters()) {
      const Tensor& tensor = graph.tensor(parameter.tensor);
      if (tensor.name.ends_with("embedding.weight")) return static_cast<std::uint64_t>(tensor.type.shape[0]);
    }
    throw std::logic_error("no embedding");
  }

  std::vector<Bytes> values_;
};

}  // namespace

TorchRuns read_torch_runs(const std::string& file) {
  const std::string path = folder() + file;
  JsonDocument document(read_file(path), path);
  document.require_format("mp.reference/1");
  const JsonObject root = document.root().object({"format", "made_by", "seed", "runs"});
  TorchRuns runs{.seed = root.require("seed").unsigned_integer(), .runs = {}};
  for (const JsonValue run : root.require("runs").items()) runs.runs.push_back(read_run(run));
  document.finish();
  return runs;
}

std::vector<double> losses_of_torch_run(const TorchRun& run, std::uint64_t seed, const TorchCheck& check) {
  const std::string path = folder() + "models/" + run.model + ".json";
  const Model model = read_model(path).model;
  const TrainingGraph training = training_graph_of(
      model, {.bindings = {}, .microbatches = 1, .optimizer = run.optimizer, .precision = check.precision}, path);
  Executor executor(program_of(training, check.placement),
                    check.backends ? check.backends : cpu_backends(check.placement.threads));
  if (check.is_watched) executor.detect_anomalies();
  executor.initialise_parameters(seed);
  const ReferenceData data(training.graph, seed);
  std::vector<double> losses;
  for (std::size_t step = 0; step < check.steps; ++step) {
    losses.push_back(executor.run_step(
        {.seed = seed, .step = static_cast<std::int64_t>(step), .learning_rate = run.learning_rate}, data));
    if (run.optimizer.clip_norm == 0.0) continue;
    CHECK(executor.gradient_norm().value() == Approx(run.gradient_norms.at(step)).epsilon(10 * check.tolerance));
  }
  return losses;
}

void require_torch_losses(const TorchRun& run, std::uint64_t seed, const TorchCheck& check) {
  INFO(run.model);
  REQUIRE(run.losses.size() == 20);
  CHECK(run.losses.back() < 0.9 * run.losses.front());  // it learns: later losses depend on every gradient before
  const std::vector<double> losses = losses_of_torch_run(run, seed, check);
  for (std::size_t step = 0; step < check.steps; ++step) {
    CAPTURE(step, losses[step], run.losses[step]);
    REQUIRE(std::fabs(losses[step] - run.losses[step]) <= check.tolerance * run.losses[step]);
  }
}

}  // namespace mp::runtime::test

#include "tests/runtime/support/training_run.hpp"

#include <cstring>
#include <memory>
#include <utility>

#include "lib/base/random.hpp"
#include "lib/files/model_file.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/program/collectives.hpp"
#include "lib/training/flows.hpp"
#include "runtime/cpu/cpu_backend.hpp"
#include "runtime/stored_parameters.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::runtime::test {

Subject load(const std::string& name, std::int64_t batch, std::int32_t microbatches, const Optimizer& optimizer,
             Precision precision) {
  const std::string path = mp::test::source_dir() + "/models/" + name + ".json";
  Subject subject{.model = read_model(path).model, .training = {}};
  subject.training = training_graph_of(
      subject.model,
      {.bindings = {{"batch", batch}}, .microbatches = microbatches, .optimizer = optimizer, .precision = precision},
      path);
  return subject;
}

Program program_of(const TrainingGraph& training, const PlacementCase& placement) {
  const PlacementUnits units = placement_units(training);
  const RandomStream random(static_cast<std::uint64_t>(placement.devices), "placement");
  const auto devices = static_cast<std::uint64_t>(placement.devices);
  Placement device_of(static_cast<std::size_t>(training.forward_nodes));
  for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
    const std::uint64_t device = placement.layout == Layout::kChain ? index(unit) * devices / units.nodes.size()
                                                                    : random.below(index(unit), devices);
    for (const NodeId node : units.nodes[unit]) device_of[node] = make_id<DeviceId>(device);
  }
  std::vector<ReplicaGroup> groups;
  for (std::int32_t d = 0; placement.replicas > 1 && d < placement.devices; ++d) {
    ReplicaGroup& group = groups.emplace_back();
    for (std::int32_t r = 0; r < placement.replicas; ++r) {
      group.push_back(make_id<DeviceId>(d + r * placement.devices));
    }
  }
  Cluster cluster = uniform_cluster(placement.devices * placement.replicas);
  Program program = compile(training, std::move(device_of),
                            {.schedule = placement.schedule,
                             .devices = placement.devices * placement.replicas,
                             .cluster = nullptr,
                             .replicas = std::move(groups),
                             .zero = placement.zero,
                             .collectives = placement.collectives});
  if (!placement.collectives) return program;
  cluster.within_host.latency_s = 0.0;  // so that small tensors go in collectives, too
  return with_collectives(std::move(program), cluster);
}

BackendFactory cpu_backends(int threads) {
  return [threads](DeviceId) { return make_cpu_backend({.threads = threads}); };
}

TrainingData data_of(const TrainingGraph& training, std::uint64_t seed) {
  const std::string source = mp::test::source_dir();
  DataSources sources;
  sources.text = {source + "/docs"};
  sources.images = source + "/models/data/digits-images.idx3-ubyte";
  sources.labels = source + "/models/data/digits-labels.idx1-ubyte";
  return open_training_data(training.graph, {.sources = sources, .seed = seed, .microbatches = training.microbatches});
}

std::vector<float> floats_of(Executor& executor, const std::string& parameter) {
  const Graph& graph = executor.program().training.graph;
  const TensorId tensor = graph.find_tensor(parameter).value();
  std::vector<float> values(static_cast<std::size_t>(elements(graph.tensor(tensor).type.shape)));
  executor.read(tensor, std::as_writable_bytes(std::span(values)));
  return values;
}

Outcome train_steps(const TrainingGraph& training, const PlacementCase& placement) {
  constexpr std::uint64_t kSeed = 7;
  Executor executor(program_of(training, placement), cpu_backends(placement.threads));
  executor.initialise_parameters(kSeed);
  const TrainingData data = data_of(training, kSeed);
  Outcome outcome;
  for (std::int64_t step = 0; step < kSteps; ++step) {
    outcome.losses.push_back(executor.run_step({.seed = kSeed, .step = step, .learning_rate = 0.05}, *data.training));
  }
  for (const StoredParameter& stored : stored_parameters(executor.program().training, Stored::kModelAndOptimizer)) {
    std::vector<std::byte>& values = outcome.parameters[stored.name];
    values.resize(static_cast<std::size_t>(bytes(stored.type)));
    read_parameter(executor, stored, values);
  }
  return outcome;
}

}  // namespace mp::runtime::test

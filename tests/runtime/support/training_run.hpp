// Shipped models, trained for a few steps under any placement.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/graph/model.hpp"
#include "lib/plan/plan.hpp"
#include "lib/program/program.hpp"
#include "lib/training/training_graph.hpp"
#include "runtime/data/training_data.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime::test {

inline constexpr std::int64_t kSteps = 3;

// models/<name>.json with this batch, cut into microbatches.
struct Subject {
  Model model;
  TrainingGraph training;
};
[[nodiscard]] Subject load(const std::string& name, std::int64_t batch, std::int32_t microbatches,
                           const Optimizer& optimizer, Precision precision = Precision::kFloat32);

enum class Layout : std::uint8_t { kChain, kRandom };
struct PlacementCase {
  std::int32_t devices = 1;
  Layout layout = Layout::kChain;
  Schedule schedule = Schedule::k1f1b;
  int threads = 1;
  std::int32_t replicas = 1;  // of each device: device d of these is joined by d + devices, d + 2 · devices …
  std::int32_t zero = 0;
  bool collectives = false;  // wherever they can be, as without latency
};
// kChain: contiguous stretches of the units' order; kRandom: units anywhere, by the number of devices as seed.
[[nodiscard]] Program program_of(const TrainingGraph& training, const PlacementCase& placement);

[[nodiscard]] BackendFactory cpu_backends(int threads);
// The shipped digits, and the text of a page of the documentation.
[[nodiscard]] TrainingData data_of(const TrainingGraph& training, std::uint64_t seed);

// Everything a run leaves behind, bit for bit.
struct Outcome {
  std::vector<double> losses;
  std::map<std::string, std::vector<std::byte>> parameters;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};
[[nodiscard]] Outcome train_steps(const TrainingGraph& training, const PlacementCase& placement);

[[nodiscard]] std::vector<float> floats_of(Executor& executor, const std::string& parameter);

}  // namespace mp::runtime::test

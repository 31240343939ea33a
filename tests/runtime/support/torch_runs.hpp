// Trainings whose losses PyTorch has computed: tests/reference/training.json, mixed_precision.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/training/optimizer.hpp"
#include "tests/runtime/support/training_run.hpp"

namespace mp::runtime::test {

struct TorchRun {
  std::string model;
  Optimizer optimizer;
  double learning_rate = 0.0;
  std::vector<double> losses;
  std::vector<double> gradient_norms;  // before clipping, where it clips
};

struct TorchRuns {
  std::uint64_t seed = 0;
  std::vector<TorchRun> runs;
};

[[nodiscard]] TorchRuns read_torch_runs(const std::string& file = "training.json");

// Trains as PyTorch did, from the same weights and data, and requires the first `steps` losses to be within `tolerance`
// of PyTorch's, relative to them.
struct TorchCheck {
  PlacementCase placement{};
  BackendFactory backends{};
  std::size_t steps = 20;
  double tolerance = 1e-4;
  Precision precision = Precision::kFloat32;
  bool is_watched = false;  // every instruction by itself (anomaly detection)
};
// The losses of `steps` steps of that training.
[[nodiscard]] std::vector<double> losses_of_torch_run(const TorchRun& run, std::uint64_t seed, const TorchCheck& check);
void require_torch_losses(const TorchRun& run, std::uint64_t seed, const TorchCheck& check);

}  // namespace mp::runtime::test

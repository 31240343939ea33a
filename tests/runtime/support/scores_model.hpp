// A classifier of 257 classes, whose scores have rows that no vector divides, trained for some steps in bfloat16.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"
#include "lib/training/mixed_precision.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/executor.hpp"
#include "tests/runtime/support/training_run.hpp"

namespace mp::runtime::test {

inline constexpr std::int64_t kScoredRows = 72;
inline constexpr std::int64_t kClasses = 257;

class ScoredData final : public DataSource {
 public:
  void fill(std::size_t input, std::int64_t step, std::int32_t /*microbatch*/,
            std::span<std::byte> slice) const override {
    const RandomStream stream(11, input == 0 ? "x" : "labels");
    const auto first = static_cast<std::uint64_t>(step) * 10000;
    if (input == 0) {
      for (std::size_t i = 0; i < slice.size() / sizeof(float); ++i) {
        const auto value = static_cast<float>(stream.uniform(first + i) - 0.5);
        std::memcpy(slice.data() + i * sizeof value, &value, sizeof value);
      }
      return;
    }
    for (std::size_t i = 0; i < slice.size() / sizeof(std::int64_t); ++i) {
      const auto label = static_cast<std::int64_t>(stream.uniform(first + i) * static_cast<double>(kClasses));
      std::memcpy(slice.data() + i * sizeof label, &label, sizeof label);
    }
  }
};

[[nodiscard]] inline TrainingGraph scores_training() {
  constexpr std::int64_t kWidth = 24;
  const Initializer normal{.kind = Initializer::Kind::kNormal, .a = 0.0, .b = 0.3};
  GraphBuilder builder("scores");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {kScoredRows, kWidth}});
  const TensorId labels = builder.add_input("labels", {DataType::kInt64, {kScoredRows}});
  const TensorId inner = builder.add_parameter("inner", {DataType::kFloat32, {kWidth, kWidth}}, normal);
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {kClasses, kWidth}}, normal);
  const TensorId hidden = builder.add("Gemm", "hidden", {x, inner});
  const TensorId scores = builder.add("Gemm", "scores", {hidden, w}, {{"transB", std::int64_t{1}}});
  builder.set_loss(builder.add("SoftmaxCrossEntropyLoss", "loss", {scores, labels}), LossReduction::kMean);
  return differentiate(mixed_precision(std::move(builder).build()), {});
}

[[nodiscard]] inline std::vector<double> losses_of_scores(const BackendFactory& backends, std::int32_t devices = 1,
                                                          bool is_watched = false) {
  Executor executor(program_of(scores_training(), {.devices = devices}), backends);
  executor.initialise_parameters(3);
  if (is_watched) executor.detect_anomalies();
  const ScoredData data;
  std::vector<double> losses;
  for (std::int64_t step = 0; step < 4; ++step) {
    losses.push_back(executor.run_step({.seed = 3, .step = step, .learning_rate = 0.05}, data));
  }
  return losses;
}

}  // namespace mp::runtime::test

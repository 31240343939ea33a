// Measuring a run on held-out data as it goes on: the best so far, and when to stop (early stopping: Prechelt, "Early
// stopping, but when?", in Neural Networks: Tricks of the Trade, 1998; here: no new best loss for so many
// measurements).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lib/files/safetensors.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/evaluate.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

struct ValidationOptions {
  std::int64_t every_steps = 1;
  std::int64_t patience = 0;  // measurements in a row without a new best one that end the training; 0: never
  EvaluateOptions evaluate;   // the same batches every time
  std::optional<std::string> best_weights;  // safetensors file, replaced at every new best measurement
};

// What a resumed run must know to go on as if it had never stopped.
struct ValidationState {
  std::optional<double> best_loss;
  std::int64_t best_step = 0;
  std::int64_t since_best = 0;  // measurements
  friend bool operator==(const ValidationState&, const ValidationState&) = default;
};
// As text, 17 digits of the loss: the same bits when read back. What metadata lack or spell wrong is as at the start.
[[nodiscard]] Metadata to_metadata(const ValidationState& state);
[[nodiscard]] ValidationState validation_state_of(const Metadata& metadata);

class Validator {
 public:
  // All must live as long as this.
  Validator(Executor& trained, Evaluator& evaluator, const DataSource& data, ValidationOptions options,
            ValidationState state);

  // Measures where it is time after so many steps, and keeps the weights of a new best. Throws RunError.
  std::optional<Evaluation> after_step(std::int64_t step);
  // The weights as they are now; counts for nothing.
  [[nodiscard]] Evaluation measure();
  [[nodiscard]] bool wants_stop() const { return options_.patience > 0 && state_.since_best >= options_.patience; }
  [[nodiscard]] const ValidationState& state() const { return state_; }

 private:
  Executor* trained_;
  Evaluator* evaluator_;
  const DataSource* data_;
  ValidationOptions options_;
  ValidationState state_;
};

}  // namespace mp::runtime

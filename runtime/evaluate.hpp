// Loss, accuracy and perplexity on data that is not trained on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "lib/graph/graph.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/executor.hpp"
#include "runtime/predictions.hpp"

namespace mp::runtime {

struct EvaluateOptions {
  std::int64_t first_step = 0;
  std::int64_t steps = 1;
  std::uint64_t seed = 0;
  // Called after each step, the loss being the mean so far; false ends it there, and is to be the same on all ranks.
  std::function<bool(std::int64_t steps_done, double loss)> observer{};
};

struct Evaluation {
  double loss = 0.0;  // mean over the steps done
  // exp of the mean cross entropy of a label, where the loss is that alone.
  std::optional<double> perplexity;
  // Share of the labels whose class has the largest score, where there is one SoftmaxCrossEntropyLoss.
  std::optional<double> accuracy;
  std::int64_t labels = 0;   // that it is the share of; those of ignore_index aside
  std::int64_t correct = 0;  // of them
};

// Of two parts of one set, the second having `weight` times as many samples as the first.
[[nodiscard]] Evaluation combined(const Evaluation& first, const Evaluation& second, double weight);

// Whether a model has a loss to measure.
[[nodiscard]] bool can_evaluate(const Graph& forward);

// A program of the forward pass alone, in inference mode (lib/training/inference.hpp), placed as a training program
// is, with arenas of its own. Made once, for any number of evaluations.
class Evaluator {
 public:
  // `forward` is the graph that `trained` was made of; `ranks` as of an Executor. Throws RunError where the memory is not
  // there.
  Evaluator(const Program& trained, const Graph& forward, const BackendFactory& backends, RankGroup* ranks = nullptr);

  // The executor with this one's weights; they may be loaded or written there.
  [[nodiscard]] Executor& executor() { return executor_; }
  // Of the weights that `trained` has now.
  [[nodiscard]] Evaluation run(Executor& trained, const DataSource& data, const EvaluateOptions& options);
  // Of the weights that executor() has.
  [[nodiscard]] Evaluation run(const DataSource& data, const EvaluateOptions& options);

 private:
  std::optional<Classification> classification_;
  Executor executor_;
  std::unique_ptr<PredictionCounter> counter_;
};

// All of that once.
[[nodiscard]] Evaluation evaluate(Executor& trained, const Graph& forward, const BackendFactory& backends,
                                  const DataSource& data, const EvaluateOptions& options);

}  // namespace mp::runtime

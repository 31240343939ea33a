#include "runtime/evaluate.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/training/evaluation.hpp"
#include "lib/training/inference.hpp"
#include "runtime/weights.hpp"

namespace mp::runtime {
namespace {

// Predictions are made where the loss is: they alone leave the device, not the scores.
void predict(const Classification& classification, TrainingGraph& evaluation) {
  GraphBuilder builder(evaluation.graph);
  const TensorId predicted = builder.add("ArgMax", builder.fresh_name("evaluate.predicted"), {classification.scores},
                                         {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{0}}});
  evaluation.graph = std::move(builder).build();
  evaluation.phase.push_back(Phase::kForward);
  evaluation.placed_with.push_back(evaluation.graph.tensor(predicted).producer);
  evaluation.home.resize(evaluation.graph.tensors().size(), kNone<NodeId>);
  ++evaluation.forward_nodes;
  evaluation.fetched = {predicted, classification.labels};
}

Program forward_program(const Program& trained, const Graph& forward) {
  TrainingGraph evaluation = evaluation_graph(inference_graph(forward), trained.training);
  Placement placement = trained.placement;
  if (const auto classification = classification_of(evaluation.graph)) {
    predict(*classification, evaluation);
    placement.push_back(trained.placement[classification->loss]);
  }
  return compile(std::move(evaluation), std::move(placement),
                 {.schedule = trained.schedule,
                  .devices = static_cast<std::int32_t>(trained.devices.size()),
                  .cluster = nullptr,
                  .replicas = trained.replicas,
                  .zero = trained.zero});
}

}  // namespace

bool can_evaluate(const Graph& forward) { return forward.loss() != kNone<TensorId>; }

Evaluator::Evaluator(const Program& trained, const Graph& forward, const BackendFactory& backends, RankGroup* ranks)
    : executor_(forward_program(trained, forward), backends, ranks) {
  const TrainingGraph& training = executor_.program().training;
  classification_ = classification_of(training.graph);
  if (!classification_) return;
  counter_ = std::make_unique<PredictionCounter>(training.graph, *classification_, training.microbatches);
  executor_.hand_fetched_to(
      [counter = counter_.get()](TensorId tensor, std::int32_t microbatch, std::span<const std::byte> values) {
        counter->take(tensor, microbatch, values);
      });
}

Evaluation Evaluator::run(Executor& trained, const DataSource& data, const EvaluateOptions& options) {
  copy_weights(trained, executor_);
  return run(data, options);
}

Evaluation Evaluator::run(const DataSource& data, const EvaluateOptions& options) {
  if (counter_) counter_->reset();
  double sum = 0.0;
  Evaluation result;
  for (std::int64_t done = 1; done <= options.steps; ++done) {
    sum += executor_.run_step({.seed = options.seed, .step = options.first_step + done - 1}, data);
    result.loss = sum / static_cast<double>(done);
    if (options.observer && !options.observer(done, result.loss)) break;
  }
  if (!counter_ || counter_->labels() == 0) return result;
  result.labels = counter_->labels();
  result.correct = counter_->correct();
  result.accuracy = static_cast<double>(result.correct) / static_cast<double>(result.labels);
  if (!classification_->is_whole_loss) return result;
  const bool is_mean = classification_->is_mean;
  if (is_mean && executor_.program().training.graph.loss_reduction() == LossReduction::kSum) return result;
  result.perplexity = std::exp(is_mean ? result.loss : sum / static_cast<double>(result.labels));
  return result;
}

Evaluation combined(const Evaluation& first, const Evaluation& second, double weight) {
  Evaluation result{.loss = (first.loss + weight * second.loss) / (1.0 + weight),
                    .perplexity = {},
                    .accuracy = {},
                    .labels = first.labels + second.labels,
                    .correct = first.correct + second.correct};
  if (first.accuracy && second.accuracy) {
    result.accuracy = static_cast<double>(result.correct) / static_cast<double>(result.labels);
  }
  if (first.perplexity && second.perplexity) {
    const double entropy = static_cast<double>(first.labels) * std::log(*first.perplexity) +
                           static_cast<double>(second.labels) * std::log(*second.perplexity);
    result.perplexity = std::exp(entropy / static_cast<double>(result.labels));
  }
  return result;
}

Evaluation evaluate(Executor& trained, const Graph& forward, const BackendFactory& backends, const DataSource& data,
                    const EvaluateOptions& options) {
  return Evaluator(trained.program(), forward, backends, trained.ranks()).run(trained, data, options);
}

}  // namespace mp::runtime

// Scores that were made by hand, counted by hand; inference mode.
#include "runtime/evaluate.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "lib/training/inference.hpp"
#include "lib/training/training_graph.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

constexpr std::int64_t kClasses = 3;
constexpr std::int64_t kPositions = 2;

// x[N, 3, 2] times w = 1, labelled; the loss is the mean over the labels that are not -1.
Graph scorer(const std::string& reduction, LossReduction of_microbatches) {
  GraphBuilder builder("scorer");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {2, kClasses, kPositions}}, "normal");
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {1}}, {Initializer::Kind::kConstant, 1.0, 0.0});
  const TensorId labels = builder.add_input("labels", {DataType::kInt64, {2, kPositions}}, "labels");
  const TensorId scores = builder.add("Mul", "scores", {x, w});
  builder.set_loss(builder.add("SoftmaxCrossEntropyLoss", "loss", {scores, labels},
                               {{"reduction", reduction}, {"ignore_index", std::int64_t{-1}}}),
                   of_microbatches);
  return std::move(builder).build();
}

// Four samples, two a microbatch.
class HandMade final : public DataSource {
 public:
  void fill(std::size_t input, std::int64_t /*step*/, std::int32_t microbatch,
            std::span<std::byte> slice) const override {
    const void* from = input == 0 ? static_cast<const void*>(scores_.data() + 12 * microbatch)
                                  : static_cast<const void*>(labels_.data() + 4 * microbatch);
    std::memcpy(slice.data(), from, slice.size());
  }
  // [sample][class][position]
  std::vector<float> scores_ = {5, 0, 0, 7,  0, 0,   // classes 0 and 1
                                1, 1, 1, 2,  0, 3,   // a tie of 0 and 1: 0; then 2
                                0, 0, 9, -1, 8, -2,  // 1; 0
                                0, 0, 0, 0,  0, 0};  // ties: 0; 0
  std::vector<std::int64_t> labels_ = {0, 1, 0, -1, 2, 0, 1, 0};
};

double cross_entropy(const HandMade& data) {
  double sum = 0.0;
  for (std::size_t label = 0; label < data.labels_.size(); ++label) {
    if (data.labels_[label] < 0) continue;
    const auto score = [&](std::size_t c) {
      return static_cast<double>(data.scores_[(label / 2) * 6 + c * 2 + label % 2]);
    };
    sum += std::log(std::exp(score(0)) + std::exp(score(1)) + std::exp(score(2))) -
           score(static_cast<std::size_t>(data.labels_[label]));
  }
  return sum;
}

}  // namespace

TEST_CASE("loss, accuracy and perplexity are those of scores made by hand", "[evaluate]") {
  const std::int32_t replicas = GENERATE(1, 2);
  const bool is_sum = GENERATE(false, true);
  const Graph forward = scorer(is_sum ? "sum" : "mean", is_sum ? LossReduction::kSum : LossReduction::kMean);
  const TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
  Executor trained(program_of(training, {.devices = 1, .replicas = replicas}), cpu_backends(1));
  trained.initialise_parameters(0);
  HandMade data;
  Evaluator evaluator(trained.program(), forward, cpu_backends(1));
  const Evaluation result = evaluator.run(trained, data, {.steps = 3});
  CHECK(result.labels == 3 * 7);
  CHECK(result.accuracy.value() == Approx(5.0 / 7.0));  // wrong: the third sample's 2, the fourth's 1
  if (is_sum) {
    CHECK(result.loss == Approx(cross_entropy(data)).epsilon(1e-6));
    CHECK(result.perplexity.value() == Approx(std::exp(cross_entropy(data) / 7.0)).epsilon(1e-6));
  } else {
    CHECK(result.perplexity.value() == Approx(std::exp(result.loss)));
  }
  data.scores_[0] = std::numeric_limits<float>::quiet_NaN();  // no prediction: class 1 leads
  CHECK(evaluator.run(data, {}).accuracy.value() == Approx(4.0 / 7.0));
}

TEST_CASE("two parts of a set are weighed by their samples and labels", "[evaluate]") {
  const Evaluation first{.loss = 1.0, .perplexity = std::exp(1.0), .accuracy = 0.5, .labels = 30, .correct = 15};
  const Evaluation second{.loss = 4.0, .perplexity = std::exp(4.0), .accuracy = 0.2, .labels = 10, .correct = 2};
  const Evaluation whole = combined(first, second, 1.0 / 3.0);
  CHECK(whole.loss == Approx(7.0 / 4.0));
  CHECK(whole.perplexity.value() == Approx(std::exp(7.0 / 4.0)));
  CHECK(whole.accuracy.value() == Approx(17.0 / 40.0));
  CHECK(!combined(first, {}, 1.0).accuracy);
}

TEST_CASE("a regression has a loss and nothing else", "[evaluate]") {
  GraphBuilder builder("regression");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {4, 1}}, "normal");
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {1}}, {Initializer::Kind::kConstant, 1.0, 0.0});
  builder.set_loss(builder.add("MeanSquaredError", "loss", {builder.add("Mul", "y", {x, w}), x}), LossReduction::kMean);
  const Graph forward = std::move(builder).build();
  const TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 1});
  Executor trained(program_of(training, {}), cpu_backends(1));
  trained.initialise_parameters(0);
  const TrainingData data = open_training_data(forward, {.sources = {}, .seed = 1, .microbatches = 1});
  const Evaluation result = evaluate(trained, forward, cpu_backends(1), *data.training, {.steps = 2});
  CHECK(result.loss == 0.0);
  CHECK(!result.accuracy);
  CHECK(!result.perplexity);
}

TEST_CASE("inference drops what is for training alone", "[evaluate]") {
  GraphBuilder builder("modes");
  const TensorType image{DataType::kFloat32, {2, 3, 4}};
  const TensorType channel{DataType::kFloat32, {3}};
  const auto parameter = [&](const std::string& name) {
    return builder.add_parameter(name, channel, {Initializer::Kind::kConstant, 1.0, 0.0}, name[0] != 'r');
  };
  const TensorId x = builder.add_input("x", image, "normal");
  const TensorId noise = builder.add("Dropout", "noise", {x}, {{"ratio", 0.5}});
  std::vector<TensorId> inputs{noise, parameter("scale"), parameter("bias"), parameter("running_mean"),
                               parameter("running_variance")};
  Node node;
  node.name = "norm";
  node.op_name = "BatchNormalization";
  node.inputs = inputs;
  node.attributes = {{"training_mode", std::int64_t{1}}};
  const NodeId norm = builder.add_node(std::move(node), {"normal", "mean", "variance"});
  const TensorId dropped = builder.add("Dropout", "dropout", {builder.peek().node(norm).outputs[0]}, {{"ratio", 0.5}});
  builder.set_loss(builder.add("MeanSquaredError", "loss", {dropped, x}), LossReduction::kMean);
  const Graph inference = inference_graph(std::move(builder).build());
  CHECK(inference.node(NodeId{0}).op->name == "Dropout");  // part of the data
  CHECK(inference.node(NodeId{1}).attributes.get_int("training_mode", 1) == 0);
  CHECK(inference.node(NodeId{1}).outputs.size() == 1);
  CHECK(inference.node(NodeId{2}).op->name == "Identity");
  CHECK(inference.node(NodeId{3}).op->name == "MeanSquaredError");
  CHECK(inference.tensor(inference.loss()).name == "loss");
}

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "lib/operators/operator.hpp"
#include "lib/training/training_graph.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/operator_samples.hpp"

using namespace mp;

namespace {

bool clips_gradients(const std::string& name) { return name == "GradientL2" || name == "GradientNorm"; }

// What generating and scoring add to a graph, after training.
bool is_of_inference(const std::string& name) { return name == "ArgMax" || name == "GroupQueryAttention"; }

// Gradients and updates, which nothing differentiates again, and Constant, which has no inputs.
bool needs_no_gradient(const std::string& name) {
  return name.ends_with("Grad") || name.ends_with("Update") || name == "Constant" || clips_gradients(name) ||
         is_of_inference(name);
}

}  // namespace

TEST_CASE("operators are found by name", "[operators]") {
  REQUIRE(find_operator("Gemm") != nullptr);
  CHECK(find_operator("Gemm")->name == "Gemm");
  CHECK(find_operator("gemm") == nullptr);
  CHECK(find_operator("") == nullptr);
  std::vector<std::string> names;
  for (const Operator* op : all_operators()) {
    CHECK(find_operator(op->name) == op);
    names.push_back(op->name);
  }
  CHECK(std::is_sorted(names.begin(), names.end()));
  CHECK(std::find(names.begin(), names.end(), "Opaque") == names.end());
}

TEST_CASE("every operator has a shape rule and a gradient, or is a gradient itself", "[operators]") {
  for (const Operator* op : all_operators()) {
    INFO(op->name);
    CHECK(op->infer != nullptr);
    CHECK((op->differentiate == nullptr) == (needs_no_gradient(op->name)));
    CHECK(op->inputs.min <= op->inputs.max);
    CHECK(op->outputs.min >= 1);
    CHECK(op->outputs.min <= op->outputs.max);
    std::set<std::string> attributes;
    for (const AttributeSpec& spec : op->attributes) CHECK(attributes.insert(spec.name).second);
    for (const InPlace& pair : op->in_place) {
      CHECK(pair.output < op->outputs.max);
      CHECK(pair.input < op->inputs.max);
    }
  }
}

TEST_CASE("every differentiable operator has a sample", "[operators]") {
  std::set<std::string> sampled;
  for (const test::OperatorSample& sample : test::operator_samples()) sampled.insert(sample.op);
  for (const Operator* op : all_operators()) {
    INFO(op->name);
    if (op->differentiate != nullptr) CHECK(sampled.contains(op->name));
  }
}

TEST_CASE("the gradient of every sample has the type of its parameter", "[operators]") {
  std::set<std::string> used;
  for (const test::OperatorSample& sample : test::operator_samples()) {
    INFO(sample.name);
    const Graph forward = test::sample_graph(sample);
    const TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
    std::size_t trained = 0;
    for (const test::SampleInput& input : sample.inputs) {
      if (input.role == test::SampleInput::Role::kTrained) ++trained;
    }
    CHECK(training.trained.size() == trained);
    for (const TrainedParameter& parameter : training.trained) {
      CHECK(training.graph.tensor(parameter.gradient).type == training.graph.tensor(parameter.parameter).type);
    }
    for (const Node& node : training.graph.nodes()) used.insert(node.op->name);
  }
  // What no sample needs is an operator nobody can meet: only the other optimizer's update is left out, what compile()
  // adds, and what comes after training.
  for (const Operator* op : all_operators()) {
    INFO(op->name);
    if (op->name == "SgdUpdate" || clips_gradients(op->name) || is_of_inference(op->name)) continue;
    CHECK(used.contains(op->name));
  }
}

TEST_CASE("every node of a training graph has a cost that is a number", "[operators]") {
  for (const test::OperatorSample& sample : test::operator_samples()) {
    INFO(sample.name);
    const TrainingGraph training = differentiate(test::sample_graph(sample), {.optimizer = {}, .microbatches = 1});
    for (const NodeId id : ids<NodeId>(training.graph.nodes().size())) {
      INFO(training.graph.node(id).name);
      const OperatorCost cost = cost_of(training.graph, id);
      CHECK(cost.flops >= 0);
      CHECK(cost.bytes_read >= 0);
      CHECK((training.graph.node(id).op->is_view ? cost.bytes_written == 0 : cost.bytes_written > 0));
    }
  }
}

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

ModelNode gemm(std::string name, std::string input, std::string weight) {
  ModelNode node;
  node.name = name;
  node.op = "Gemm";
  node.inputs = {std::move(input), std::move(weight)};
  node.outputs = {std::move(name)};
  return node;
}

ModelNode measured(std::string name, std::vector<std::string> inputs, std::int64_t output_bytes) {
  ModelNode node;
  node.name = name;
  node.op = "Block";
  node.inputs = std::move(inputs);
  node.outputs = {std::move(name)};
  node.cost = MeasuredCost{0.25, 0.5, 8, {output_bytes}};
  return node;
}

Dimension fixed(std::int64_t extent) { return {extent, ""}; }
Dimension named(std::string name) { return {0, std::move(name)}; }

// x[batch, 3] → fc1 (3 × 4) → fc2 (4 × 5)
Model two_layers() {
  Model model;
  model.name = "two-layers";
  model.dimensions = {{"batch", 2}};
  model.inputs = {{"x", DataType::kFloat32, {named("batch"), fixed(3)}, "normal"}};
  model.parameters = {{"w1", DataType::kFloat32, {fixed(3), fixed(4)}, {}},
                      {"w2", DataType::kFloat32, {fixed(4), fixed(5)}, {}}};
  model.nodes = {gemm("fc1", "x", "w1"), gemm("fc2", "fc1", "w2")};
  return model;
}

std::vector<Issue> issues_of(const Model& model, const Bindings& bindings = {}) {
  try {
    static_cast<void>(bind_model(model, bindings, "model.json"));
  } catch (const InputError& error) {
    CHECK(error.source() == "model.json");
    return error.issues();
  }
  return {};
}

}  // namespace

TEST_CASE("binding a model infers types and finds every name", "[graph]") {
  const Graph graph = bind_model(two_layers(), {{"batch", 7}}, "model.json");
  CHECK(graph.name() == "two-layers");
  REQUIRE(graph.nodes().size() == 2);
  const NodeId fc2 = graph.find_node("fc2").value();
  CHECK(graph.node(fc2).name == "fc2");
  const TensorId hidden = graph.find_tensor("fc1").value();
  CHECK(graph.tensor(hidden).type == TensorType{DataType::kFloat32, {7, 4}});
  CHECK(graph.tensor(hidden).kind == TensorKind::kActivation);
  CHECK(graph.tensor(hidden).producer == graph.find_node("fc1").value());
  CHECK(std::vector(graph.consumers(hidden).begin(), graph.consumers(hidden).end()) == std::vector<NodeId>{fc2});
  CHECK_FALSE(graph.find_tensor("fc3").has_value());
  const TensorId w2 = graph.find_tensor("w2").value();
  CHECK(graph.tensor(w2).kind == TensorKind::kParameter);
  CHECK(graph.parameters()[static_cast<std::size_t>(graph.tensor(w2).source)].tensor == w2);
}

TEST_CASE("the file's order of nodes is kept where it can be", "[graph]") {
  Model model = two_layers();
  model.nodes = {gemm("late", "early", "w2"), gemm("early", "x", "w1"), gemm("other", "x", "w1")};
  const Graph graph = bind_model(model, {}, "model.json");
  std::vector<std::string> order;
  for (const Node& node : graph.nodes()) order.push_back(node.name);
  CHECK(order == std::vector<std::string>{"early", "late", "other"});
}

TEST_CASE("names that do not exist, or exist twice", "[graph]") {
  Model model = two_layers();
  SECTION("unknown operator") {
    model.nodes[1].op = "Gem";
    CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/1/op", "unknown operator 'Gem'; did you mean 'Gemm'?"}});
  }
  SECTION("dangling tensor") {
    model.nodes[1].inputs[0] = "fc11";
    CHECK(issues_of(model) ==
          std::vector<Issue>{
              {"/nodes/1/inputs/0", "no input, parameter or node output is named 'fc11'; did you mean 'fc1'?"}});
  }
  SECTION("duplicate node, output and parameter") {
    model.nodes.push_back(gemm("fc1", "x", "w1"));
    model.parameters.push_back(model.parameters[0]);
    CHECK(issues_of(model) == std::vector<Issue>{{"/parameters/2/name", "there is already a tensor named 'w1'"},
                                                 {"/nodes/2/name", "there is already a node named 'fc1'"},
                                                 {"/nodes/2/outputs/0", "there is already a tensor named 'fc1'"}});
  }
  SECTION("no names") {
    model.inputs[0].name.clear();
    model.nodes[0].name.clear();
    model.nodes[0].inputs[0] = "w1";
    CHECK(issues_of(model) ==
          std::vector<Issue>{{"/inputs/0/name", "an input needs a name"}, {"/nodes/0/name", "a node needs a name"}});
  }
}

TEST_CASE("cycles are told with the nodes on them", "[graph]") {
  Model model = two_layers();
  model.nodes = {gemm("behind", "b", "w2"), gemm("a", "c", "w1"), gemm("b", "a", "w1"), gemm("c", "b", "w1"),
                 gemm("self", "self", "w1")};
  CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/1", "these nodes wait for each other: a → b → c → a"},
                                               {"/nodes/4", "these nodes wait for each other: self → self"}});
}

TEST_CASE("arity and attributes", "[graph]") {
  Model model = two_layers();
  SECTION("too few inputs") {
    model.nodes[0].inputs.pop_back();
    CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/0/inputs", "Gemm has 2 to 3 inputs, not 1"}});
  }
  SECTION("absent input that is needed") {
    model.nodes[0].inputs[1].clear();
    CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/0/inputs/1", "Gemm needs this input"}});
  }
  SECTION("too many outputs") {
    model.nodes[1].outputs.push_back("more");
    CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/1/outputs", "Gemm has 1 output, not 2"}});
  }
  SECTION("unknown attribute") {
    model.nodes[0].attributes.set("transa", std::int64_t{1});
    const std::vector<Issue> issues = issues_of(model);
    REQUIRE(issues.size() == 1);
    CHECK(issues[0].place == "/nodes/0/attributes/transa");
    CHECK(issues[0].message ==
          "Gemm has no attribute 'transa'; did you mean 'transA'? (its attributes: transA, transB, alpha, beta)");
  }
  SECTION("attribute of the wrong type") {
    model.nodes[0].attributes.set("transA", 0.5);
    CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/0/attributes/transA", "must be an integer, not a number"}});
  }
  SECTION("attribute not finite") {
    model.nodes[0].attributes.set("alpha", std::numeric_limits<double>::infinity());
    CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/0/attributes/alpha", "must be finite"}});
  }
}

TEST_CASE("shapes that do not fit are told once, not again by what follows", "[graph]") {
  Model model = two_layers();
  model.parameters[0].shape[0].extent = 30;
  const std::vector<Issue> issues = issues_of(model);
  REQUIRE(issues.size() == 1);
  CHECK(issues[0].place == "/nodes/0");
  CHECK(issues[0].message == "Gemm: the inner extents differ: 3 in A [2, 3], 30 in B [30, 4]");
}

TEST_CASE("dimensions and bindings", "[graph]") {
  Model model = two_layers();
  SECTION("unbound") {
    model.inputs[0].shape[1] = named("widht");
    model.dimensions.emplace("width", 3);
    CHECK(issues_of(model) ==
          std::vector<Issue>{{"/inputs/0/shape/1",
                              "dimension 'widht' has no extent; did you mean 'width'? (give it one under "
                              "/dimensions, or bind it: widht=…)"}});
  }
  SECTION("binding of a dimension that does not exist") {
    CHECK(issues_of(model, {{"bacth", 4}}) ==
          std::vector<Issue>{{"", "the model has no dimension 'bacth' to bind; did you mean 'batch'?"}});
  }
  SECTION("no extent below one") {
    CHECK(issues_of(model, {{"batch", 0}}) ==
          std::vector<Issue>{{"", "the binding of 'batch' must be 1 or more, not 0"}});
    model.dimensions["batch"] = -2;
    model.parameters[0].shape[1].extent = 0;
    CHECK(issues_of(model) == std::vector<Issue>{{"/dimensions/batch", "'batch' must be 1 or more, not -2"},
                                                 {"/parameters/0/shape/1", "an extent must be 1 or more, not 0"}});
  }
  SECTION("absurd sizes") {
    model.parameters[0].shape[1].extent = std::int64_t{1} << 62;
    model.parameters[1].shape = std::vector<Dimension>(9, fixed(1));
    const std::vector<Issue> issues = issues_of(model);
    REQUIRE(issues.size() == 2);
    CHECK(issues[0] == Issue{"/parameters/0", "float32[3, 4611686018427387904] is larger than 4398046511104 bytes"});
    CHECK(issues[1] == Issue{"/parameters/1/shape", "has 9 dimensions; at most 8 are possible"});
  }
  SECTION("a product too large") {
    model.inputs[0].shape = {fixed(1LL << 38), fixed(1)};
    model.parameters[0].shape = {fixed(1), fixed(1LL << 38)};
    const std::vector<Issue> issues = issues_of(model);
    REQUIRE(issues.size() == 1);
    CHECK(issues[0] ==
          Issue{"/nodes/0", "Gemm: an output float32[274877906944, 274877906944] is larger than 4398046511104 bytes"});
  }
}

TEST_CASE("sizes whose sum would overflow, and devices out of range", "[graph]") {
  Model model = two_layers();
  model.nodes.clear();
  for (int i = 0; i < 3000; ++i) model.nodes.push_back(measured(std::to_string(i), {"x"}, kMaxTensorBytes));
  CHECK(issues_of(model) ==
        std::vector<Issue>{{"", "the tensors are too large together: 13194 TB written and read once, more than 4503"}});
  model.nodes.resize(1);
  model.nodes[0].device = 70000;
  CHECK(issues_of(model) ==
        std::vector<Issue>{{"/nodes/0/device", "a device must lie between 0 and 65535, not 70000"}});
}

TEST_CASE("what a node updates in place nothing else may read", "[graph]") {
  Model model = two_layers();
  model.parameters = {};
  for (const char* name : {"scale", "shift", "mean", "variance"}) {
    model.parameters.push_back({name, DataType::kFloat32, {fixed(3)}, {}});
  }
  ModelNode node = gemm("norm", "x", "scale");
  node.op = "BatchNormalization";
  node.inputs = {"x", "scale", "shift", "mean", "variance"};
  node.outputs = {"y", "mean.next", ""};
  node.attributes.set("training_mode", std::int64_t{1});
  model.nodes = {node};
  const std::string message =
      "'mean' is updated in place, so it must be a parameter with \"trainable\": false that nothing else reads";
  CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/0/inputs/3", message}});
  model.parameters[2].trainable = false;
  CHECK(issues_of(model).empty());
  node.name = "again";
  node.outputs = {"y2", "", ""};
  model.nodes.push_back(node);
  CHECK(issues_of(model) == std::vector<Issue>{{"/nodes/0/inputs/3", message}});
}

TEST_CASE("an operator that needs shapes says so of an input known by its size alone", "[graph]") {
  Model model = two_layers();
  model.nodes = {measured("block", {"x"}, 24), gemm("fc", "block", "w1")};
  CHECK(issues_of(model) ==
        std::vector<Issue>{{"/nodes/1/inputs/0",
                            "is known by its size alone (it comes from a node with measured costs); Gemm needs its "
                            "shape, or a measured cost with output_bytes of its own"}});
}

TEST_CASE("the loss is one float32 number made by a node", "[graph]") {
  Model model = two_layers();
  model.loss = "fc2";
  CHECK(issues_of(model) ==
        std::vector<Issue>{{"/loss", "the loss must be one float32 number, but 'fc2' is float32[2, 5]"}});
  model.loss = "x";
  CHECK(issues_of(model) == std::vector<Issue>{{"/loss", "the loss must be made by a node, but 'x' is not"}});
  model.loss = "los";
  CHECK(issues_of(model).at(0).place == "/loss");
  model.loss = "fc2";
  model.dimensions["batch"] = 1;
  model.parameters[1].shape[1].extent = 1;
  CHECK(bind_model(model, {}, "model.json").loss() != kNone<TensorId>);
}

TEST_CASE("parameters and data sources are checked", "[graph]") {
  Model model = two_layers();
  model.parameters[0].initializer = {Initializer::Kind::kUniform, 1.0, 0.5};
  model.parameters[1].initializer = {Initializer::Kind::kNormal, 0.0, std::numeric_limits<double>::quiet_NaN()};
  model.inputs[0].data = "normale";
  CHECK(issues_of(model) ==
        std::vector<Issue>{
            {"/parameters/0/initializer", "the upper end must not be below the lower"},
            {"/parameters/1/initializer", "its numbers must be finite"},
            {"/inputs/0/data",
             "no data source 'normale'; did you mean 'normal'? (known: normal, tokens, next-tokens, images, labels, "
             "copy:<input>)"}});
  model = two_layers();
  model.parameters[1].type = DataType::kInt64;
  model.inputs[0].data = "copy:x";
  const std::vector<Issue> issues = issues_of(model);
  REQUIRE(issues.size() == 3);
  CHECK(issues[2] == Issue{"/nodes/1", "Gemm: input 1 must be float32, not int64[4, 5]"});
  CHECK(issues[0] ==
        Issue{"/parameters/1/type", "a trained parameter must be float32, not int64 (or set \"trainable\": false)"});
  CHECK(issues[1] == Issue{"/inputs/0/data", "only an input that is no copy can be copied, not 'x'"});
}

TEST_CASE("a node with measured costs needs no known operator", "[graph]") {
  Model model = two_layers();
  model.nodes = {measured("block", {"x", "w1"}, 640), measured("next", {"block"}, 0)};
  const Graph graph = bind_model(model, {}, "model.json");
  CHECK(graph.tensor(graph.find_tensor("block").value()).type == TensorType{DataType::kOpaque, {640}});
  CHECK(graph.node(NodeId{0}).op_name == "Block");

  model.nodes[0].cost->output_bytes = {-1};
  model.nodes[1].cost->output_bytes = {1, 2};
  model.nodes[1].cost->forward_s = -1;
  CHECK(issues_of(model) ==
        std::vector<Issue>{{"/nodes/0/cost/output_bytes/0", "must lie between 0 and 4398046511104 bytes, not -1"},
                           {"/nodes/1/cost/forward_s", "must be a finite number of seconds, 0 or more"},
                           {"/nodes/1/cost/output_bytes", "needs one size for each of the 1 outputs, has 2"}});
}

TEST_CASE("a hopeless file is reported in part, and quickly", "[graph]") {
  Model model = two_layers();
  model.nodes.clear();
  for (int i = 0; i < 20000; ++i) model.nodes.push_back(gemm("node_" + std::to_string(i), "missing", "w1"));
  const std::vector<Issue> issues = issues_of(model);
  REQUIRE(issues.size() == 51);
  CHECK(issues.back() == Issue{"", "and 19950 more"});
}

TEST_CASE("a hundred thousand nodes bind in linear time", "[graph]") {
  Model model = two_layers();
  model.nodes.clear();
  std::string before = "x";
  for (int i = 0; i < 100'000; ++i) {
    std::string name = "n";
    name += std::to_string(i);
    model.nodes.push_back(measured(name, {before}, 4));
    before = std::move(name);
  }
  CHECK(bind_model(model, {}, "model.json").nodes().size() == 100'000);
}

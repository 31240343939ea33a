// Nodes cut into parts: the rewritten model as text, and what is refused.
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/choose_splits.hpp"
#include "lib/graph/split_nodes.hpp"
#include "tests/support/catch.hpp"

using namespace mp;

namespace {

using Ints = std::vector<std::int64_t>;

ModelNode node(std::string name, std::string op, std::vector<std::string> inputs, std::string output) {
  ModelNode result;
  result.name = std::move(name);
  result.op = std::move(op);
  result.inputs = std::move(inputs);
  result.outputs = {std::move(output)};
  return result;
}

Model conv_model(const std::string& op, Ints x, Ints w, Attributes attributes, std::int64_t bias = 0) {
  const auto shape = [](const Ints& extents) {
    std::vector<Dimension> dimensions;
    for (const std::int64_t extent : extents) dimensions.push_back({extent, ""});
    return dimensions;
  };
  Model model;
  model.name = "model";
  model.inputs = {{.name = "x", .shape = shape(x), .data = "normal"}};
  model.parameters = {{.name = "w", .shape = shape(w), .initializer = {}}};
  ModelNode conv = node("conv", op, {"x", "w"}, "y");
  conv.attributes = std::move(attributes);
  if (bias > 0) {
    model.parameters.push_back({.name = "b", .shape = shape({bias}), .initializer = {}});
    conv.inputs.emplace_back("b");
  }
  model.nodes = {conv, node("after", "Relu", {"y"}, "z")};
  return model;
}

// "name op(inputs) -> outputs" a line.
std::string text_of(const Model& model) {
  std::string text;
  for (const ModelNode& node : model.nodes) {
    text += node.name + " " + node.op + "(";
    for (const std::string& input : node.inputs) text += (text.back() == '(' ? "" : ", ") + input;
    text += ") ->";
    for (const std::string& output : node.outputs) text += " " + output;
    text += "\n";
  }
  return text;
}

std::string refusal(const Model& model, const std::string& split) {
  try {
    const std::vector<NodeSplit> splits = {parse_node_split(split)};
    static_cast<void>(split_nodes(model, splits, "m"));
  } catch (const UsageError& error) {
    return error.what();
  }
  return "(nothing was thrown)";
}

Shape type_of_z(const Model& model) {
  const Graph graph = bind_model(model, {}, "m");
  return graph.tensor(graph.find_tensor("z").value()).type.shape;
}

Model split(const Model& model, const std::string& text) {
  const std::vector<NodeSplit> splits = {parse_node_split(text)};
  return split_nodes(model, splits, "m");
}

}  // namespace

TEST_CASE("a convolution split by channels shares out its parameters", "[split]") {
  const Model model = conv_model("Conv", {2, 3, 5, 5}, {5, 3, 3, 3}, {}, 5);
  const Model parts = split(model, "conv=channels:2");
  CHECK(text_of(parts) ==
        "conv.weights Split(w) -> conv.weights1 conv.weights2\n"
        "conv.bias Split(b) -> conv.bias1 conv.bias2\n"
        "conv.part1 Conv(x, conv.weights1, conv.bias1) -> conv.part1\n"
        "conv.part2 Conv(x, conv.weights2, conv.bias2) -> conv.part2\n"
        "conv Concat(conv.part1, conv.part2) -> y\n"
        "after Relu(y) -> z\n");
  CHECK(parts.nodes[0].attributes.get_ints("split", {}) == Ints{2, 3});
  CHECK(parts.parameters == model.parameters);
  CHECK(type_of_z(parts) == type_of_z(model));
}

TEST_CASE("a convolution split by rows reads rows with a halo", "[split]") {
  const Model model = conv_model("Conv", {1, 2, 8, 6}, {3, 2, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}});
  const Model parts = split(model, "conv=rows:2");
  CHECK(text_of(parts) ==
        "conv.rows1 Slice(x) -> conv.rows1\n"
        "conv.part1 Conv(conv.rows1, w) -> conv.part1\n"
        "conv.rows2 Slice(x) -> conv.rows2\n"
        "conv.part2 Conv(conv.rows2, w) -> conv.part2\n"
        "conv Concat(conv.part1, conv.part2) -> y\n"
        "after Relu(y) -> z\n");
  // Outputs 0 … 3 see rows −1 … 4, outputs 4 … 7 rows 3 … 8.
  CHECK(parts.nodes[0].attributes.get_ints("ends", {}) == Ints{5});
  CHECK(parts.nodes[1].attributes.get_ints("pads", {}) == Ints{1, 1, 0, 1});
  CHECK(parts.nodes[2].attributes.get_ints("starts", {}) == Ints{3});
  CHECK(parts.nodes[3].attributes.get_ints("pads", {}) == Ints{0, 1, 1, 1});
  CHECK(type_of_z(parts) == type_of_z(model));
}

TEST_CASE("groups are never cut, and take their inputs along", "[split]") {
  const Model model = conv_model("ConvTranspose", {1, 8, 4}, {8, 3, 2}, {{"group", std::int64_t{4}}});
  const Model parts = split(model, "conv=channels:2");
  CHECK(parts.nodes[1].name == "conv.inputs");
  CHECK(parts.nodes[2].attributes.get_int("group", 0) == 2);
  CHECK(type_of_z(parts) == type_of_z(model));
  CHECK(refusal(model, "conv=channels:3") == "cannot split 'conv' into 3 parts by channels: its 4 groups would be cut");
}

TEST_CASE("what cannot be split is refused", "[split]") {
  const Model model = conv_model("Conv", {1, 2, 6, 6}, {3, 2, 3, 3}, {});
  CHECK(refusal(model, "conv2=rows:2") == "cannot split 'conv2': model 'model' has no such node; did you mean 'conv'?");
  CHECK(refusal(model, "after=rows:2") ==
        "cannot split 'after' into 2 parts by rows: only Conv, ConvTranspose, Gemm and MatMul can be split, not "
        "Relu");
  CHECK(refusal(model, "conv=channels:4") == "cannot split 'conv' into 4 parts by channels: it has 3 output channels");
  CHECK(refusal(model, "conv=rows:5") == "cannot split 'conv' into 5 parts by rows: it has 4 output rows");
  CHECK(refusal(model, "conv=rows:1") == "cannot split 'conv' into 1 parts by rows: at least 2 are needed");
  CHECK(refusal(model, "conv=columns:2") ==
        "cannot split 'conv' into 2 parts by columns: a convolution is split by channels, rows or inputs");
  CHECK(refusal(model, "conv=inputs:3") == "cannot split 'conv' into 3 parts by inputs: it has 2 input channels");
  const std::string form = "a split is written NODE=WAY:PARTS with channels, rows, columns or inputs as the WAY, not ";
  for (const char* text : {"conv", "conv=rows", "conv=heads:2", "conv=rows:two", "=rows:2", "conv=rows:2x"}) {
    CHECK(refusal(model, text) == form + "'" + text + "'");
  }
  const Model padded = conv_model("Conv", {1, 2, 2, 2}, {3, 2, 3, 3}, {{"pads", Ints{4, 1, 4, 1}}});
  CHECK(refusal(padded, "conv=rows:4") ==
        "cannot split 'conv' into 4 parts by rows: part 1 would see nothing but padding");
}

TEST_CASE("heavy convolutions are found", "[split]") {
  const Model model = conv_model("Conv", {1, 2, 32, 32}, {8, 2, 3, 3}, {});
  const std::vector<NodeSplit> splits = splits_of_heavy_nodes(bind_model(model, {}, "m"), {.devices = 3});
  REQUIRE(splits.size() == 1);
  CHECK(splits[0].node == "conv");
  CHECK(splits[0].way == SplitWay::kChannels);
  CHECK(splits[0].parts == 3);
  CHECK(splits_of_heavy_nodes(bind_model(model, {}, "m"), {.devices = 16})[0].way == SplitWay::kRows);
  CHECK(splits_of_heavy_nodes(bind_model(model, {}, "m"), {.devices = 2, .way = SplitWay::kInputs}) ==
        std::vector<NodeSplit>{{"conv", SplitWay::kInputs, 2}});
  CHECK(splits_of_heavy_nodes(bind_model(model, {}, "m"), {.devices = 1}).empty());
  // 8.2 kB of X, 4 · 0.6 kB of W, 28.8 kB of Y.
  CHECK(splits_of_heavy_nodes(bind_model(model, {}, "m"), {.devices = 1, .memory_bytes = 20'000}) ==
        std::vector<NodeSplit>{{"conv", SplitWay::kChannels, 2}});
}

TEST_CASE("a convolution split by inputs is a sum, to which the bias is added once", "[split]") {
  const Model parts = split(conv_model("ConvTranspose", {1, 4, 5}, {4, 3, 2}, {}, 3), "conv=inputs:3");
  CHECK(text_of(parts) ==
        "conv.inputs Split(x) -> conv.inputs1 conv.inputs2 conv.inputs3\n"
        "conv.weights Split(w) -> conv.weights1 conv.weights2 conv.weights3\n"
        "conv.part1 ConvTranspose(conv.inputs1, conv.weights1, b) -> conv.part1\n"
        "conv.part2 ConvTranspose(conv.inputs2, conv.weights2) -> conv.part2\n"
        "conv.part3 ConvTranspose(conv.inputs3, conv.weights3) -> conv.part3\n"
        "conv.sum2 Add(conv.part1, conv.part2) -> conv.sum2\n"
        "conv Add(conv.sum2, conv.part3) -> y\n"
        "after Relu(y) -> z\n");
}

namespace {

// x → up (with bias) → act (elementwise) → down.
Model two_products() {
  Model model;
  model.name = "mlp";
  model.inputs = {{.name = "x", .shape = {{6, ""}, {4, ""}}, .data = "normal"}};
  model.parameters = {{.name = "w1", .shape = {{8, ""}, {4, ""}}, .initializer = {}},
                      {.name = "b1", .shape = {{8, ""}}, .initializer = {}},
                      {.name = "w2", .shape = {{8, ""}, {3, ""}}, .initializer = {}}};
  ModelNode up = node("up", "Gemm", {"x", "w1", "b1"}, "up");
  up.attributes = {{"transB", std::int64_t{1}}};
  model.nodes = {up, node("act", "Gelu", {"up"}, "act"), node("down", "MatMul", {"act", "w2"}, "z")};
  return model;
}

}  // namespace

TEST_CASE("columns, then inputs: what is between stays in parts", "[split]") {
  const std::vector<NodeSplit> splits = {parse_node_split("up=columns:2"), parse_node_split("down=inputs:2")};
  CHECK(tensor_parallel_splits(bind_model(two_products(), {}, "m"), 2) == splits);
  const Model parts = model_in_parts(two_products(), splits, "m");
  CHECK(text_of(parts) ==
        "up.part1 Gemm(x, up.weights1, up.bias1) -> up.part1\n"
        "up.part2 Gemm(x, up.weights2, up.bias2) -> up.part2\n"
        "act.part1 Gelu(up.part1) -> act.part1\n"
        "act.part2 Gelu(up.part2) -> act.part2\n"
        "down.part1 MatMul(act.part1, down.weights1) -> down.part1\n"
        "down.part2 MatMul(act.part2, down.weights2) -> down.part2\n"
        "down Add(down.part1, down.part2) -> z\n");
  CHECK(type_of_z(parts) == type_of_z(two_products()));
  REQUIRE(parts.parameters.size() == 6);
  CHECK(parts.parameters[1].name == "up.weights2");
  CHECK(parts.parameters[1].shard == ParameterShard{.of = "w1", .whole = {8, 4}, .axis = 0, .begin = 4});
  CHECK(parts.parameters[4].shard == ParameterShard{.of = "w2", .whole = {8, 3}, .axis = 0, .begin = 0});
}

TEST_CASE("what others read is put together", "[split]") {
  Model model = two_products();
  model.nodes.push_back(node("norm", "ReduceMean", {"act"}, "mean"));  // reads act as a whole
  const Graph graph = bind_model(model, {}, "m");
  CHECK(tensor_parallel_splits(graph, 2).empty());
  const std::vector<NodeSplit> splits = {parse_node_split("up=columns:2"), parse_node_split("down=inputs:2")};
  const Model parts = split_nodes(model, splits, "m");
  const Graph bound = bind_model(parts, {}, "m");
  CHECK(bound.find_node("up").has_value());
  CHECK(bound.find_node("act").has_value());
  CHECK(bound.find_node("down.inputs").has_value());
}

TEST_CASE("parameters that others read stay whole", "[split]") {
  Model model = two_products();
  model.nodes.push_back(node("sum", "ReduceSum", {"w2"}, "s"));
  const std::vector<NodeSplit> splits = {parse_node_split("down=columns:3")};
  const Model parts = model_in_parts(model, splits, "m");
  CHECK(parts.parameters == model.parameters);
  CHECK(bind_model(parts, {}, "m").find_node("down.weights").has_value());
}

TEST_CASE("a node is split once, and not where its cost was measured", "[split]") {
  Model model = two_products();
  const std::vector<NodeSplit> twice = {parse_node_split("up=columns:2"), parse_node_split("up=inputs:2")};
  CHECK_THROWS_AS(split_nodes(model, twice, "m"), UsageError);
  CHECK(refusal(model, "up=rows:2") ==
        "cannot split 'up' into 2 parts by rows: a product is split by columns or inputs");
  CHECK(refusal(model, "up=columns:2000") == "cannot split 'up' into 2000 parts by columns: at most 1024 are possible");
  model.nodes[0].cost = MeasuredCost{.forward_s = 1.0, .output_bytes = {}};
  CHECK(refusal(model, "up=columns:2") ==
        "cannot split 'up' into 2 parts by columns: its costs were measured of the whole");
}

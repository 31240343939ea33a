// Convolutions cut into parts: the rewritten model as text, and what is refused.
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
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
  CHECK(refusal(model, "conv2=rows:2") == "cannot split 'conv2': model 'model' has no such node");
  CHECK(refusal(model, "after=rows:2") ==
        "cannot split 'after' into 2 parts by rows: only Conv and ConvTranspose can be split, not Relu");
  CHECK(refusal(model, "conv=channels:4") == "cannot split 'conv' into 4 parts by channels: it has 3 output channels");
  CHECK(refusal(model, "conv=rows:5") == "cannot split 'conv' into 5 parts by rows: it has 4 output rows");
  CHECK(refusal(model, "conv=rows:1") == "cannot split 'conv' into 1 parts by rows: at least 2 are needed");
  const std::string form = "a split is written NODE=channels:PARTS or NODE=rows:PARTS, not ";
  for (const char* text : {"conv", "conv=rows", "conv=columns:2", "conv=rows:two", "=rows:2", "conv=rows:2x"}) {
    CHECK(refusal(model, text) == form + "'" + text + "'");
  }
  const Model padded = conv_model("Conv", {1, 2, 2, 2}, {3, 2, 3, 3}, {{"pads", Ints{4, 1, 4, 1}}});
  CHECK(refusal(padded, "conv=rows:4") ==
        "cannot split 'conv' into 4 parts by rows: part 1 would see nothing but padding");
}

TEST_CASE("heavy convolutions are found", "[split]") {
  const Model model = conv_model("Conv", {1, 2, 32, 32}, {8, 2, 3, 3}, {});
  const std::vector<NodeSplit> splits = splits_of_heavy_nodes(bind_model(model, {}, "m"), 3);
  REQUIRE(splits.size() == 1);
  CHECK(splits[0].node == "conv");
  CHECK(splits[0].way == SplitWay::kChannels);
  CHECK(splits[0].parts == 3);
  CHECK(splits_of_heavy_nodes(bind_model(model, {}, "m"), 16)[0].way == SplitWay::kRows);
  CHECK(splits_of_heavy_nodes(bind_model(model, {}, "m"), 1).empty());
}

#include <algorithm>
#include <filesystem>

#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/safetensors.hpp"
#include "lib/graph/builder.hpp"
#include "lib/onnx/to_model.hpp"
#include "lib/onnx/wire.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::onnx {
namespace {

std::string sample(const std::string& name) {
  return mp::test::source_dir() + "/tests/lib/onnx/data/" + name + ".onnx";
}

Model model_of(const std::string& name) { return read_model(sample(name)).model; }

std::vector<std::string> ops_of(const Model& model) {
  std::vector<std::string> ops;
  for (const ModelNode& node : model.nodes) ops.push_back(node.op);
  return ops;
}

const ModelNode& node_of(const Model& model, const std::string& op) {
  const auto found =
      std::find_if(model.nodes.begin(), model.nodes.end(), [&](const ModelNode& n) { return n.op == op; });
  REQUIRE(found != model.nodes.end());
  return *found;
}

const TensorType& type_in(const Graph& graph, const std::string& tensor) {
  return graph.tensor(graph.find_tensor(tensor).value()).type;
}

std::vector<Issue> issues_of(std::string_view bytes, const std::string& path) {
  try {
    const Imported imported = import(bytes, path);
    static_cast<void>(bind_model(imported.model, {}, path));
  } catch (const InputError& error) {
    return error.issues();
  }
  return {};
}

bool is_told(const std::vector<Issue>& issues, const std::string& place, const std::string& message) {
  return std::any_of(issues.begin(), issues.end(), [&](const Issue& issue) {
    return issue.place.find(place) != std::string::npos && issue.message.find(message) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("a classifier from ONNX has its parameters, its batch and its loss", "[onnx]") {
  const Model model = model_of("mlp");
  CHECK(model.name == "mlp");
  CHECK(ops_of(model) == std::vector<std::string>{"Gemm", "Relu", "Gemm", "SoftmaxCrossEntropyLoss"});
  CHECK(model.nodes[0].name == "fc1");
  CHECK(model.nodes[0].attributes.get_int("transB", 0) == 1);
  CHECK(model.loss == "loss");
  REQUIRE(model.inputs.size() == 2);
  CHECK(model.inputs[0].shape == std::vector<Dimension>{{0, "batch"}, {12, ""}});
  CHECK(model.inputs[1].type == DataType::kInt64);
  REQUIRE(model.parameters.size() == 4);
  CHECK(model.parameters[0].trainable);
  CHECK(model.parameters[0].weight_decay);
  CHECK_FALSE(model.parameters[1].weight_decay);
  CHECK(model.parameters[0].initializer.kind == Initializer::Kind::kNormal);
  CHECK(model.parameters[0].initializer.b == Approx(0.1).epsilon(0.2));
  const Graph graph = bind_model(model, {{"batch", 32}}, "mlp");
  CHECK(type_in(graph, "scores").shape == Shape{32, 5});
  CHECK(parse_model(to_json(model), "again") == model);
}

TEST_CASE("constant inputs of today's ONNX become attributes", "[onnx]") {
  const Model model = model_of("forms");
  const Graph graph = bind_model(model, {{"batch", 3}}, "forms");
  CHECK(node_of(model, "Unsqueeze").attributes.get_ints("axes", {}) == std::vector<std::int64_t>{1});
  CHECK(node_of(model, "Reshape").attributes.get_ints("shape", {}) == std::vector<std::int64_t>{0, -1});
  CHECK(node_of(model, "Slice").attributes.get_ints("ends", {}) == std::vector<std::int64_t>{100});
  CHECK(node_of(model, "Pad").attributes.get_float("value", 0.0) == 0.5);
  CHECK(node_of(model, "Split").attributes.get_ints("split", {}) == std::vector<std::int64_t>{3, 4});
  CHECK(node_of(model, "Dropout").attributes.get_float("ratio", 0.0) == 0.25);
  CHECK(node_of(model, "Dropout").outputs == std::vector<std::string>{"d"});
  CHECK(node_of(model, "Cast").attributes.get_string("to", "") == "float32");
  CHECK(std::count_if(model.nodes.begin(), model.nodes.end(), [](const ModelNode& n) { return n.op == "Add"; }) == 2);
  CHECK(model.parameters.empty());
  CHECK(type_in(graph, "m").shape == Shape{3});
  CHECK(type_in(graph, "y").shape == Shape{3, 4});
  CHECK(model.dimensions == Bindings{{"batch", 1}});  // named N there
}

TEST_CASE("shapes computed from shapes are folded, whatever the batch", "[onnx]") {
  const Model model = model_of("shapes");
  CHECK(ops_of(model) == std::vector<std::string>{"Reshape", "Transpose", "Reshape"});
  CHECK(model.parameters.empty());
  CHECK(model.nodes[0].attributes.get_ints("shape", {}) == std::vector<std::int64_t>{0, 4, 2, 4});
  CHECK(model.nodes[2].attributes.get_ints("shape", {}) == std::vector<std::int64_t>{0, 4, -1});
  const Graph graph = bind_model(model, {{"batch", 5}}, "shapes");
  CHECK(type_in(graph, "y").shape == Shape{5, 4, 8});
}

TEST_CASE("shapes that the file does not say are learnt from the nodes before", "[onnx]") {
  const Model model = model_of("learned");
  const std::vector<std::string> ops = ops_of(model);
  CHECK(std::count(ops.begin(), ops.end(), "Reshape") == 17);
  CHECK(std::count(ops.begin(), ops.end(), "Shape") == 0);
  const Graph graph = bind_model(model, {{"batch", 5}}, "learned");  // every Reshape has the size of what it reads
  CHECK(type_in(graph, "pool.again").shape == Shape{5, 4, 4, 4});
  CHECK(type_in(graph, "up.again").shape == Shape{5, 2, 8, 8});
  CHECK(type_in(graph, "sliced.again").shape == Shape{5, 4, 7, 5});
  CHECK(type_in(graph, "sequence.again").shape == Shape{7, 1, 5, 4});
  CHECK(type_in(graph, "picked.again").shape == Shape{2, 1, 4});
}

TEST_CASE("initial states of zeros are left out, and images resized by constants", "[onnx]") {
  const Model model = model_of("states");
  CHECK(ops_of(model) == std::vector<std::string>{"Resize", "Reshape", "Resize", "LSTM"});
  CHECK(node_of(model, "LSTM").inputs == std::vector<std::string>{"x", "w", "r"});
  const Graph graph = bind_model(model, {{"batch", 5}}, "states");
  CHECK(type_in(graph, "large").shape == Shape{2, 3, 12, 18});
  CHECK(type_in(graph, "small").shape == Shape{2, 3, 5, 7});
  CHECK(type_in(graph, "y").shape == Shape{7, 1, 5, 4});
}

TEST_CASE("a dimension may be fixed while importing, by the name that the model would have", "[onnx]") {
  const std::string path = sample("forms");  // whose batch is called N
  const std::string bytes = mp::read_file(path);
  const Model model = import(bytes, path, {{"batch", 3}}).model;
  CHECK(model.dimensions.empty());
  CHECK(model.inputs[0].shape == std::vector<Dimension>{{3, ""}, {6, ""}});
  CHECK(type_in(bind_model(model, {}, "forms"), "y").shape == Shape{3, 4});
  CHECK(import(bytes, path, {{"N", 3}}).model == model);
  CHECK_THROWS_AS(import(bytes, path, {{"M", 3}}), InputError);
}

TEST_CASE("what PyTorch computes of shapes for padding, resizing and expanding is folded", "[onnx]") {
  const Model model = model_of("resized");
  CHECK(ops_of(model) ==
        std::vector<std::string>{"Conv", "Pad", "Resize", "Resize", "Expand", "Expand", "Sub", "Mul", "ReduceMean"});
  CHECK(model.nodes[1].attributes.get_ints("pads", {}) == std::vector<std::int64_t>{0, 0, 2, 0, 0, 0, 0, 1});
  CHECK(model.nodes[2].attributes.get_string("coordinate_transformation_mode", "") == "asymmetric");
  CHECK(model.nodes[4].attributes.get_ints("shape", {}) == std::vector<std::int64_t>{1, 2, 4, 1});
  CHECK(model.nodes[5].attributes.get_ints("shape", {}) == std::vector<std::int64_t>{3, 2, 4, 3});
  CHECK(model.parameters.size() == 2);  // k and t
  const Graph graph = bind_model(model, {}, "resized");
  CHECK(type_in(graph, "up").shape == Shape{3, 1, 10, 7});
  CHECK(type_in(graph, "small").shape == Shape{3, 1, 1, 3});
  CHECK(type_in(graph, "y").shape.empty());
}

TEST_CASE("Upsample is Resize as it was before opset 11", "[onnx]") {
  const Model model = model_of("upsample");
  CHECK(ops_of(model) == std::vector<std::string>{"Resize"});
  CHECK(model.nodes[0].attributes.get_string("coordinate_transformation_mode", "") == "asymmetric");
  CHECK(model.nodes[0].attributes.get_string("nearest_mode", "") == "floor");
  CHECK(type_in(bind_model(model, {{"batch", 4}}, "upsample"), "y").shape == Shape{4, 2, 6, 9});
}

TEST_CASE("convolutions, running statistics and float16 weights come over", "[onnx]") {
  const Model model = model_of("convnet");
  const Graph graph = bind_model(model, {}, "convnet");
  CHECK(type_in(graph, "y").shape == Shape{8, 3});
  REQUIRE(model.inputs.size() == 1);  // initializers stand among the inputs of old files
  std::vector<std::string> frozen;
  for (const ModelParameter& parameter : model.parameters)
    if (!parameter.trainable) frozen.push_back(parameter.name);
  CHECK(frozen == std::vector<std::string>{"mean", "var"});
  CHECK(model.description.find("float16 became float32") != std::string::npos);
  const auto var =
      std::find_if(model.parameters.begin(), model.parameters.end(), [](const auto& p) { return p.name == "var"; });
  CHECK(var->initializer == Initializer{Initializer::Kind::kConstant, 1.0, 0.0});
}

TEST_CASE("what ONNX has and we have not is told with the node and a remedy", "[onnx]") {
  const std::string bytes = mp::read_file(sample("unknown"));
  const std::vector<Issue> issues = issues_of(bytes, sample("unknown"));
  CHECK(is_told(issues, "node 'hard' (Hardmax)", "there is no operator 'Hardmax' here"));
  CHECK(is_told(issues, "node 'hard' (Hardmax)", "docs/operators.md"));
  CHECK(is_told(issues, "node 'branch' (If)", "is a graph"));
  CHECK(is_told(issues_of("hello, world", "hello"), "byte", "no ONNX model"));
  CHECK(is_told(issues_of("", "empty"), "byte 0", "no graph"));
}

TEST_CASE("values are written as they are, also those that lie beside the model", "[onnx]") {
  const std::string folder = (std::filesystem::temp_directory_path() / "mp-onnx-test").string();
  std::filesystem::create_directories(folder);
  const std::string weights = folder + "/weights.safetensors";
  for (const std::string name : {"mlp", "external"}) {
    const std::string bytes = mp::read_file(sample(name));
    const Imported imported = import(bytes, sample(name));
    write_values(imported, sample(name), weights);
    const SafetensorsFile file(weights);
    CHECK(file.tensors().size() == imported.model.parameters.size());
    file.verify();
    for (std::size_t i = 0; i < imported.values.size(); ++i) {
      const StoredTensor* stored = file.find(imported.model.parameters[i].name);
      REQUIRE(stored != nullptr);
      std::vector<std::byte> read(static_cast<std::size_t>(stored->size_bytes));
      file.read(*stored, read);
      const std::string_view raw = imported.values[i].raw;
      if (!raw.empty()) CHECK(std::equal(read.begin(), read.end(), std::as_bytes(std::span(raw)).begin()));
    }
  }
  const std::string bytes = mp::read_file(sample("external"));
  CHECK(is_told(issues_of(bytes, folder + "/elsewhere.onnx"), "initializer 'w'", "cannot be read"));
  std::string leaving = bytes;
  leaving.replace(leaving.find("external.data"), 13, "../../../data");
  CHECK(is_told(issues_of(leaving, sample("external")), "initializer 'w'", "own folder"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("no broken ONNX file does more than throw", "[onnx]") {
  for (const std::string name : {"mlp", "forms", "shapes", "convnet", "unknown", "external", "learned", "resized"}) {
    INFO(name);
    const std::string bytes = mp::read_file(sample(name));
    for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 200)
      CHECK_NOTHROW(issues_of(bytes.substr(0, length), sample(name)));
    const RandomStream random(5, "onnx/" + name, 0);
    for (std::uint64_t round = 0; round < 300; ++round) {
      std::string broken = bytes;
      for (std::uint64_t flip = 0; flip <= round % 3; ++flip) {
        const auto at =
            static_cast<std::size_t>(random.uniform(round * 8 + flip * 2) * static_cast<double>(bytes.size()));
        const auto bit = static_cast<unsigned>(random.uniform(round * 8 + flip * 2 + 1) * 8.0);
        broken[at] = static_cast<char>(static_cast<unsigned char>(broken[at]) ^ (1U << bit));
      }
      CHECK_NOTHROW(issues_of(broken, sample(name)));
    }
  }
}

TEST_CASE("protocol buffers: numbers, lengths and ends are checked", "[onnx]") {
  const auto first = [](std::string_view bytes) {
    WireReader reader(bytes);
    WireField field;
    static_cast<void>(reader.next(field));
    return field;
  };
  CHECK(first(std::string_view("\x08\x96\x01", 3)).integer() == 150);
  CHECK(first("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").integer() == -1);
  CHECK(first(std::string_view("\x12\x03"
                               "abc",
                               5))
            .text() == "abc");
  CHECK(first(std::string_view("\x15\x00\x00\x80\x3f", 5)).float32() == 1.0F);
  std::vector<std::int64_t> packed;
  first(std::string_view("\x0a\x03\x01\x96\x01", 5)).append_integers(packed);
  CHECK(packed == std::vector<std::int64_t>{1, 150});
  CHECK_THROWS_AS(first("\x12\x04"
                        "abc"),
                  WireError);                                                             // longer than what is left
  CHECK_THROWS_AS(first("\x08\x96"), WireError);                                          // ends inside a number
  CHECK_THROWS_AS(first("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), WireError);  // eleven bytes
  CHECK_THROWS_AS(first("\x0b\x01"), WireError);                                          // a group
  CHECK_THROWS_AS(first(std::string_view("\x00\x01", 2)), WireError);                     // field 0
  CHECK_THROWS_AS(first(std::string_view("\x08\x01", 2)).text(), WireError);
}

}  // namespace mp::onnx

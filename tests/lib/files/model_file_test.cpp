#include "lib/files/model_file.hpp"

#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/sha256.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using mp::InputError;
using mp::test::message_of;

namespace {

mp::ModelNode plain_node(std::string name, std::string op, std::vector<std::string> inputs) {
  mp::ModelNode node;
  node.outputs = {name};
  node.name = std::move(name);
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  return node;
}

// Every field of the format, none with its default value.
mp::Model everything() {
  mp::Model model;
  model.name = "everything";
  model.description = "Every \"field\".\n";
  model.dimensions = {{"batch", 16}, {"width", 3}};
  model.inputs = {{"x", mp::DataType::kBfloat16, {{0, "batch"}, {10, ""}}, "normal"},
                  {"free", mp::DataType::kInt64, {}, ""}};
  model.parameters = {
      {"a", mp::DataType::kFloat32, {{0, "width"}}, {mp::Initializer::Kind::kNormal, 0.5, 0.02}, true, false},
      {"b", mp::DataType::kFloat32, {{7, ""}}, {mp::Initializer::Kind::kUniform, -0.25, 0.25}, true, true},
      {"c", mp::DataType::kBool, {}, {mp::Initializer::Kind::kConstant, 1.0, 0.0}, false, true}};
  mp::ModelNode node = plain_node("n", "Op", {"x", "", "a"});
  node.outputs = {"y", "", "z"};
  node.attributes = {{"i", std::int64_t{-3}},
                     {"f", 2.0},
                     {"s", std::string("text")},
                     {"is", std::vector<std::int64_t>{1, -1}},
                     {"none", std::vector<std::int64_t>{}},
                     {"fs", std::vector<double>{1.0, 0.5}}};
  node.cost = mp::MeasuredCost{.forward_s = 0.001, .backward_s = 2e-9, .parameter_bytes = 7, .output_bytes = {1, 2}};
  node.colocate = "group";
  node.device = 3;
  model.nodes = {node, plain_node("plain", "Relu", {"y"})};
  model.loss = "plain";
  model.loss_reduction = mp::LossReduction::kSum;
  return model;
}

std::string error_of(const std::string& fields) {
  return message_of<InputError>(
      [&] { static_cast<void>(mp::parse_model(R"({"format": "mp.model/1", "name": "m", )" + fields + "}", "f")); });
}

}  // namespace

TEST_CASE("a model is read back as it was written", "[files]") {
  CHECK(mp::parse_model(mp::to_json(everything()), "f") == everything());
  mp::Model empty;
  empty.name = "empty";
  CHECK(mp::parse_model(mp::to_json(empty), "f") == empty);
}

TEST_CASE("a model file has a line for each input, parameter and node", "[files]") {
  const std::string text = mp::to_json(everything());
  CHECK(text.find(
            "\n    {\"name\": \"x\", \"type\": \"bfloat16\", \"shape\": [\"batch\", 10], \"data\": \"normal\"},\n") !=
        std::string::npos);
  CHECK(text.find("\n    {\"name\": \"plain\", \"op\": \"Relu\", \"inputs\": [\"y\"]}\n") != std::string::npos);
}

TEST_CASE("a model file is read with the digest of its bytes", "[files]") {
  const mp::test::TemporaryFolder folder;
  const std::string text = mp::to_json(everything()) + "\n";
  mp::write_file_atomically(folder.path("m.json"), text);
  const mp::ModelFile file = mp::read_model(folder.path("m.json"));
  CHECK(file.model == everything());
  CHECK(file.sha256 == mp::sha256(text));
}

TEST_CASE("what is left out of a model has its default", "[files]") {
  const mp::Model model = mp::parse_model(R"({"format": "mp.model/1", "name": "m",
    "inputs": [{"name": "x", "shape": [2]}],
    "parameters": [{"name": "p", "shape": [], "initializer": {"normal": {"std": 1}}},
                   {"name": "q", "shape": ["n", 2], "initializer": {"normal": {"std": 1}}},
                   {"name": "r", "shape": [2], "initializer": {"constant": 0}, "weight_decay": true}],
    "nodes": [{"name": "n", "op": "Relu"}]})",
                                          "f");
  CHECK(model.inputs[0].type == mp::DataType::kFloat32);
  CHECK(model.inputs[0].data.empty());
  CHECK(model.parameters[0].trainable);
  CHECK_FALSE(model.parameters[0].weight_decay);  // as biases
  CHECK(model.parameters[1].weight_decay);
  CHECK(model.parameters[2].weight_decay);
  CHECK(mp::parse_model(mp::to_json(model), "f").parameters == model.parameters);
  CHECK(model.parameters[0].initializer == mp::Initializer{mp::Initializer::Kind::kNormal, 0.0, 1.0});
  CHECK(model.nodes[0].outputs == std::vector<std::string>{"n"});
  CHECK(model.loss.empty());
  CHECK(model.loss_reduction == mp::LossReduction::kMean);
}

TEST_CASE("every mistake in a model file has a message", "[files]") {
  CHECK(error_of(R"("nodes": {})") == "f: /nodes: an array is expected here, not an object");
  CHECK(error_of(R"("nodes": [], "lost": "x")") ==
        "f: /lost: unknown key 'lost'; did you mean 'loss'?; known: format, name, description, dimensions, inputs, "
        "parameters, nodes, loss, loss_reduction");
  CHECK(error_of(R"("dimensions": {"batch": 0})") ==
        "f: /dimensions/batch: 0 is too small: 1 or more is expected\nf: \"nodes\" is missing");
  CHECK(error_of(R"("nodes": [], "inputs": [{"name": "", "type": "float16", "shape": [0, "", 1.5, 9e99]}])") ==
        "f: /inputs/0/name: must not be empty\n"
        "f: /inputs/0/type: unknown type 'float16'; did you mean 'bfloat16'?; known: float32, bfloat16, int64, bool, "
        "opaque\n"
        "f: /inputs/0/shape/0: 0 is too small: 1 or more is expected\n"
        "f: /inputs/0/shape/1: must not be empty\n"
        "f: /inputs/0/shape/2: an extent (1 or more) or the name of a dimension is expected here\n"
        "f: /inputs/0/shape/3: an extent (1 or more) or the name of a dimension is expected here");
  CHECK(error_of(R"("nodes": [{"name": "n", "op": "Relu", "attributes": {"a": true, "b": null, "c": [1, "x"]},
                     "device": -1, "cost": {"forward_s": -1}}])") ==
        "f: /nodes/0/attributes/a: an attribute is a number, a string or an array of numbers; for true write 1, for "
        "false 0\n"
        "f: /nodes/0/attributes/b: an attribute is a number, a string or an array of numbers\n"
        "f: /nodes/0/attributes/c/1: a number is expected here, not the string 'x'\n"
        "f: /nodes/0/cost/forward_s: -1 is too small: 0 or more is expected\n"
        "f: /nodes/0/device: -1 is too small: 0 or more is expected");
  CHECK(error_of(R"("nodes": [], "loss_reduction": "men")") ==
        "f: /loss_reduction: unknown loss reduction 'men'; did you mean 'mean'?; known: mean, sum");
}

TEST_CASE("every mistake in an initializer has a message", "[files]") {
  const auto error = [](const std::string& initializer) {
    return error_of(R"("nodes": [], "parameters": [{"name": "p", "shape": [], "initializer": )" + initializer + "}]");
  };
  const std::string place = "f: /parameters/0/initializer";
  CHECK(error("{}") == place + ": exactly one of normal, uniform, constant is expected");
  CHECK(error(R"({"constant": 1, "normal": {"std": 1}})") ==
        place + ": exactly one of normal, uniform, constant is expected");
  CHECK(error(R"({"gauss": 1})") == place + "/gauss: unknown key 'gauss'; known: normal, uniform, constant");
  CHECK(error(R"({"normal": {"std": -1}})") == place + "/normal/std: -1 is too small: 0 or more is expected");
  CHECK(error(R"({"normal": {}})") == place + "/normal: \"std\" is missing");
  CHECK(error("0") == place + ": an object is expected here, not 0");
}

TEST_CASE("initializers keep within what their type holds", "[files]") {
  const auto error = [](const std::string& type, const std::string& initializer) {
    return error_of(R"("nodes": [], "parameters": [{"name": "p", "shape": [], "type": ")" + type +
                    R"(", "initializer": )" + initializer + "}]");
  };
  const std::string place = "f: /parameters/0/initializer";
  CHECK(error("float32", R"({"constant": -1e300})") == place + ": values up to 1e+300 are beyond what float32 holds");
  CHECK(error("int64", R"({"constant": 1e20})") == place + ": values up to 1e+20 are beyond what int64 holds");
  CHECK(error("float32", R"({"normal": {"std": 3e38}})") ==
        place + ": values up to 4.8e+39 are beyond what float32 holds");
  CHECK(error("float32", R"({"uniform": {"low": 0, "high": 4e38}})") ==
        place + ": values up to 4e+38 are beyond what float32 holds");
  CHECK(error("float32", R"({"constant": 3.4e38})") == "(nothing was thrown)");
}

#include "lib/files/model_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "lib/files/atomic_file.hpp"
#include "lib/files/fields.hpp"
#include "lib/files/json.hpp"
#include "lib/files/parallel_option_fields.hpp"
#include "lib/files/sha256.hpp"
#include "lib/onnx/to_model.hpp"

namespace mp {
namespace {

constexpr std::array kTypes = {DataType::kFloat32, DataType::kBfloat16, DataType::kInt64, DataType::kBool,
                               DataType::kOpaque};
constexpr std::array<std::string_view, 2> kReductions = {"mean", "sum"};

DataType read_type(JsonValue value) { return value.present() ? value.enumerator("type", kTypes) : DataType::kFloat32; }

std::vector<Dimension> read_shape(JsonValue value) {
  std::vector<Dimension> shape;
  for (const JsonValue item : value.items()) {
    if (item.kind() == JsonKind::kString) {
      shape.push_back({0, item.nonempty_string()});
    } else if (item.kind() == JsonKind::kInteger) {
      shape.push_back({item.integer(1), ""});
    } else {
      item.issue("an extent (1 or more) or the name of a dimension is expected here");
    }
  }
  return shape;
}

Initializer read_initializer(JsonValue value) {
  const JsonObject kinds = value.object({"normal", "uniform", "constant"});
  if (value.kind() != JsonKind::kObject) return {};
  if (value.members().size() != 1) value.issue("exactly one of normal, uniform, constant is expected");
  if (kinds["normal"].present()) {
    const JsonObject normal = kinds["normal"].object({"mean", "std"});
    return {Initializer::Kind::kNormal, normal["mean"].number(), normal.require("std").number_at_least(0.0)};
  }
  if (kinds["uniform"].present()) {
    const JsonObject uniform = kinds["uniform"].object({"low", "high"});
    return {Initializer::Kind::kUniform, uniform.require("low").number(), uniform.require("high").number()};
  }
  return {Initializer::Kind::kConstant, kinds["constant"].number(), 0.0};
}

// Values that the parameter's type cannot hold would be infinite, or undefined, at the first step.
void check_range(JsonValue place, const Initializer& initializer, DataType type) {
  constexpr double kMostDeviations = 16.0;  // what is drawn from a normal distribution keeps well within
  const bool is_normal = initializer.kind == Initializer::Kind::kNormal;
  const double largest = is_normal ? std::abs(initializer.a) + kMostDeviations * initializer.b
                                   : std::max(std::abs(initializer.a), std::abs(initializer.b));
  const double limit = type == DataType::kInt64 ? 0x1p62 : static_cast<double>(std::numeric_limits<float>::max());
  if (!(largest <= limit)) place.issue(fmt::format("values up to {} are beyond what {} holds", largest, name_of(type)));
}

ModelInput read_input(JsonValue value) {
  const JsonObject fields = value.object({"name", "type", "shape", "data"});
  return {.name = fields.require("name").nonempty_string(),
          .type = read_type(fields["type"]),
          .shape = read_shape(fields.require("shape")),
          .data = fields["data"].string()};
}

// Products do; biases and the scales of normalisations, which have one dimension, do not.
bool decays_by_default(const ModelParameter& parameter) { return parameter.shape.size() >= 2; }

ModelParameter read_parameter(JsonValue value) {
  const JsonObject fields = value.object({"name", "type", "shape", "initializer", "trainable", "weight_decay"});
  ModelParameter parameter{.name = fields.require("name").nonempty_string(),
                           .type = read_type(fields["type"]),
                           .shape = read_shape(fields.require("shape")),
                           .initializer = read_initializer(fields.require("initializer")),
                           .trainable = !fields["trainable"].present() || fields["trainable"].boolean(),
                           .weight_decay = true};
  check_range(fields["initializer"], parameter.initializer, parameter.type);
  parameter.weight_decay =
      fields["weight_decay"].present() ? fields["weight_decay"].boolean() : decays_by_default(parameter);
  return parameter;
}

AttributeValue read_numbers(JsonValue value) {
  std::vector<std::int64_t> integers;
  std::vector<double> numbers;
  for (const JsonValue item : value.items()) {
    numbers.push_back(item.number());
    if (item.kind() == JsonKind::kInteger) integers.push_back(item.integer());
  }
  if (integers.size() == numbers.size()) return integers;
  return numbers;
}

Attributes read_attributes(JsonValue value) {
  Attributes attributes;
  for (const auto& [name, attribute] : value.members()) {
    switch (attribute.kind()) {
      case JsonKind::kInteger:
        attributes.set(std::string(name), attribute.integer());
        break;
      case JsonKind::kUnsigned:
      case JsonKind::kNumber:
        attributes.set(std::string(name), attribute.number());
        break;
      case JsonKind::kString:
        attributes.set(std::string(name), attribute.string());
        break;
      case JsonKind::kArray:
        attributes.set(std::string(name), read_numbers(attribute));
        break;
      case JsonKind::kBoolean:
        attribute.issue("an attribute is a number, a string or an array of numbers; for true write 1, for false 0");
        break;
      case JsonKind::kNull:
      case JsonKind::kObject:
        attribute.issue("an attribute is a number, a string or an array of numbers");
        break;
    }
  }
  return attributes;
}

// {"cpu": 0.25, "gpu": null}: null where the node cannot run.
std::map<std::string, double, std::less<>> read_seconds_by_type(JsonValue value) {
  std::map<std::string, double, std::less<>> seconds;
  for (const auto& [type, number] : value.members()) {
    const bool never = number.kind() == JsonKind::kNull;
    seconds.emplace(type, never ? std::numeric_limits<double>::infinity() : number.number_at_least(0.0));
  }
  return seconds;
}

MeasuredCost read_cost(JsonValue value) {
  const JsonObject fields = value.object(
      {"forward_s", "backward_s", "parameter_bytes", "output_bytes", "forward_s_by_type", "output_transfer_s"});
  MeasuredCost cost{.forward_s = fields.require("forward_s").number_at_least(0.0),
                    .backward_s = fields["backward_s"].number_at_least(0.0),
                    .parameter_bytes = fields["parameter_bytes"].integer(0),
                    .output_bytes = fields["output_bytes"].integers(0),
                    .forward_s_by_type = read_seconds_by_type(fields["forward_s_by_type"])};
  for (const JsonValue item : fields["output_transfer_s"].items()) {
    cost.output_transfer_s.push_back(item.number_at_least(0.0));
  }
  return cost;
}

ModelNode read_node(JsonValue value) {
  const JsonObject fields = value.object(
      {"name", "op", "inputs", "outputs", "attributes", "cost", "colocate", "device", "backward", "parallel_options"});
  ModelNode node;
  node.name = fields.require("name").nonempty_string();
  node.op = fields.require("op").nonempty_string();
  node.inputs = fields["inputs"].strings();
  node.outputs = fields["outputs"].present() ? fields["outputs"].strings() : std::vector<std::string>{node.name};
  node.attributes = read_attributes(fields["attributes"]);
  if (fields["cost"].present()) node.cost = read_cost(fields["cost"]);
  node.colocate = fields["colocate"].string();
  if (fields["device"].present()) node.device = fields["device"].integer(0);
  node.backward = fields["backward"].boolean();
  node.parallel_options = read_parallel_options(fields["parallel_options"], node);
  return node;
}

constexpr auto kInline = JsonWriter::Layout::kInline;

void write_type(JsonWriter& writer, DataType type, const std::vector<Dimension>& shape) {
  writer.member("type", name_of(type)).key("shape").begin_array(kInline);
  for (const Dimension& dimension : shape) {
    if (dimension.name.empty()) {
      writer.value(dimension.extent);
    } else {
      writer.value(dimension.name);
    }
  }
  writer.end();
}

void write_initializer(JsonWriter& writer, const Initializer& initializer) {
  writer.begin_object(kInline);
  switch (initializer.kind) {
    case Initializer::Kind::kNormal:
      writer.key("normal").begin_object().member("mean", initializer.a).member("std", initializer.b).end();
      break;
    case Initializer::Kind::kUniform:
      writer.key("uniform").begin_object().member("low", initializer.a).member("high", initializer.b).end();
      break;
    case Initializer::Kind::kConstant:
      writer.member("constant", initializer.a);
      break;
  }
  writer.end();
}

void write_attribute(JsonWriter& writer, const AttributeValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) writer.value(*integer);
  if (const auto* number = std::get_if<double>(&value)) writer.value(*number);
  if (const auto* text = std::get_if<std::string>(&value)) writer.value(*text);
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) writer.values(*integers);
  if (const auto* numbers = std::get_if<std::vector<double>>(&value)) writer.values(*numbers);
}

void write_cost(JsonWriter& writer, const MeasuredCost& cost) {
  writer.begin_object(kInline).member("forward_s", cost.forward_s).member("backward_s", cost.backward_s);
  if (cost.parameter_bytes != 0) writer.member("parameter_bytes", cost.parameter_bytes);
  if (!cost.output_bytes.empty()) writer.key("output_bytes").values(cost.output_bytes);
  if (!cost.forward_s_by_type.empty()) {
    writer.key("forward_s_by_type").begin_object();
    for (const auto& [type, seconds] : cost.forward_s_by_type) {
      writer.key(type);
      if (std::isfinite(seconds)) {
        writer.value(seconds);
      } else {
        writer.null();
      }
    }
    writer.end();
  }
  if (!cost.output_transfer_s.empty()) writer.key("output_transfer_s").values(cost.output_transfer_s);
  writer.end();
}

void write_node(JsonWriter& writer, const ModelNode& node) {
  writer.begin_object(kInline).member("name", node.name).member("op", node.op).key("inputs").values(node.inputs);
  if (node.outputs != std::vector<std::string>{node.name}) writer.key("outputs").values(node.outputs);
  if (!node.attributes.values().empty()) {
    writer.key("attributes").begin_object();
    for (const auto& [name, value] : node.attributes.values()) write_attribute(writer.key(name), value);
    writer.end();
  }
  if (node.cost) write_cost(writer.key("cost"), *node.cost);
  if (!node.colocate.empty()) writer.member("colocate", node.colocate);
  if (node.device) writer.member("device", *node.device);
  if (node.backward) writer.member("backward", true);
  write_parallel_options(writer, node.parallel_options);
  writer.end();
}

void write_inputs_and_parameters(JsonWriter& writer, const Model& model) {
  writer.key("inputs").begin_array();
  for (const ModelInput& input : model.inputs) {
    writer.begin_object(kInline).member("name", input.name);
    write_type(writer, input.type, input.shape);
    if (!input.data.empty()) writer.member("data", input.data);
    writer.end();
  }
  writer.end().key("parameters").begin_array();
  for (const ModelParameter& parameter : model.parameters) {
    writer.begin_object(kInline).member("name", parameter.name);
    write_type(writer, parameter.type, parameter.shape);
    write_initializer(writer.key("initializer"), parameter.initializer);
    if (!parameter.trainable) writer.member("trainable", false);
    if (!parameter.weight_decay || !decays_by_default(parameter)) {
      writer.member("weight_decay", parameter.weight_decay);
    }
    writer.end();
  }
  writer.end();
}

}  // namespace

ModelFile read_model(const std::string& path) {
  const bool is_onnx = path.ends_with(".onnx");
  const std::string bytes = read_file(path, is_onnx ? onnx::kMaxFileBytes : kMaxTextFileBytes);
  return {is_onnx ? onnx::import(bytes, path).model : parse_model(bytes, path), sha256(bytes)};
}

Model parse_model(std::string_view text, const std::string& source) {
  JsonDocument document(text, source);
  document.require_format(kModelFormat);
  const JsonObject root = document.root().object(
      {"format", "name", "description", "dimensions", "inputs", "parameters", "nodes", "loss", "loss_reduction"});
  Model model;
  model.name = root.require("name").nonempty_string();
  model.description = root["description"].string();
  model.dimensions = read_bindings(root["dimensions"]);
  for (const JsonValue input : root["inputs"].items()) model.inputs.push_back(read_input(input));
  for (const JsonValue parameter : root["parameters"].items()) model.parameters.push_back(read_parameter(parameter));
  for (const JsonValue node : root.require("nodes").items()) model.nodes.push_back(read_node(node));
  model.loss = root["loss"].string();
  const bool is_sum = root["loss_reduction"].choice("loss reduction", std::span(kReductions)) == 1;
  model.loss_reduction = is_sum ? LossReduction::kSum : LossReduction::kMean;
  document.finish();
  return model;
}

std::string to_json(const Model& model) {
  JsonWriter writer;
  writer.begin_object().member("format", kModelFormat).member("name", model.name);
  if (!model.description.empty()) writer.member("description", model.description);
  write_bindings(writer.key("dimensions"), model.dimensions);
  write_inputs_and_parameters(writer, model);
  writer.key("nodes").begin_array();
  for (const ModelNode& node : model.nodes) write_node(writer, node);
  writer.end();
  if (!model.loss.empty()) {
    writer.member("loss", model.loss);
    writer.member("loss_reduction", kReductions[model.loss_reduction == LossReduction::kSum ? 1 : 0]);
  }
  writer.end();
  return std::move(writer).take();
}

}  // namespace mp

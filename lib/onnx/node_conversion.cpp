#include "lib/onnx/node_conversion.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/operators/operator.hpp"

namespace mp::onnx {
namespace {

class Converter {
 public:
  Converter(const Node& node, const Constants& constants, std::int64_t opset)
      : node_(node), constants_(constants), opset_(opset) {
    result_.name = node.name;
    result_.op = node.op;
    result_.inputs = node.inputs;
    result_.outputs = node.outputs;
  }

  void copy_attributes();
  void apply_rule();
  void reshape();
  void slice();
  void pad();
  void dropout();
  void cast();
  void sum();
  // Input `i`, where there is one, becomes the attribute `name`, a list of integers.
  void fold(std::size_t i, std::string_view name);
  void fold_axes_of_reduction();
  void batch_normalization();
  void old_softmax();
  void resize();
  void recurrent();

  const Node& node_;
  const Constants& constants_;
  const std::int64_t opset_;
  ModelNode result_;
  std::vector<ModelNode> more_;  // after result_
  std::vector<std::string> problems_;

 private:
  [[nodiscard]] bool has_input(std::size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
  [[nodiscard]] std::optional<std::vector<std::int64_t>> constant_input(std::size_t i, std::string_view name);
  void keep_inputs(std::size_t n) { result_.inputs.resize(std::min(n, result_.inputs.size())); }
  void problem(std::string text) { problems_.push_back(std::move(text)); }
};

// Attributes without effect at these values, which our operators do not have; none: at any value.
bool is_without_effect(const Attribute& attribute) {
  static const std::map<std::string_view, std::optional<std::int64_t>> kNeutral = {{"storage_order", 0},
                                                                                   {"allowzero", {}},
                                                                                   {"spatial", 1},
                                                                                   {"saturate", 1},
                                                                                   {"num_outputs", {}},
                                                                                   {"seed", {}},
                                                                                   {"consumed_inputs", {}},
                                                                                   {"noop_with_empty_axes", 0},
                                                                                   {"antialias", 0},
                                                                                   {"exclude_outside", 0},
                                                                                   {"cubic_coeff_a", {}},
                                                                                   {"extrapolation_value", {}},
                                                                                   {"qk_matmul_output_mode", 0},
                                                                                   {"is_test", {}},
                                                                                   {"round_mode", {}}};
  if (attribute.name == "auto_pad" && (attribute.text == "NOTSET" || attribute.text == "VALID")) return true;
  if (attribute.name == "keep_aspect_ratio_policy" && attribute.text == "stretch") return true;
  if (attribute.name == "softcap" && attribute.number == 0.0) return true;
  const auto found = kNeutral.find(attribute.name);
  return found != kNeutral.end() && (!found->second || attribute.integer == found->second);
}

// So that ⌊from · scale⌋ is `to`, whatever the rounding.
double scale_to(std::int64_t from, std::int64_t to) {
  double scale = static_cast<double>(to) / static_cast<double>(from);
  while (std::floor(static_cast<double>(from) * scale) < static_cast<double>(to))
    scale = std::nextafter(scale, 2.0 * scale);
  return scale;
}

void Converter::copy_attributes() {
  for (const Attribute& attribute : node_.attributes) {
    if (is_without_effect(attribute)) continue;
    if (attribute.has_graph) {
      problem(fmt::format("its attribute {} is a graph; models with branches or loops inside are not known here",
                          quoted(attribute.name)));
    } else if (attribute.has_others || attribute.tensor || !attribute.texts.empty()) {
      problem(fmt::format("its attribute {} is of a kind that no operator here has", quoted(attribute.name)));
    } else if (attribute.text) {
      result_.attributes.set(attribute.name, *attribute.text);
    } else if (!attribute.integers.empty() || attribute.type == 7) {
      result_.attributes.set(attribute.name, attribute.integers);
    } else if (!attribute.numbers.empty() || attribute.type == 6) {
      result_.attributes.set(attribute.name, attribute.numbers);
    } else if (attribute.type == 2 || (attribute.integer && attribute.type != 1)) {
      result_.attributes.set(attribute.name, attribute.integer.value_or(0));  // writers may leave zeros out
    } else {
      result_.attributes.set(attribute.name, attribute.number.value_or(0.0));
    }
  }
}

std::optional<std::vector<std::int64_t>> Converter::constant_input(std::size_t i, std::string_view name) {
  const IntegerConstant* constant = constants_.integers(node_.inputs[i]);
  std::vector<std::int64_t> values;
  if (constant != nullptr) {
    for (const Dimension& value : constant->values) {
      if (!value.name.empty()) {
        problem(fmt::format("its input {} depends on the dimension {}; fix it: mpplan import --bind {}=N", quoted(name),
                            quoted(value.name), value.name));
        return std::nullopt;
      }
      values.push_back(value.extent);
    }
    return values;
  }
  problem(fmt::format(
      "its input {} ({}) is computed while the model runs; it must be a constant: fold the constants of "
      "the file first (onnx.shape_inference, onnxsim), or fix what its shapes depend on (mpplan import --bind NAME=N)",
      quoted(name), quoted(node_.inputs[i])));
  return std::nullopt;
}

void Converter::fold(std::size_t i, std::string_view name) {
  if (!has_input(i)) return;
  if (auto values = constant_input(i, name)) result_.attributes.set(std::string(name), *std::move(values));
}

void Converter::fold_axes_of_reduction() {
  const Attribute* noop = node_.find("noop_with_empty_axes");
  fold(1, "axes");
  keep_inputs(1);
  const bool has_axes = !result_.attributes.get_ints("axes", {}).empty();
  if (noop == nullptr || noop->integer != 1 || has_axes) return;
  result_.op = "Identity";
  result_.attributes = {};
}

// An extent that is a dimension's name is that of the input at the same place (0), or worked out (−1).
void Converter::reshape() {
  if (!has_input(1)) return;  // opset 1: an attribute already
  const IntegerConstant* target = constants_.integers(node_.inputs[1]);
  if (target == nullptr) {
    static_cast<void>(constant_input(1, "shape"));
    return;
  }
  const std::vector<Dimension>* source = constants_.shape(node_.inputs[0]);
  std::vector<std::int64_t> shape;
  std::size_t open = 0;
  for (std::size_t i = 0; i < target->values.size(); ++i) {
    const Dimension& value = target->values[i];
    const bool is_same = source != nullptr && i < source->size() && (*source)[i] == value;
    shape.push_back(value.name.empty() ? value.extent : is_same ? 0 : -1);
    open += shape.back() == -1 ? 1U : 0U;
  }
  const Attribute* allow_zero = node_.find("allowzero");
  const bool has_zero = std::count(target->values.begin(), target->values.end(), Dimension{}) > 0;
  if (allow_zero != nullptr && allow_zero->integer == 1 && has_zero)
    problem("allowzero=1 with a 0 in the shape makes an empty tensor, which no operator here takes");
  if (open > 1)
    problem("more than one extent of its shape depends on named dimensions; fix them: mpplan import --bind NAME=N");
  result_.attributes.set("shape", std::move(shape));
  keep_inputs(1);
}

void Converter::slice() {
  fold(1, "starts");
  fold(2, "ends");
  fold(3, "axes");
  fold(4, "steps");
  keep_inputs(1);
}

void Converter::pad() {
  fold(1, "pads");
  if (has_input(2)) {
    const std::optional<double> value = constants_.number(node_.inputs[2]);
    if (value) result_.attributes.set("value", *value);
    if (!value) problem("its input 'constant_value' is computed while the model runs; it must be a constant");
  }
  if (has_input(3)) problem("its input 'axes' is not known here; give pads for all axes");
  keep_inputs(1);
}

void Converter::dropout() {
  if (has_input(1)) {
    const std::optional<double> ratio = constants_.number(node_.inputs[1]);
    if (ratio) result_.attributes.set("ratio", *ratio);
    if (!ratio) problem("its input 'ratio' is computed while the model runs; it must be a constant");
  }
  keep_inputs(1);
}

void Converter::cast() {
  const Attribute* to = node_.find("to");
  const auto type = static_cast<ElementType>(static_cast<std::int32_t>(to != nullptr ? to->integer.value_or(0) : 0));
  const std::optional<DataType> known = type_of(type);
  if (known) result_.attributes.set("to", std::string(mp::name_of(*known)));
  if (!known) problem(fmt::format("it casts to {}, which is no element type here", name_of(type)));
}

void Converter::sum() {
  const std::vector<std::string> inputs = node_.inputs;
  result_.op = inputs.size() == 1 ? "Identity" : "Add";
  keep_inputs(2);
  for (std::size_t i = 2; i < inputs.size(); ++i) {
    ModelNode& before = more_.empty() ? result_ : more_.back();
    const std::string partial = fmt::format("{}/sum{}", node_.outputs[0], i - 1);
    ModelNode next;
    next.name = node_.name;
    next.op = "Add";
    next.inputs = {partial, inputs[i]};
    next.outputs = before.outputs;
    before.outputs = {partial};
    more_.push_back(std::move(next));
  }
}

// Opset 13 and before: outputs for training that have no counterpart; before 14 the mode is told by their number.
void Converter::batch_normalization() {
  if (opset_ < 14 && node_.outputs.size() > 1) result_.attributes.set("training_mode", std::int64_t{1});
}

// Before opset 13 softmax worked on everything from `axis` (1) on at once.
void Converter::old_softmax() {
  if (opset_ >= 13) return;
  const Attribute* axis = node_.find("axis");
  const std::int64_t first = axis != nullptr ? axis->integer.value_or(1) : 1;
  const std::vector<Dimension>* shape = constants_.shape(node_.inputs.empty() ? "" : node_.inputs[0]);
  const auto rank = shape != nullptr ? static_cast<std::int64_t>(shape->size()) : 2;
  if (first != -1 && first != rank - 1)
    problem("before opset 13 this works on several axes at once; convert the file to opset 13 or later");
  result_.attributes.set("axis", std::int64_t{-1});
}

// Inputs: X, a region for cropping, and scales or sizes, of which one is absent or empty. Sizes with a named batch
// become scales. Before opset 11 the coordinates are those that were called asymmetric then; Upsample is the older
// name.
void Converter::resize() {
  result_.op = "Resize";
  if (opset_ < 11) {
    result_.attributes.set("coordinate_transformation_mode", "asymmetric");
    result_.attributes.set("nearest_mode", "floor");
  }
  const std::size_t first = node_.inputs.size() == 2 ? 1 : 2;  // opset 10 knows no region
  std::optional<std::vector<double>> scales = has_input(first) ? constants_.numbers(node_.inputs[first]) : std::nullopt;
  const IntegerConstant* sizes = has_input(3) ? constants_.integers(node_.inputs[3]) : nullptr;
  const std::vector<Dimension>* source = constants_.shape(node_.inputs[0]);
  if (sizes != nullptr && source != nullptr && sizes->values.size() == source->size()) {
    scales.emplace();
    for (std::size_t i = 0; i < source->size(); ++i) {
      const Dimension& from = (*source)[i];
      const Dimension& to = sizes->values[i];
      const bool is_known = from.name.empty() && to.name.empty() && from.extent > 0 && to.extent > 0;
      scales->push_back(from == to ? 1.0 : is_known ? scale_to(from.extent, to.extent) : 0.0);
    }
  }
  if (scales && !scales->empty()) {
    result_.attributes.set("scales", *std::move(scales));
  } else if (has_input(3)) {
    fold(3, "sizes");
  } else if (node_.inputs.size() > 1) {
    problem("its input 'scales' is computed while the model runs; it must be a constant");
  }
  keep_inputs(1);
}

// Initial states of zeros are what there is without them.
void Converter::recurrent() {
  for (std::size_t i = 5; i < std::min<std::size_t>(7, result_.inputs.size()); ++i)
    if (constants_.is_zero(result_.inputs[i])) result_.inputs[i].clear();
}

void Converter::apply_rule() {
  static const std::map<std::string_view, void (*)(Converter&)> kRules = {
      {"BatchNormalization", [](Converter& c) { c.batch_normalization(); }},
      {"Cast", [](Converter& c) { c.cast(); }},
      {"Dropout", [](Converter& c) { c.dropout(); }},
      {"Expand", [](Converter& c) { c.fold(1, "shape"), c.keep_inputs(1); }},
      {"GRU", [](Converter& c) { c.recurrent(); }},
      {"LSTM", [](Converter& c) { c.recurrent(); }},
      {"LogSoftmax", [](Converter& c) { c.old_softmax(); }},
      {"Pad", [](Converter& c) { c.pad(); }},
      {"ReduceMax", [](Converter& c) { c.fold_axes_of_reduction(); }},
      {"ReduceMean", [](Converter& c) { c.fold_axes_of_reduction(); }},
      {"ReduceMin", [](Converter& c) { c.fold_axes_of_reduction(); }},
      {"ReduceSum", [](Converter& c) { c.fold_axes_of_reduction(); }},
      {"Reshape", [](Converter& c) { c.reshape(); }},
      {"Resize", [](Converter& c) { c.resize(); }},
      {"Slice", [](Converter& c) { c.slice(); }},
      {"Softmax", [](Converter& c) { c.old_softmax(); }},
      {"Split", [](Converter& c) { c.fold(1, "split"), c.keep_inputs(1); }},
      {"Squeeze", [](Converter& c) { c.fold(1, "axes"), c.keep_inputs(1); }},
      {"Sum", [](Converter& c) { c.sum(); }},
      {"Unsqueeze", [](Converter& c) { c.fold(1, "axes"), c.keep_inputs(1); }},
      {"Upsample", [](Converter& c) { c.resize(); }},
  };
  const auto rule = kRules.find(node_.op);
  if (rule != kRules.end()) rule->second(*this);
  while (!result_.inputs.empty() && result_.inputs.back().empty()) result_.inputs.pop_back();
}

// Names that ONNX Runtime gives to operators that ONNX has since, or that we have.
std::string own_name(const Node& node) {
  static const std::map<std::string_view, std::string_view> kNames = {
      {"SimplifiedLayerNormalization", "RMSNormalization"}, {"FusedMatMul", "FusedMatMul"}, {"Gelu", "Gelu"}};
  if (node.domain.empty() || node.domain == "ai.onnx") return node.op;
  const auto found = kNames.find(node.op);
  return node.domain == "com.microsoft" && found != kNames.end() ? std::string(found->second)
                                                                 : fmt::format("{}.{}", node.domain, node.op);
}

std::string unknown_operator(const std::string& op) {
  std::vector<std::string_view> names;
  for (const Operator* known : all_operators()) names.push_back(known->name);
  return fmt::format(
      "there is no operator {} here{}; docs/operators.md lists those there are. Export the model so that "
      "it is made of these, or give the planner a profile with measured costs instead",
      quoted(op), did_you_mean(op, names));
}

void drop_unused_outputs(ModelNode& node, const std::function<bool(std::string_view)>& is_used) {
  for (std::string& output : node.outputs)
    if (&output != &node.outputs.front() && !is_used(output)) output.clear();
  if (node.op == "Split") return;  // how many there are says how large they are
  while (node.outputs.size() > 1 && node.outputs.back().empty()) node.outputs.pop_back();
}

}  // namespace

Conversion convert(const Node& node, const Constants& constants, std::int64_t opset,
                   const std::function<bool(std::string_view)>& is_used) {
  Converter converter(node, constants, opset);
  converter.copy_attributes();
  if (node.outputs.empty()) return {.nodes = {}, .problems = {"it has no output"}};
  drop_unused_outputs(converter.result_, is_used);
  converter.result_.op = own_name(node);
  converter.apply_rule();
  const Operator* known = find_operator(converter.result_.op);
  if (known == nullptr || known->is_opaque) converter.problems_.push_back(unknown_operator(own_name(node)));
  Conversion conversion{.nodes = {std::move(converter.result_)}, .problems = std::move(converter.problems_)};
  for (ModelNode& more : converter.more_) conversion.nodes.push_back(std::move(more));
  return conversion;
}

}  // namespace mp::onnx

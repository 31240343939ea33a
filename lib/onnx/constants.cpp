#include "lib/onnx/constants.hpp"

#include <algorithm>
#include <utility>

#include "lib/onnx/shapes.hpp"
#include "lib/onnx/spatial_shapes.hpp"

namespace mp::onnx {
namespace {

bool is_known(const Dimension& value) { return value.name.empty(); }

bool is_integer(ElementType type) { return type_of(type) == DataType::kInt64 || type_of(type) == DataType::kBool; }

}  // namespace

Constants::Constants(const File& file, const std::string& folder, const std::string& source)
    : folder_(folder), source_(source) {
  for (const Tensor& tensor : file.initializers) add_tensor(tensor.name, tensor);
  for (const auto* list : {&file.inputs, &file.values, &file.outputs}) {
    for (const Value& value : *list) {
      if (value.has_shape) shapes_.emplace(value.name, value.shape);
    }
  }
  for (const Tensor& tensor : file.initializers) shapes_.erase(tensor.name);  // their dims are exact
}

void Constants::add_tensor(const std::string& name, const Tensor& tensor) {
  tensors_[name] = &tensor;
  const std::optional<std::int64_t> count = checked_elements(tensor.dims);
  if (!count || *count > IntegerConstant::kMostValues || !type_of(tensor.type)) return;
  if (*count > 1 && !is_integer(tensor.type)) return;
  const Values values(tensor, folder_, source_);
  if (*count == 1) numbers_[name] = values.number(0);
  if (!is_integer(tensor.type)) return;
  IntegerConstant constant{.values = {}, .shape = tensor.dims};
  for (std::int64_t i = 0; i < *count; ++i) constant.values.push_back({values.integer(i), ""});
  integers_[name] = std::move(constant);
}

const IntegerConstant* Constants::integers(std::string_view tensor) const {
  const auto found = integers_.find(tensor);
  return found == integers_.end() ? nullptr : &found->second;
}

std::optional<double> Constants::number(std::string_view tensor) const {
  if (const auto found = numbers_.find(tensor); found != numbers_.end()) return found->second;
  const IntegerConstant* constant = integers(tensor);
  if (constant == nullptr || constant->values.size() != 1 || !is_known(constant->values[0])) return std::nullopt;
  return static_cast<double>(constant->values[0].extent);
}

std::optional<std::vector<double>> Constants::numbers(std::string_view name) const {
  if (const auto found = joined_.find(name); found != joined_.end()) return found->second;
  const Tensor* constant = tensor(name);
  const std::optional<std::int64_t> count = constant != nullptr ? checked_elements(constant->dims) : std::nullopt;
  if (!count || *count > IntegerConstant::kMostValues || !type_of(constant->type)) return std::nullopt;
  const Values values(*constant, folder_, source_);
  std::vector<double> result;
  for (std::int64_t i = 0; i < *count; ++i) result.push_back(values.number(i));
  return result;
}

bool Constants::is_zero(std::string_view name) const {
  return zeros_.find(name) != zeros_.end() || number(name) == 0.0;
}

// Filled with 0, or a part or view of what is.
bool Constants::makes_zeros(const Node& node) const {
  static const std::set<std::string_view> kViews = {"Expand",  "Identity",  "Reshape",  "Slice",
                                                    "Squeeze", "Transpose", "Unsqueeze"};
  if (node.op != "ConstantOfShape") return kViews.contains(node.op) && !node.inputs.empty() && is_zero(node.inputs[0]);
  const Attribute* value = node.find("value");
  if (value == nullptr) return true;
  return value->tensor && checked_elements(value->tensor->dims) == 1 && type_of(value->tensor->type) &&
         Values(*value->tensor, folder_, source_).number(0) == 0.0;
}

const Tensor* Constants::tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : found->second;
}

const std::vector<Dimension>* Constants::shape(std::string_view tensor) const {
  const auto found = shapes_.find(tensor);
  return found == shapes_.end() ? nullptr : &found->second;
}

void Constants::add_constant_node(const Node& node) {
  Tensor tensor;
  for (const Attribute& attribute : node.attributes) {
    if (attribute.tensor) tensor = *attribute.tensor;
    if (attribute.name == "value_int" && attribute.integer) tensor.integers = {*attribute.integer};
    if (attribute.name == "value_ints") tensor.integers = attribute.integers;
    if (attribute.name == "value_float" && attribute.number) tensor.floats = {static_cast<float>(*attribute.number)};
    if (attribute.name == "value_floats")
      for (const double value : attribute.numbers) tensor.floats.push_back(static_cast<float>(value));
    const bool is_list = attribute.name == "value_ints" || attribute.name == "value_floats";
    if (is_list) tensor.dims = {static_cast<std::int64_t>(tensor.integers.size() + tensor.floats.size())};
  }
  if (tensor.type == ElementType::kUndefined && !tensor.integers.empty()) tensor.type = ElementType::kInt64;
  if (tensor.type == ElementType::kUndefined && !tensor.floats.empty()) tensor.type = ElementType::kFloat;
  tensor.name = node.outputs[0];
  const auto [made, is_new] = made_.emplace(node.outputs[0], std::move(tensor));
  if (is_new) add_tensor(node.outputs[0], made->second);
}

bool Constants::evaluate(const Node& node) {
  if (!(node.domain.empty() || node.domain == "ai.onnx")) return false;
  if (node.outputs.size() != 1) {
    learn_shapes(node);
    return false;
  }
  if (node.op == "Constant") {
    add_constant_node(node);
    return tensor(node.outputs[0])->type != ElementType::kUndefined;
  }
  std::optional<IntegerConstant> result = result_of(node);
  if (!result) {
    learn_shapes(node);
    join_numbers(node);
    if (makes_zeros(node)) zeros_.insert(node.outputs[0]);
    return false;
  }
  integers_[node.outputs[0]] = *std::move(result);
  return true;
}

// Scales of a Resize: those of batch and channels, and the others.
void Constants::join_numbers(const Node& node) {
  if (node.op != "Concat") return;
  std::vector<double> joined;
  for (const std::string& input : node.inputs) {
    const std::optional<std::vector<double>> part = numbers(input);
    if (!part || joined.size() + part->size() > static_cast<std::size_t>(IntegerConstant::kMostValues)) return;
    joined.insert(joined.end(), part->begin(), part->end());
  }
  joined_[node.outputs[0]] = std::move(joined);
}

void Constants::learn_shapes(const Node& node) {
  const std::vector<std::optional<Shape>> shapes = result_shapes(node, *this);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i] && !node.outputs[i].empty()) shapes_.emplace(node.outputs[i], *shapes[i]);
  }
}

std::optional<std::vector<Dimension>> Constants::shape_of(std::string_view name) const {
  if (const std::vector<Dimension>* known = shape(name)) return *known;
  const Tensor* given = tensor(name);
  const IntegerConstant* computed = integers(name);
  if (given == nullptr && computed == nullptr) return std::nullopt;
  std::vector<Dimension> dims;
  for (const std::int64_t extent : given != nullptr ? given->dims : computed->shape) dims.push_back({extent, ""});
  return dims;
}

std::optional<IntegerConstant> Constants::result_of(const Node& node) const {
  if (node.op == "Shape") return shape_result(node);
  for (const std::string& input : node.inputs)
    if (!input.empty() && integers(input) == nullptr) return std::nullopt;
  if (node.inputs.empty() || node.inputs[0].empty()) return std::nullopt;
  const IntegerConstant& first = *integers(node.inputs[0]);
  if (node.op == "Identity") return first;
  if (node.op == "Cast") {
    const bool to_integer = is_integer(static_cast<ElementType>(static_cast<std::int32_t>(integer_or(node, "to", 0))));
    return to_integer ? std::optional(first) : std::nullopt;
  }
  if (node.op == "ConstantOfShape") return filled_result(node);
  if (node.op == "Slice") return slice_result(node);
  if (node.op == "Concat") return concat_result(node);
  if (node.op == "Transpose") {
    const Attribute* perm = node.find("perm");
    return transposed(first, perm != nullptr ? perm->integers : std::vector<std::int64_t>{});
  }
  if (node.op == "Unsqueeze" || node.op == "Squeeze") return axes_result(node);
  for (const std::string& input : node.inputs)
    if (input.empty()) return std::nullopt;
  if (node.inputs.size() == 3 && node.op == "Where")
    return chosen(first, *integers(node.inputs[1]), *integers(node.inputs[2]));
  if (node.inputs.size() != 2) return std::nullopt;
  const IntegerConstant& second = *integers(node.inputs[1]);
  if (node.op == "Gather" && integer_or(node, "axis", 0) == 0) return gathered(first, second);
  if (node.op == "Reshape" && integer_or(node, "allowzero", 0) == 0) return reshaped(first, second.values);
  return combined(node.op, first, second);
}

// A scalar made a list, a list of one a scalar: all that exporters do with what shapes are made of.
std::optional<IntegerConstant> Constants::axes_result(const Node& node) const {
  const IntegerConstant& x = *integers(node.inputs[0]);
  if (node.op == "Unsqueeze" && x.is_scalar()) return list_of(x.values);
  if (node.op == "Squeeze" && x.shape.size() == 1 && x.values.size() == 1) return IntegerConstant{x.values, {}};
  return std::nullopt;
}

std::optional<IntegerConstant> Constants::filled_result(const Node& node) const {
  const Attribute* value = node.find("value");
  if (value == nullptr || !value->tensor || !is_integer(value->tensor->type)) return std::nullopt;  // float32 zeros
  if (checked_elements(value->tensor->dims) != 1) return std::nullopt;
  const Values values(*value->tensor, folder_, source_);
  return filled(*integers(node.inputs[0]), values.integer(0));
}

std::optional<IntegerConstant> Constants::shape_result(const Node& node) const {
  if (node.inputs.size() != 1) return std::nullopt;
  const std::optional<std::vector<Dimension>> known = shape_of(node.inputs[0]);
  if (!known) return std::nullopt;
  const std::vector<Dimension>& dims = *known;
  const bool has_unknown =
      std::any_of(dims.begin(), dims.end(), [](const Dimension& d) { return d.name.empty() && d.extent == 0; });
  if (has_unknown) return std::nullopt;
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const std::int64_t start = clamped(integer_or(node, "start", 0));
  const std::int64_t end = std::max(start, clamped(integer_or(node, "end", rank)));
  return list_of({dims.begin() + start, dims.begin() + end});
}

std::optional<IntegerConstant> Constants::slice_result(const Node& node) const {
  if (node.inputs.size() < 3) return std::nullopt;
  const IntegerConstant& x = *integers(node.inputs[0]);
  const auto scalar = [&](std::size_t input, std::int64_t fallback) -> std::optional<std::int64_t> {
    if (input >= node.inputs.size() || node.inputs[input].empty()) return fallback;
    const IntegerConstant& value = *integers(node.inputs[input]);
    return value.values.size() == 1 && is_known(value.values[0]) ? std::optional(value.values[0].extent) : std::nullopt;
  };
  const std::optional<std::int64_t> start = scalar(1, 0);
  const std::optional<std::int64_t> end = scalar(2, 0);
  const std::optional<std::int64_t> axis = scalar(3, 0);
  const std::optional<std::int64_t> step = scalar(4, 1);
  if (!start || !end || !step || (axis != 0 && axis != -static_cast<std::int64_t>(x.shape.size()))) return std::nullopt;
  return sliced(x, *start, *end, *step);
}

std::optional<IntegerConstant> Constants::concat_result(const Node& node) const {
  std::vector<const IntegerConstant*> parts;
  for (const std::string& input : node.inputs) {
    if (input.empty()) return std::nullopt;
    parts.push_back(integers(input));
  }
  return concatenated(parts, integer_or(node, "axis", 0));
}

}  // namespace mp::onnx

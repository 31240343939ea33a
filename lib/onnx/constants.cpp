#include "lib/onnx/constants.hpp"

#include <algorithm>
#include <utility>

#include "lib/onnx/shapes.hpp"
#include "lib/onnx/spatial_shapes.hpp"

namespace mp::onnx {
namespace {

bool is_known(const Dimension& value) { return value.name.empty(); }

bool all_known(const std::vector<Dimension>& values) { return std::all_of(values.begin(), values.end(), is_known); }

bool is_integer(ElementType type) { return type_of(type) == DataType::kInt64 || type_of(type) == DataType::kBool; }

// Two's complement: a model must not make us overflow.
std::optional<std::int64_t> computed(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (op == "Add") return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (op == "Sub") return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (op == "Mul") return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (op == "Mod") return b == 0 || b == -1 ? std::nullopt : std::optional((a % b + b) % b);  // the sign of b
  if (b == 0 || b == -1) return b == 0 ? std::nullopt : computed("Sub", 0, a);
  return a / b;
}

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
  if (!count || *count > kMostValues || !type_of(tensor.type)) return;
  if (*count > 1 && !is_integer(tensor.type)) return;
  const Values values(tensor, folder_, source_);
  if (*count == 1) numbers_[name] = values.number(0);
  if (!is_integer(tensor.type) || tensor.dims.size() > 1) return;
  IntegerConstant constant{.values = {}, .is_scalar = tensor.dims.empty()};
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
  const Tensor* constant = tensor(name);
  const std::optional<std::int64_t> count = constant != nullptr ? checked_elements(constant->dims) : std::nullopt;
  if (!count || *count > kMostValues || !type_of(constant->type)) return std::nullopt;
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
  if (!result || result->values.size() > static_cast<std::size_t>(kMostValues)) {
    learn_shapes(node);
    if (makes_zeros(node)) zeros_.insert(node.outputs[0]);
    return false;
  }
  integers_[node.outputs[0]] = *std::move(result);
  return true;
}

void Constants::learn_shapes(const Node& node) {
  const std::vector<std::optional<Shape>> shapes = result_shapes(node, *this);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i] && !node.outputs[i].empty()) shapes_.emplace(node.outputs[i], *shapes[i]);
  }
}

std::optional<std::vector<Dimension>> Constants::shape_of(std::string_view name) const {
  if (const std::vector<Dimension>* known = shape(name)) return *known;
  const Tensor* constant = tensor(name);
  if (constant == nullptr) return std::nullopt;
  std::vector<Dimension> dims;
  for (const std::int64_t extent : constant->dims) dims.push_back({extent, ""});
  return dims;
}

std::optional<IntegerConstant> Constants::result_of(const Node& node) const {
  if (node.op == "Shape") return shape_result(node);
  for (const std::string& input : node.inputs)
    if (!input.empty() && integers(input) == nullptr) return std::nullopt;
  if (node.inputs.empty()) return std::nullopt;
  IntegerConstant first = *integers(node.inputs[0]);
  if (node.op == "Identity") return first;
  if (node.op == "Cast") {
    const bool to_integer = is_integer(static_cast<ElementType>(static_cast<std::int32_t>(integer_or(node, "to", 0))));
    return to_integer ? std::optional(first) : std::nullopt;
  }
  if (node.op == "Unsqueeze" && first.is_scalar) return IntegerConstant{first.values, false};
  if (node.op == "Squeeze" && first.values.size() == 1) return IntegerConstant{first.values, true};
  if (node.op == "Reshape" && node.inputs.size() == 2) {  // of a list or a number into one of the two
    const std::size_t rank = integers(node.inputs[1])->values.size();
    if (rank == 0 && first.values.size() == 1) return IntegerConstant{first.values, true};
    return rank == 1 ? std::optional(IntegerConstant{first.values, false}) : std::nullopt;
  }
  if (node.op == "Gather") return gather_result(node);
  if (node.op == "Slice") return slice_result(node);
  if (node.op == "Concat") return concat_result(node);
  if (node.op == "Add" || node.op == "Sub" || node.op == "Mul" || node.op == "Div" || node.op == "Mod")
    return arithmetic_result(node);
  return std::nullopt;
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
  return IntegerConstant{{dims.begin() + start, dims.begin() + end}, false};
}

std::optional<IntegerConstant> Constants::gather_result(const Node& node) const {
  const IntegerConstant& data = *integers(node.inputs[0]);
  if (node.inputs.size() != 2 || data.is_scalar || integer_or(node, "axis", 0) != 0) return std::nullopt;
  const IntegerConstant& indices = *integers(node.inputs[1]);
  IntegerConstant result{.values = {}, .is_scalar = indices.is_scalar};
  const auto size = static_cast<std::int64_t>(data.values.size());
  for (const Dimension& index : indices.values) {
    const std::int64_t at = index.extent < 0 ? index.extent + size : index.extent;
    if (!is_known(index) || at < 0 || at >= size) return std::nullopt;
    result.values.push_back(data.values[static_cast<std::size_t>(at)]);
  }
  return result;
}

std::optional<IntegerConstant> Constants::slice_result(const Node& node) const {
  const IntegerConstant& data = *integers(node.inputs[0]);
  if (node.inputs.size() < 3 || data.is_scalar) return std::nullopt;
  const auto scalar = [&](std::size_t input, std::int64_t fallback) -> std::optional<std::int64_t> {
    if (input >= node.inputs.size() || node.inputs[input].empty()) return fallback;
    const IntegerConstant& value = *integers(node.inputs[input]);
    return value.values.size() == 1 && is_known(value.values[0]) ? std::optional(value.values[0].extent) : std::nullopt;
  };
  const auto size = static_cast<std::int64_t>(data.values.size());
  const auto start = scalar(1, 0);
  const auto end = scalar(2, size);
  if (!start || !end || scalar(3, 0) != 0 || scalar(4, 1) != 1) return std::nullopt;
  const auto clamped = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  const std::int64_t from = clamped(*start);
  const std::int64_t to = std::max(from, clamped(*end));
  return IntegerConstant{{data.values.begin() + from, data.values.begin() + to}, false};
}

std::optional<IntegerConstant> Constants::concat_result(const Node& node) const {
  IntegerConstant result;
  for (const std::string& input : node.inputs) {
    const IntegerConstant* part = integers(input);
    if (part == nullptr || part->is_scalar) return std::nullopt;
    if (result.values.size() + part->values.size() > static_cast<std::size_t>(kMostValues)) return std::nullopt;
    result.values.insert(result.values.end(), part->values.begin(), part->values.end());
  }
  return result;
}

std::optional<IntegerConstant> Constants::arithmetic_result(const Node& node) const {
  if (node.inputs.size() != 2) return std::nullopt;
  const IntegerConstant& a = *integers(node.inputs[0]);
  const IntegerConstant& b = *integers(node.inputs[1]);
  const std::size_t size = std::max(a.values.size(), b.values.size());
  const auto fits = [&](const IntegerConstant& c) { return c.values.size() == size || c.values.size() == 1; };
  if (!fits(a) || !fits(b) || !all_known(a.values) || !all_known(b.values)) return std::nullopt;
  IntegerConstant result{.values = {}, .is_scalar = a.is_scalar && b.is_scalar};
  for (std::size_t i = 0; i < size; ++i) {
    const std::optional<std::int64_t> value =
        computed(node.op, a.values[a.values.size() == 1 ? 0 : i].extent, b.values[b.values.size() == 1 ? 0 : i].extent);
    if (!value) return std::nullopt;
    result.values.push_back({*value, ""});
  }
  return result;
}

}  // namespace mp::onnx

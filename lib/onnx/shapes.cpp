#include "lib/onnx/shapes.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "lib/onnx/spatial_shapes.hpp"

namespace mp::onnx {
namespace {

using Result = std::optional<Shape>;
using Extents = std::optional<std::vector<std::int64_t>>;

// An input of the node, where its shape is known.
Result input_shape(const Node& node, const Constants& constants, std::size_t i) {
  return i < node.inputs.size() ? constants.shape_of(node.inputs[i]) : std::nullopt;
}

// From the input `i`, in newer opsets, or else from the attribute.
Extents integers_of(const Node& node, const Constants& constants, std::size_t i, std::string_view attribute) {
  if (const Attribute* found = node.find(attribute)) return found->integers;
  if (i >= node.inputs.size() || node.inputs[i].empty()) return std::nullopt;
  const IntegerConstant* constant = constants.integers(node.inputs[i]);
  if (constant == nullptr) return std::nullopt;
  std::vector<std::int64_t> values;
  for (const Dimension& value : constant->values) {
    if (!value.name.empty()) return std::nullopt;
    values.push_back(value.extent);
  }
  return values;
}

// Negative ones count from the end. Nothing where one is out of range.
Extents places(const std::vector<std::int64_t>& axes, std::size_t rank) {
  std::vector<std::int64_t> result;
  const auto size = static_cast<std::int64_t>(rank);
  for (const std::int64_t axis : axes) {
    if (axis < -size || axis >= size) return std::nullopt;
    result.push_back(axis < 0 ? axis + size : axis);
  }
  return result;
}

std::optional<std::size_t> axis_of(const Node& node, std::int64_t fallback, std::size_t rank) {
  const Extents found = places({integer_or(node, "axis", fallback)}, rank);
  return found ? std::optional(static_cast<std::size_t>(found->front())) : std::nullopt;
}

Dimension broadcast(const Dimension& a, const Dimension& b) {
  const auto is_one = [](const Dimension& d) { return d.name.empty() && d.extent == 1; };
  if (a == b || is_one(b)) return a;
  if (is_one(a)) return b;
  if (is_number(a)) return a;  // larger than 1: the other must be the same
  return is_number(b) ? b : Dimension{};
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape result = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  const std::size_t offset = result.size() - shorter.size();
  for (std::size_t i = 0; i < shorter.size(); ++i) result[offset + i] = broadcast(result[offset + i], shorter[i]);
  return result;
}

Result broadcast_all(const Node& node, const Constants& constants) {
  Result result = Shape{};
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const Result shape = input_shape(node, constants, i);
    if (!shape) return std::nullopt;
    result = broadcast(*result, *shape);
  }
  return result;
}

Result matmul(const Node& node, const Constants& constants) {
  const Result a = input_shape(node, constants, 0);
  const Result b = input_shape(node, constants, 1);
  if (!a || !b || a->size() < 2 || b->size() < 2) return std::nullopt;
  Shape result = broadcast(Shape(a->begin(), a->end() - 2), Shape(b->begin(), b->end() - 2));
  result.push_back((*a)[a->size() - 2]);
  result.push_back(b->back());
  return result;
}

Result gemm(const Node& node, const Constants& constants) {
  const Result a = input_shape(node, constants, 0);
  const Result b = input_shape(node, constants, 1);
  if (!a || !b || a->size() != 2 || b->size() != 2) return std::nullopt;
  return Shape{(*a)[integer_or(node, "transA", 0) != 0 ? 1 : 0], (*b)[integer_or(node, "transB", 0) != 0 ? 0 : 1]};
}

Result transpose(const Node& node, const Constants& constants) {
  const Result input = input_shape(node, constants, 0);
  if (!input) return std::nullopt;
  const Attribute* perm = node.find("perm");
  if (perm == nullptr) return Shape(input->rbegin(), input->rend());
  const Extents from = places(perm->integers, input->size());
  if (!from || from->size() != input->size()) return std::nullopt;
  Shape result;
  for (const std::int64_t axis : *from) result.push_back((*input)[static_cast<std::size_t>(axis)]);
  return result;
}

// A −1 is worked out where all else is a number.
void work_out(Shape& target, const Shape& input) {
  const auto open = std::find_if(target.begin(), target.end(), [](const Dimension& d) { return d.extent == -1; });
  if (open == target.end()) return;
  *open = Dimension{};
  const std::optional<std::int64_t> all = product_of(input);
  *open = {.extent = 1, .name = ""};
  const std::optional<std::int64_t> others = product_of(target);
  *open = all && others && *all % *others == 0 ? Dimension{*all / *others, ""} : Dimension{};
}

Result reshape(const Node& node, const Constants& constants) {
  const IntegerConstant* wanted = node.inputs.size() == 2 ? constants.integers(node.inputs[1]) : nullptr;
  if (wanted == nullptr) return std::nullopt;
  const Result input = input_shape(node, constants, 0);
  Shape result = wanted->values;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (!result[i].name.empty() || result[i].extent != 0) continue;
    if (input && i < input->size()) result[i] = (*input)[i];
  }
  if (input) work_out(result, *input);
  for (Dimension& d : result) d = d.extent < 0 ? Dimension{} : d;
  return result;
}

Result flatten(const Node& node, const Constants& constants) {
  const Result input = input_shape(node, constants, 0);
  const std::optional<std::size_t> axis = input ? axis_of(node, 1, input->size() + 1) : std::nullopt;
  if (!axis) return std::nullopt;
  const auto at = input->begin() + static_cast<std::ptrdiff_t>(*axis);
  const auto together = [](const Shape& part) {
    if (part.size() == 1) return part.front();
    const std::optional<std::int64_t> product = product_of(part);
    return product ? Dimension{*product, ""} : Dimension{};
  };
  return Shape{together(Shape(input->begin(), at)), together(Shape(at, input->end()))};
}

Result gather(const Node& node, const Constants& constants) {
  const Result data = input_shape(node, constants, 0);
  const Result indices = input_shape(node, constants, 1);
  const std::optional<std::size_t> axis = data && indices ? axis_of(node, 0, data->size()) : std::nullopt;
  if (!axis) return std::nullopt;
  Shape result = *data;
  const auto at = result.erase(result.begin() + static_cast<std::ptrdiff_t>(*axis));
  result.insert(at, indices->begin(), indices->end());
  return result;
}

Result concat(const Node& node, const Constants& constants) {
  Result result = input_shape(node, constants, 0);
  const std::optional<std::size_t> axis = result ? axis_of(node, 0, result->size()) : std::nullopt;
  if (!axis) return std::nullopt;
  Dimension& sum = (*result)[*axis];
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    const Result part = input_shape(node, constants, i);
    if (!part || part->size() != result->size()) return std::nullopt;
    sum = is_number(sum) && is_number((*part)[*axis]) ? Dimension{sum.extent + (*part)[*axis].extent, ""} : Dimension{};
  }
  return result;
}

std::vector<Result> split(const Node& node, const Constants& constants) {
  std::vector<Result> results(node.outputs.size());
  const Result input = input_shape(node, constants, 0);
  const std::optional<std::size_t> axis = input ? axis_of(node, 0, input->size()) : std::nullopt;
  if (!axis) return results;
  const Extents sizes = integers_of(node, constants, 1, "split");
  const Dimension& whole = (*input)[*axis];
  const auto parts = static_cast<std::int64_t>(results.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    results[i] = *input;
    Dimension& part = (*results[i])[*axis];
    part = Dimension{};
    if (sizes && sizes->size() == results.size()) part = {(*sizes)[i], ""};
    if (!sizes && is_number(whole) && whole.extent % parts == 0) part = {whole.extent / parts, ""};
  }
  return results;
}

Result slice(const Node& node, const Constants& constants) {
  Result result = input_shape(node, constants, 0);
  const Extents starts = integers_of(node, constants, 1, "starts");
  const Extents ends = integers_of(node, constants, 2, "ends");
  if (!result || !starts || !ends || starts->size() != ends->size()) return std::nullopt;
  std::vector<std::int64_t> all;
  for (std::size_t i = 0; i < starts->size(); ++i) all.push_back(static_cast<std::int64_t>(i));
  const Extents axes = places(integers_of(node, constants, 3, "axes").value_or(all), result->size());
  const Extents steps = integers_of(node, constants, 4, "steps");
  if (!axes || axes->size() != starts->size()) return std::nullopt;
  for (std::size_t i = 0; i < axes->size(); ++i) {
    Dimension& d = (*result)[static_cast<std::size_t>((*axes)[i])];
    const bool is_simple = is_number(d) && (!steps || (i < steps->size() && (*steps)[i] == 1));
    const auto clamped = [&](std::int64_t at) {
      return std::clamp<std::int64_t>(at < 0 ? at + d.extent : at, 0, d.extent);
    };
    d = is_simple ? Dimension{std::max<std::int64_t>(0, clamped((*ends)[i]) - clamped((*starts)[i])), ""} : Dimension{};
  }
  return result;
}

Result unsqueeze(const Node& node, const Constants& constants) {
  Result result = input_shape(node, constants, 0);
  const Extents given = integers_of(node, constants, 1, "axes");
  if (!result || !given) return std::nullopt;
  Extents axes = places(*given, result->size() + given->size());
  if (!axes) return std::nullopt;
  std::sort(axes->begin(), axes->end());
  for (const std::int64_t axis : *axes) result->insert(result->begin() + axis, Dimension{1, ""});
  return result;
}

// Squeeze takes the axes away, reductions may keep them as 1.
Result without_axes(const Node& node, const Constants& constants, bool keeps) {
  const Result input = input_shape(node, constants, 0);
  const Extents given = integers_of(node, constants, 1, "axes");
  if (!input || (!given && !keeps)) return std::nullopt;
  const Extents axes = given ? places(*given, input->size()) : std::nullopt;
  if (given && !axes) return std::nullopt;
  Shape result;
  for (std::size_t i = 0; i < input->size(); ++i) {
    const bool is_gone = !axes || std::count(axes->begin(), axes->end(), static_cast<std::int64_t>(i)) > 0;
    if (!is_gone) result.push_back((*input)[i]);
    if (is_gone && keeps) result.push_back({1, ""});
  }
  return result;
}

Result expand(const Node& node, const Constants& constants) {
  const Result input = input_shape(node, constants, 0);
  const IntegerConstant* wanted = node.inputs.size() == 2 ? constants.integers(node.inputs[1]) : nullptr;
  return input && wanted != nullptr ? Result(broadcast(*input, wanted->values)) : std::nullopt;
}

Result pad(const Node& node, const Constants& constants) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  Result result = input_shape(node, constants, 0);
  const Extents pads = integers_of(node, constants, 1, "pads");
  if (!result || !pads || pads->size() != 2 * result->size() || node.inputs.size() > 3) return std::nullopt;
  for (std::size_t i = 0; i < result->size(); ++i) {
    Dimension& d = (*result)[i];
    const std::int64_t before = std::clamp((*pads)[i], -kMost, kMost);
    const std::int64_t after = std::clamp((*pads)[i + result->size()], -kMost, kMost);
    if (before == 0 && after == 0) continue;
    const bool is_known = is_number(d) && d.extent < kMost && d.extent + before + after > 0;
    d = is_known ? Dimension{d.extent + before + after, ""} : Dimension{};
  }
  return result;
}

Result resize(const Node& node, const Constants& constants) {
  Result result = input_shape(node, constants, 0);
  if (!result || node.inputs.size() < 2) return std::nullopt;
  if (node.inputs.size() > 3 && !node.inputs[3].empty()) {
    const IntegerConstant* sizes = constants.integers(node.inputs[3]);
    return sizes != nullptr ? Result(sizes->values) : std::nullopt;
  }
  const auto scales = constants.numbers(node.inputs[node.inputs.size() == 2 ? 1 : 2]);
  if (!scales || scales->size() != result->size()) return std::nullopt;
  for (std::size_t i = 0; i < scales->size(); ++i) {
    Dimension& d = (*result)[i];
    const double extent = std::floor(static_cast<double>(d.extent) * (*scales)[i]);
    if ((*scales)[i] == 1.0) continue;
    d = is_number(d) && extent >= 1.0 && extent < 1e12 ? Dimension{static_cast<std::int64_t>(extent), ""} : Dimension{};
  }
  return result;
}

// Y [time, directions, batch, hidden], Y_h and Y_c [directions, batch, hidden].
std::vector<Result> recurrent(const Node& node, const Constants& constants) {
  std::vector<Result> results(node.outputs.size());
  const Result input = input_shape(node, constants, 0);
  const std::int64_t hidden = integer_or(node, "hidden_size", 0);
  if (!input || input->size() != 3 || hidden < 1) return results;
  const Attribute* direction = node.find("direction");
  const bool both = direction != nullptr && direction->text == "bidirectional";
  const Shape last{{both ? 2 : 1, ""}, (*input)[1], {hidden, ""}};
  for (Result& result : results) result = last;
  results.front()->insert(results.front()->begin(), input->front());
  return results;
}

Result same(const Node& node, const Constants& constants) { return input_shape(node, constants, 0); }

using Rule = Result (*)(const Node&, const Constants&);

const std::map<std::string_view, Rule>& rules() {
  static const std::map<std::string_view, Rule> kRules = [] {
    std::map<std::string_view, Rule> map = {
        {"MatMul", matmul},
        {"Gemm", gemm},
        {"Transpose", transpose},
        {"Reshape", reshape},
        {"Flatten", flatten},
        {"Gather", gather},
        {"Concat", concat},
        {"Slice", slice},
        {"Unsqueeze", unsqueeze},
        {"Expand", expand},
        {"Pad", pad},
        {"Resize", resize},
        {"Upsample", resize},
        {"Squeeze", [](const Node& n, const Constants& c) { return without_axes(n, c, false); }}};
    for (const char* op : {"Add", "Sub", "Mul", "Div", "Pow", "Where", "Min", "Max", "Sum", "Equal", "Less", "Greater"})
      map[op] = broadcast_all;
    for (const char* op : {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"})
      map[op] = [](const Node& n, const Constants& c) { return without_axes(n, c, integer_or(n, "keepdims", 1) != 0); };
    for (const char* op : {"Relu",
                           "Gelu",
                           "Tanh",
                           "Sigmoid",
                           "Identity",
                           "Cast",
                           "Dropout",
                           "Softmax",
                           "LogSoftmax",
                           "Sqrt",
                           "Erf",
                           "Exp",
                           "Log",
                           "Neg",
                           "Abs",
                           "Reciprocal",
                           "Swish",
                           "Silu",
                           "Mish",
                           "Elu",
                           "Selu",
                           "LeakyRelu",
                           "PRelu",
                           "Clip",
                           "HardSigmoid",
                           "HardSwish",
                           "Softplus",
                           "Trilu",
                           "Not",
                           "LayerNormalization",
                           "RMSNormalization",
                           "BatchNormalization",
                           "InstanceNormalization",
                           "GroupNormalization",
                           "LpNormalization"})
      map[op] = same;
    return map;
  }();
  return kRules;
}

}  // namespace

std::vector<std::optional<Shape>> result_shapes(const Node& node, const Constants& constants) {
  if (node.op == "Split") return split(node, constants);
  if (node.op == "LSTM" || node.op == "GRU" || node.op == "RNN") return recurrent(node, constants);
  std::vector<Result> results(node.outputs.size());
  const auto rule = rules().find(node.op);
  const Result input = input_shape(node, constants, 0);
  if (results.empty()) return results;
  if (rule != rules().end()) {
    results.front() = rule->second(node, constants);
  } else if (input) {
    const Result weights = input_shape(node, constants, 1);
    results.front() = spatial_shape(node, *input, weights ? *weights : Shape{});
  }
  return results;
}

}  // namespace mp::onnx

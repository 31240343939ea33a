#include "lib/onnx/integer_constant.hpp"

#include <algorithm>
#include <utility>

namespace mp::onnx {
namespace {

bool is_known(const Dimension& value) { return value.name.empty(); }

bool all_known(std::span<const Dimension> values) { return std::all_of(values.begin(), values.end(), is_known); }

// The product of extents; none above kMostValues, or of a negative one.
std::optional<std::int64_t> elements_of(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || extent > IntegerConstant::kMostValues) return std::nullopt;
    count *= extent;
    if (count > IntegerConstant::kMostValues) return std::nullopt;
  }
  return count;
}

// Two's complement: a model must not make us overflow.
std::optional<std::int64_t> result_of(std::string_view op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (op == "Add") return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (op == "Sub") return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (op == "Mul") return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
  if (op == "Min") return std::min(a, b);
  if (op == "Max") return std::max(a, b);
  if (op == "Equal") return a == b ? 1 : 0;
  if ((op != "Div" && op != "Mod") || b == 0) return std::nullopt;
  if (b == -1) return op == "Mod" ? 0 : result_of("Sub", 0, a);
  if (op == "Div") return a / b;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;  // the sign of b
}

// The shape of an elementwise result: equal shapes, or one of one element and no more dimensions than the other.
const IntegerConstant* wider(const IntegerConstant& a, const IntegerConstant& b) {
  const auto serves = [](const IntegerConstant& one, const IntegerConstant& all) {
    return one.shape == all.shape || (one.values.size() == 1 && one.shape.size() <= all.shape.size());
  };
  if (serves(b, a)) return &a;
  return serves(a, b) ? &b : nullptr;
}

const Dimension& at(const IntegerConstant& x, std::size_t i) { return x.values[x.values.size() == 1 ? 0 : i]; }

}  // namespace

IntegerConstant scalar_of(std::int64_t value) { return {.values = {{value, ""}}, .shape = {}}; }

IntegerConstant list_of(std::vector<Dimension> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {.values = std::move(values), .shape = {count}};
}

std::optional<IntegerConstant> reshaped(const IntegerConstant& x, std::span<const Dimension> target) {
  if (!all_known(target)) return std::nullopt;
  std::vector<std::int64_t> shape;
  std::optional<std::size_t> open;
  for (std::size_t i = 0; i < target.size(); ++i) {
    std::int64_t extent = target[i].extent;
    if (extent == 0) extent = i < x.shape.size() ? x.shape[i] : -2;
    if (extent == -1) {
      if (open) return std::nullopt;
      open = i;
      extent = 1;
    }
    shape.push_back(extent);
  }
  const auto count = static_cast<std::int64_t>(x.values.size());
  const std::optional<std::int64_t> rest = elements_of(shape);
  if (!rest || (open && (*rest == 0 || count % *rest != 0))) return std::nullopt;
  if (open) shape[*open] = count / *rest;
  if (!open && *rest != count) return std::nullopt;
  return IntegerConstant{x.values, std::move(shape)};
}

std::optional<IntegerConstant> transposed(const IntegerConstant& x, std::vector<std::int64_t> perm) {
  if (x.shape.size() != 2) return x.shape.size() < 2 ? std::optional(x) : std::nullopt;
  if (perm.empty()) perm = {1, 0};
  if (perm == std::vector<std::int64_t>{0, 1}) return x;
  if (perm != std::vector<std::int64_t>{1, 0}) return std::nullopt;
  IntegerConstant result{.values = {}, .shape = {x.shape[1], x.shape[0]}};
  for (std::int64_t column = 0; column < x.shape[1]; ++column) {
    for (std::int64_t row = 0; row < x.shape[0]; ++row)
      result.values.push_back(x.values[static_cast<std::size_t>(row * x.shape[1] + column)]);
  }
  return result;
}

std::optional<IntegerConstant> concatenated(std::span<const IntegerConstant* const> parts, std::int64_t axis) {
  if (parts.empty()) return std::nullopt;
  IntegerConstant result{.values = {}, .shape = parts[0]->shape};
  if (result.is_scalar() || (axis != 0 && axis != -static_cast<std::int64_t>(result.shape.size()))) return std::nullopt;
  result.shape[0] = 0;
  for (const IntegerConstant* part : parts) {
    if (part->shape.size() != result.shape.size()) return std::nullopt;
    if (!std::equal(part->shape.begin() + 1, part->shape.end(), result.shape.begin() + 1)) return std::nullopt;
    if (result.values.size() + part->values.size() > static_cast<std::size_t>(IntegerConstant::kMostValues))
      return std::nullopt;
    result.shape[0] += part->shape[0];
    result.values.insert(result.values.end(), part->values.begin(), part->values.end());
  }
  return result;
}

std::optional<IntegerConstant> gathered(const IntegerConstant& x, const IntegerConstant& indices) {
  if (x.shape.size() != 1) return std::nullopt;
  IntegerConstant result{.values = {}, .shape = indices.shape};
  for (const Dimension& index : indices.values) {
    const std::int64_t position = index.extent < 0 ? index.extent + x.shape[0] : index.extent;
    if (!is_known(index) || position < 0 || position >= x.shape[0]) return std::nullopt;
    result.values.push_back(x.values[static_cast<std::size_t>(position)]);
  }
  return result;
}

std::optional<IntegerConstant> sliced(const IntegerConstant& x, std::int64_t start, std::int64_t end,
                                      std::int64_t step) {
  if (x.is_scalar() || x.shape[0] == 0 || (step != 1 && step != -1)) return std::nullopt;
  const std::int64_t size = x.shape[0];
  const std::int64_t row = static_cast<std::int64_t>(x.values.size()) / size;
  const std::int64_t low = step > 0 ? 0 : -1;
  const auto clamped = [&](std::int64_t i) {
    return std::clamp<std::int64_t>(i < 0 ? i + size : i, low, step > 0 ? size : size - 1);
  };
  IntegerConstant result{.values = {}, .shape = x.shape};
  result.shape[0] = 0;
  for (std::int64_t i = clamped(start), last = clamped(end); step > 0 ? i < last : i > last; i += step) {
    result.values.insert(result.values.end(), x.values.begin() + i * row, x.values.begin() + (i + 1) * row);
    ++result.shape[0];
  }
  return result;
}

std::optional<IntegerConstant> filled(const IntegerConstant& shape, std::int64_t value) {
  if (shape.shape.size() != 1 || !all_known(shape.values)) return std::nullopt;
  IntegerConstant result;
  for (const Dimension& extent : shape.values) result.shape.push_back(extent.extent);
  const std::optional<std::int64_t> count = elements_of(result.shape);
  if (!count) return std::nullopt;
  result.values.assign(static_cast<std::size_t>(*count), {value, ""});
  return result;
}

std::optional<IntegerConstant> combined(std::string_view op, const IntegerConstant& a, const IntegerConstant& b) {
  const IntegerConstant* all = wider(a, b);
  if (all == nullptr) return std::nullopt;
  IntegerConstant result{.values = {}, .shape = all->shape};
  for (std::size_t i = 0; i < all->values.size(); ++i) {
    const Dimension& x = at(a, i);
    const Dimension& y = at(b, i);
    // A named dimension is some extent: never the −1 or 0 that exporters look for.
    const bool differs = op == "Equal" && is_known(x) != is_known(y) && (is_known(x) ? x : y).extent < 1;
    if (!differs && (!is_known(x) || !is_known(y))) return std::nullopt;
    const std::optional<std::int64_t> value = differs ? 0 : result_of(op, x.extent, y.extent);
    if (!value) return std::nullopt;
    result.values.push_back({*value, ""});
  }
  return result;
}

std::optional<IntegerConstant> chosen(const IntegerConstant& condition, const IntegerConstant& x,
                                      const IntegerConstant& y) {
  const IntegerConstant* values = wider(x, y);
  const IntegerConstant* all = values == nullptr ? nullptr : wider(condition, *values);
  if (all == nullptr || !all_known(condition.values)) return std::nullopt;
  IntegerConstant result{.values = {}, .shape = all->shape};
  for (std::size_t i = 0; i < all->values.size(); ++i)
    result.values.push_back(at(condition, i).extent != 0 ? at(x, i) : at(y, i));
  return result;
}

}  // namespace mp::onnx

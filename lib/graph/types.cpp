#include "lib/graph/types.hpp"

#include <array>
#include <limits>

namespace mp {
namespace {

struct TypeInfo {
  DataType type;
  std::string_view name;
  std::int64_t size;
};

constexpr std::array<TypeInfo, 5> kTypes = {{{DataType::kFloat32, "float32", 4},
                                             {DataType::kBfloat16, "bfloat16", 2},
                                             {DataType::kInt64, "int64", 8},
                                             {DataType::kBool, "bool", 1},
                                             {DataType::kOpaque, "opaque", 1}}};

const TypeInfo& info(DataType type) { return kTypes.at(static_cast<std::size_t>(type)); }

}  // namespace

std::int64_t size_of(DataType type) { return info(type).size; }

std::string_view name_of(DataType type) { return info(type).name; }

std::optional<DataType> find_data_type(std::string_view name) {
  for (const TypeInfo& candidate : kTypes) {
    if (candidate.name == name) return candidate.type;
  }
  return std::nullopt;
}

std::optional<std::int64_t> checked_elements(const Shape& shape) {
  bool empty = false;
  std::int64_t product = 1;
  bool fits = true;
  for (const std::int64_t extent : shape) {
    if (extent < 0) return std::nullopt;
    if (extent == 0) {
      empty = true;
    } else if (product > std::numeric_limits<std::int64_t>::max() / extent) {
      fits = false;
    } else {
      product *= extent;
    }
  }
  if (empty) return 0;
  return fits ? std::optional<std::int64_t>(product) : std::nullopt;
}

std::optional<std::int64_t> checked_bytes(const TensorType& type) {
  const std::optional<std::int64_t> count = checked_elements(type.shape);
  if (!count || *count > kMaxTensorBytes / size_of(type.type)) return std::nullopt;
  return *count * size_of(type.type);
}

std::int64_t elements(const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) product *= extent;
  return product;
}

std::int64_t bytes(const TensorType& type) { return elements(type.shape) * size_of(type.type); }

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(extent);
  }
  return text + "]";
}

std::string to_string(const TensorType& type) { return std::string(name_of(type.type)) + to_string(type.shape); }

}  // namespace mp

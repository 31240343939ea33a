// Element types and shapes of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mp {

// kOpaque: a tensor known by its size in bytes alone (one element a byte), as foreign profiles give it.
enum class DataType : std::uint8_t { kFloat32, kBfloat16, kInt64, kBool, kOpaque };

[[nodiscard]] std::int64_t size_of(DataType type);      // bytes of one element
[[nodiscard]] std::string_view name_of(DataType type);  // "float32", …: as files spell it
[[nodiscard]] std::optional<DataType> find_data_type(std::string_view name);

// Extents, outermost first (row-major); an empty shape is a scalar. Every extent ≥ 0.
using Shape = std::vector<std::int64_t>;

struct TensorType {
  DataType type = DataType::kFloat32;
  Shape shape;
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

// Largest tensor we accept, in bytes: sums over a graph of 10⁶ tensors still fit 63 bits.
inline constexpr std::int64_t kMaxTensorBytes = std::int64_t{1} << 42;
// Most dimensions a tensor may have.
inline constexpr std::size_t kMaxRank = 8;

// Number of elements; nullopt when the product does not fit 63 bits or an extent is negative.
[[nodiscard]] std::optional<std::int64_t> checked_elements(const Shape& shape);
// Size in bytes; nullopt when an extent is negative or the size exceeds kMaxTensorBytes.
[[nodiscard]] std::optional<std::int64_t> checked_bytes(const TensorType& type);
[[nodiscard]] std::int64_t elements(const Shape& shape);      // of a checked shape
[[nodiscard]] std::int64_t bytes(const TensorType& type);     // of a checked type
[[nodiscard]] std::string to_string(const Shape& shape);      // "[16, 10]"
[[nodiscard]] std::string to_string(const TensorType& type);  // "float32[16, 10]"

}  // namespace mp

// The values of ONNX tensors, converted to the element types that we have.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/graph/model.hpp"
#include "lib/graph/types.hpp"
#include "lib/onnx/onnx_file.hpp"

namespace mp::onnx {

// float, float16, double → float32; all integers → int64; bool; bfloat16. Nothing for what has no counterpart.
[[nodiscard]] std::optional<DataType> type_of(ElementType type);
[[nodiscard]] std::string name_of(ElementType type);  // "float16", "type 99"

// The bytes of one tensor, little-endian, row-major. `folder` (with a slash at its end, or empty) is where the model's
// external data lie. Throws InputError(source, place: the tensor) where size and shape differ, the type has no
// counterpart, or external data are not to be had.
class Values {
 public:
  Values(const Tensor& tensor, const std::string& folder, const std::string& source);

  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] DataType type() const { return type_; }
  [[nodiscard]] double number(std::int64_t i) const;         // of any type
  [[nodiscard]] std::int64_t integer(std::int64_t i) const;  // of an integer type
  // Elements [first, first + n) as our type has them.
  [[nodiscard]] std::string bytes(std::int64_t first, std::int64_t n) const;

 private:
  [[nodiscard]] double floating(std::int64_t i) const;
  void check_sizes(const std::string& source) const;

  const Tensor& tensor_;
  DataType type_ = DataType::kFloat32;
  std::int64_t count_ = 0;
  std::string external_;  // the bytes, where they came from another file
  std::string_view raw_;
};

// What describes the values without storing them: exact when they are all equal; else their mean and standard
// deviation.
[[nodiscard]] Initializer statistics_of(const Values& values);

}  // namespace mp::onnx

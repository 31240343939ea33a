// An array in a file: NumPy's .npy (format versions 1 to 3) or the IDX format of the MNIST files.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lib/graph/types.hpp"
#include "runtime/data/mapped_file.hpp"

namespace mp::runtime {

enum class ArrayElement : std::uint8_t { kUint8, kInt8, kInt16, kInt32, kInt64, kFloat32, kFloat64 };

// Checked when opened: known format and element type, row-major, and as many bytes as its shape says.
struct ArrayFile {
  std::string path;
  MappedFile file;
  ArrayElement element = ArrayElement::kUint8;
  bool is_big_endian = false;
  Shape shape;
  std::span<const std::uint8_t> data;

  [[nodiscard]] double at(std::int64_t i) const;  // element i in row-major order
};

// Throws InputError.
[[nodiscard]] ArrayFile open_array(const std::string& path);

}  // namespace mp::runtime

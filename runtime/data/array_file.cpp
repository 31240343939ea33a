#include "runtime/data/array_file.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "lib/base/error.hpp"

static_assert(std::endian::native == std::endian::little);

namespace mp::runtime {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& message) {
  throw InputError(path, Issue{"", message});
}

std::size_t size_of(ArrayElement element) {
  constexpr std::array<std::size_t, 7> kSizes = {1, 1, 2, 4, 8, 4, 8};
  return kSizes[static_cast<std::size_t>(element)];
}

template <class T>
T load(const std::uint8_t* at, bool is_big_endian) {
  std::array<std::uint8_t, sizeof(T)> raw{};
  std::memcpy(raw.data(), at, sizeof(T));
  if (is_big_endian) std::reverse(raw.begin(), raw.end());
  return std::bit_cast<T>(raw);
}

void check_size(const ArrayFile& array) {
  const std::optional<std::int64_t> count = checked_elements(array.shape);
  const std::size_t size = size_of(array.element);
  if (count && static_cast<std::size_t>(*count) <= array.data.size() / size &&
      static_cast<std::size_t>(*count) * size == array.data.size()) {
    return;
  }
  fail(array.path, fmt::format("its header promises the shape {} of {} bytes an element, but {} bytes of data follow",
                               to_string(array.shape), size, array.data.size()));
}

// The text after 'key': in the header's Python dictionary.
std::string_view value_of(std::string_view header, std::string_view key, const std::string& path) {
  const std::size_t at = header.find("'" + std::string(key) + "':");
  if (at == std::string_view::npos) fail(path, fmt::format("its .npy header has no '{}'", key));
  std::string_view value = header.substr(at + key.size() + 3);
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return value;
}

Shape parse_shape(std::string_view text, const std::string& path) {
  const std::size_t end = text.find(')');
  if (!text.starts_with('(') || end == std::string_view::npos) fail(path, "its .npy header has no readable shape");
  Shape shape;
  for (std::string_view rest = text.substr(1, end - 1); !rest.empty();) {
    std::int64_t extent = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), extent);
    if (error != std::errc() || extent < 0) fail(path, "its .npy header has no readable shape");
    shape.push_back(extent);
    rest.remove_prefix(static_cast<std::size_t>(stop - rest.data()));
    rest.remove_prefix(std::min(rest.find_first_not_of(", "), rest.size()));
  }
  return shape;
}

void parse_npy(ArrayFile& array) {
  const std::span<const std::uint8_t> bytes = array.file.bytes();
  if (bytes.size() < 12) fail(array.path, "ends inside its .npy header");
  const bool is_version_1 = bytes[6] == 1;
  const std::size_t start = is_version_1 ? 10 : 12;
  const std::size_t length =
      is_version_1 ? load<std::uint16_t>(&bytes[8], false) : load<std::uint32_t>(&bytes[8], false);
  if (length > bytes.size() - start) fail(array.path, "ends inside its .npy header");
  std::string header;
  for (const std::uint8_t byte : bytes.subspan(start, length)) header += static_cast<char>(byte);

  constexpr std::array<std::pair<std::string_view, ArrayElement>, 8> kTypes = {{{"u1", ArrayElement::kUint8},
                                                                                {"b1", ArrayElement::kUint8},
                                                                                {"i1", ArrayElement::kInt8},
                                                                                {"i2", ArrayElement::kInt16},
                                                                                {"i4", ArrayElement::kInt32},
                                                                                {"i8", ArrayElement::kInt64},
                                                                                {"f4", ArrayElement::kFloat32},
                                                                                {"f8", ArrayElement::kFloat64}}};
  const std::string_view rest = value_of(header, "descr", array.path);
  const std::string_view type = rest.substr(0, rest.find(','));  // '<f4'
  const auto known = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const auto& t) { return type.size() == 5 && type.substr(2, 2) == t.first; });
  if (known == kTypes.end() || type[0] != '\'' || type[4] != '\'') {
    fail(array.path, fmt::format("element type {} is not supported; supported: u1, b1, i1, i2, i4, i8, f4, f8", type));
  }
  if (value_of(header, "fortran_order", array.path).starts_with("True")) {
    fail(array.path, "is in column-major order; save it with numpy.ascontiguousarray");
  }
  array.element = known->second;
  array.is_big_endian = type[1] == '>';
  array.shape = parse_shape(value_of(header, "shape", array.path), array.path);
  array.data = bytes.subspan(start + length);
}

// Two zero bytes, type, number of dimensions, then each extent as a big-endian 32-bit number.
void parse_idx(ArrayFile& array) {
  constexpr std::array<std::pair<std::uint8_t, ArrayElement>, 6> kTypes = {{{0x08, ArrayElement::kUint8},
                                                                            {0x09, ArrayElement::kInt8},
                                                                            {0x0B, ArrayElement::kInt16},
                                                                            {0x0C, ArrayElement::kInt32},
                                                                            {0x0D, ArrayElement::kFloat32},
                                                                            {0x0E, ArrayElement::kFloat64}}};
  const std::span<const std::uint8_t> bytes = array.file.bytes();
  const auto known = std::find_if(kTypes.begin(), kTypes.end(), [&](const auto& t) { return bytes[2] == t.first; });
  if (known == kTypes.end()) fail(array.path, fmt::format("its IDX element type 0x{:02X} is unknown", bytes[2]));
  const std::size_t dimensions = bytes[3];
  if (bytes.size() < 4 + 4 * dimensions) fail(array.path, "ends inside its IDX header");
  for (std::size_t d = 0; d < dimensions; ++d) array.shape.push_back(load<std::uint32_t>(&bytes[4 + 4 * d], true));
  array.element = known->second;
  array.is_big_endian = true;
  array.data = bytes.subspan(4 + 4 * dimensions);
}

}  // namespace

double ArrayFile::at(std::int64_t i) const {
  const std::uint8_t* address = data.data() + static_cast<std::size_t>(i) * size_of(element);
  switch (element) {
    case ArrayElement::kUint8:
      return *address;
    case ArrayElement::kInt8:
      return load<std::int8_t>(address, is_big_endian);
    case ArrayElement::kInt16:
      return load<std::int16_t>(address, is_big_endian);
    case ArrayElement::kInt32:
      return load<std::int32_t>(address, is_big_endian);
    case ArrayElement::kInt64:
      return static_cast<double>(load<std::int64_t>(address, is_big_endian));
    case ArrayElement::kFloat32:
      return static_cast<double>(load<float>(address, is_big_endian));
    case ArrayElement::kFloat64:
      return load<double>(address, is_big_endian);
  }
  return 0.0;
}

ArrayFile open_array(const std::string& path) {
  constexpr std::array<std::uint8_t, 6> kNpy = {0x93, 'N', 'U', 'M', 'P', 'Y'};
  ArrayFile array{.path = path, .file = MappedFile(path), .shape = {}, .data = {}};
  const std::span<const std::uint8_t> bytes = array.file.bytes();
  if (bytes.size() >= 6 && std::equal(kNpy.begin(), kNpy.end(), bytes.begin())) {
    parse_npy(array);
  } else if (bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0) {
    parse_idx(array);
  } else {
    fail(path, "is neither a .npy nor an IDX file (unpack a .gz or .npz first)");
  }
  check_size(array);
  return array;
}

}  // namespace mp::runtime

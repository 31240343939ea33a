#include "lib/onnx/tensor_values.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"

namespace mp::onnx {
namespace {

std::int64_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::kBool:
    case ElementType::kInt8:
    case ElementType::kUint8:
      return 1;
    case ElementType::kInt16:
    case ElementType::kUint16:
    case ElementType::kFloat16:
    case ElementType::kBfloat16:
      return 2;
    case ElementType::kFloat:
    case ElementType::kInt32:
    case ElementType::kUint32:
      return 4;
    case ElementType::kDouble:
    case ElementType::kInt64:
    case ElementType::kUint64:
      return 8;
    case ElementType::kUndefined:
    case ElementType::kString:
      return 0;
  }
  return 0;
}

// IEEE 754 binary16.
float half_to_float(std::uint16_t half) {
  const int exponent = (half >> 10U) & 0x1f;
  const int fraction = half & 0x3ff;
  const float sign = (half & 0x8000U) != 0 ? -1.0F : 1.0F;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VALF : std::nanf("");
  return sign * std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
}

template <class T>
T load(std::string_view bytes, std::int64_t i) {
  T value{};
  std::memcpy(&value, bytes.data() + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
  return value;
}

[[noreturn]] void fail(const Tensor& tensor, const std::string& source, std::string message) {
  throw InputError(source, Issue{"initializer " + quoted(tensor.name), std::move(message)});
}

std::int64_t external_number(const Tensor& tensor, std::string_view key, std::int64_t fallback,
                             const std::string& source) {
  const auto found = tensor.external.find(key);
  if (found == tensor.external.end()) return fallback;
  std::int64_t number = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0)
    fail(tensor, source, fmt::format("{}={} of its external data is no number of bytes", key, quoted(text)));
  return number;
}

// Only files beside the model: a model file must not make us read others.
std::string read_external(const Tensor& tensor, std::int64_t size, const std::string& folder,
                          const std::string& source) {
  const auto location = tensor.external.find("location");
  const std::string name = location == tensor.external.end() ? "" : location->second;
  const bool leaves = name.empty() || name.front() == '/' || ("/" + name + "/").find("/../") != std::string::npos;
  if (leaves) {
    fail(tensor, source,
         fmt::format("its external data lie in {}: only files in the model's own folder are read", quoted(name)));
  }
  const std::int64_t offset = external_number(tensor, "offset", 0, source);
  const std::int64_t length = external_number(tensor, "length", size, source);
  if (length != size)
    fail(tensor, source, fmt::format("its external data have {} bytes; its shape needs {}", length, size));
  std::ifstream file(folder + name, std::ios::binary | std::ios::ate);
  if (!file) fail(tensor, source, fmt::format("its external data {} cannot be read", quoted(folder + name)));
  const auto there = static_cast<std::int64_t>(file.tellg());
  if (offset > there || length > there - offset) {
    fail(tensor, source,
         fmt::format("its external data end at byte {}, but {} has {}", offset + length, quoted(folder + name), there));
  }
  std::string bytes(static_cast<std::size_t>(length), '\0');
  file.seekg(offset);
  if (!file.read(bytes.data(), length)) fail(tensor, source, "its external data cannot be read");
  return bytes;
}

}  // namespace

std::optional<DataType> type_of(ElementType type) {
  switch (type) {
    case ElementType::kFloat:
    case ElementType::kFloat16:
    case ElementType::kDouble:
      return DataType::kFloat32;
    case ElementType::kBfloat16:
      return DataType::kBfloat16;
    case ElementType::kInt8:
    case ElementType::kUint8:
    case ElementType::kInt16:
    case ElementType::kUint16:
    case ElementType::kInt32:
    case ElementType::kUint32:
    case ElementType::kInt64:
    case ElementType::kUint64:
      return DataType::kInt64;
    case ElementType::kBool:
      return DataType::kBool;
    case ElementType::kUndefined:
    case ElementType::kString:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string name_of(ElementType type) {
  constexpr std::string_view kNames[] = {"undefined", "float",  "uint8",     "int8",       "uint16",  "int16",
                                         "int32",     "int64",  "string",    "bool",       "float16", "double",
                                         "uint32",    "uint64", "complex64", "complex128", "bfloat16"};
  const auto number = static_cast<std::int32_t>(type);
  if (number < 0 || number >= static_cast<std::int32_t>(std::size(kNames))) return fmt::format("type {}", number);
  return std::string(kNames[number]);
}

Values::Values(const Tensor& tensor, const std::string& folder, const std::string& source) : tensor_(tensor) {
  const std::optional<DataType> type = type_of(tensor.type);
  if (!type) fail(tensor, source, fmt::format("has the element type {}, which we have not", name_of(tensor.type)));
  type_ = *type;
  const std::optional<std::int64_t> count = checked_elements(tensor.dims);
  if (!count || !checked_bytes({DataType::kInt64, tensor.dims}))
    fail(tensor, source, fmt::format("has the impossible shape {}", to_string(tensor.dims)));
  count_ = *count;
  raw_ = tensor.raw;
  if (tensor.is_external) {
    external_ = read_external(tensor, count_ * element_bytes(tensor.type), folder, source);
    raw_ = external_;
  }
  check_sizes(source);
}

void Values::check_sizes(const std::string& source) const {
  const std::int64_t typed =
      static_cast<std::int64_t>(tensor_.floats.size() + tensor_.integers.size() + tensor_.doubles.size());
  if (!raw_.empty() || typed == 0) {
    const auto wanted = count_ * element_bytes(tensor_.type);
    if (static_cast<std::int64_t>(raw_.size()) != wanted)
      fail(tensor_, source,
           fmt::format("has {} bytes; its shape {} needs {}", raw_.size(), to_string(tensor_.dims), wanted));
    return;
  }
  const bool is_floating = tensor_.type == ElementType::kFloat || tensor_.type == ElementType::kDouble;
  const std::size_t fitting = !is_floating                          ? tensor_.integers.size()
                              : tensor_.type == ElementType::kFloat ? tensor_.floats.size()
                                                                    : tensor_.doubles.size();
  if (typed != count_ || static_cast<std::int64_t>(fitting) != count_)
    fail(tensor_, source,
         fmt::format("has {} values; its shape {} needs {}", fitting, to_string(tensor_.dims), count_));
}

double Values::floating(std::int64_t i) const {
  const auto at = static_cast<std::size_t>(i);
  const bool is_raw = !raw_.empty();
  switch (tensor_.type) {
    case ElementType::kFloat:
      return static_cast<double>(is_raw ? load<float>(raw_, i) : tensor_.floats[at]);
    case ElementType::kDouble:
      return is_raw ? load<double>(raw_, i) : tensor_.doubles[at];
    case ElementType::kFloat16:
    case ElementType::kBfloat16: {
      const auto bits =
          is_raw ? load<std::uint16_t>(raw_, i) : static_cast<std::uint16_t>(tensor_.integers[at] & 0xffff);
      if (tensor_.type == ElementType::kFloat16) return static_cast<double>(half_to_float(bits));
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U));
    }
    default:
      return static_cast<double>(integer(i));
  }
}

std::int64_t Values::integer(std::int64_t i) const {
  if (raw_.empty()) return tensor_.integers[static_cast<std::size_t>(i)];
  switch (tensor_.type) {
    case ElementType::kBool:
    case ElementType::kUint8:
      return load<std::uint8_t>(raw_, i);
    case ElementType::kInt8:
      return load<std::int8_t>(raw_, i);
    case ElementType::kUint16:
      return load<std::uint16_t>(raw_, i);
    case ElementType::kInt16:
      return load<std::int16_t>(raw_, i);
    case ElementType::kUint32:
      return load<std::uint32_t>(raw_, i);
    case ElementType::kInt32:
      return load<std::int32_t>(raw_, i);
    default:
      return load<std::int64_t>(raw_, i);
  }
}

double Values::number(std::int64_t i) const { return floating(i); }

std::string Values::bytes(std::int64_t first, std::int64_t n) const {
  const std::int64_t size = size_of(type_);
  std::string result(static_cast<std::size_t>(n * size), '\0');
  for (std::int64_t i = 0; i < n; ++i) {
    char* at = result.data() + i * size;
    switch (type_) {
      case DataType::kFloat32: {
        const auto value = static_cast<float>(floating(first + i));
        std::memcpy(at, &value, sizeof(value));
        break;
      }
      case DataType::kBfloat16: {
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(floating(first + i)));
        const auto upper = static_cast<std::uint16_t>(bits >> 16U);
        std::memcpy(at, &upper, sizeof(upper));
        break;
      }
      case DataType::kInt64: {
        const std::int64_t value = integer(first + i);
        std::memcpy(at, &value, sizeof(value));
        break;
      }
      case DataType::kBool:
      case DataType::kOpaque:
        *at = integer(first + i) != 0 ? '\1' : '\0';
        break;
    }
  }
  return result;
}

Initializer statistics_of(const Values& values) {
  if (values.count() == 0) return {};
  double sum = 0.0;
  bool all_equal = true;
  for (std::int64_t i = 0; i < values.count(); ++i) {
    const double value = values.number(i);
    sum += std::isfinite(value) ? value : 0.0;
    all_equal = all_equal && value == values.number(0);
  }
  if (all_equal && std::isfinite(values.number(0))) return {Initializer::Kind::kConstant, values.number(0), 0.0};
  double mean = sum / static_cast<double>(values.count());
  if (!std::isfinite(mean)) mean = 0.0;  // a sum beyond the range of double
  double squares = 0.0;
  for (std::int64_t i = 0; i < values.count(); ++i) {
    const double value = values.number(i);
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  }
  double deviation = std::sqrt(squares / static_cast<double>(values.count()));
  if (!std::isfinite(deviation)) deviation = 0.0;
  if (values.type() != DataType::kFloat32) return {Initializer::Kind::kConstant, std::round(mean), 0.0};
  return {Initializer::Kind::kNormal, mean, deviation};
}

}  // namespace mp::onnx

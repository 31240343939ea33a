#include "lib/onnx/wire.hpp"

#include <bit>

#include <fmt/format.h>

namespace mp::onnx {
namespace {

void require(const WireField& field, WireType type, std::string_view wanted) {
  if (field.type != type) throw WireError(field.position, fmt::format("field {} is no {}", field.number, wanted));
}

}  // namespace

std::uint64_t WireReader::varint() {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (i >= bytes_.size()) throw WireError(position_ + i, "the file ends inside a number");
    const auto byte = static_cast<std::uint8_t>(bytes_[i]);
    if (i < 9 || byte <= 1) value |= static_cast<std::uint64_t>(byte & 0x7fU) << (7 * i);
    if ((byte & 0x80U) != 0) continue;
    bytes_.remove_prefix(i + 1);
    position_ += i + 1;
    return value;
  }
  throw WireError(position_, "a number of more than ten bytes");
}

std::uint64_t WireReader::fixed(std::size_t size) {
  if (bytes_.size() < size) throw WireError(position_, "the file ends inside a number");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(bytes_[i])) << (8 * i);
  bytes_.remove_prefix(size);
  position_ += size;
  return value;
}

bool WireReader::next(WireField& field) {
  if (bytes_.empty()) return false;
  field = {};
  field.position = position_;
  const std::uint64_t key = varint();
  if (key >> 3U == 0 || key >> 3U > 0x1fffffffU) throw WireError(field.position, "a field without a valid number");
  field.number = static_cast<std::uint32_t>(key >> 3U);
  switch (key & 7U) {
    case 0:
      field.value = varint();
      return true;
    case 1:
      field.type = WireType::kFixed64;
      field.value = fixed(8);
      return true;
    case 2: {
      field.type = WireType::kBytes;
      const std::uint64_t size = varint();
      if (size > bytes_.size()) {
        throw WireError(field.position,
                        fmt::format("field {} of {} bytes, but {} are left", field.number, size, bytes_.size()));
      }
      field.position = position_;
      field.bytes = bytes_.substr(0, size);
      bytes_.remove_prefix(size);
      position_ += size;
      return true;
    }
    case 5:
      field.type = WireType::kFixed32;
      field.value = fixed(4);
      return true;
    default:
      throw WireError(field.position, fmt::format("field {} has the unknown wire type {}", field.number, key & 7U));
  }
}

std::int64_t WireField::integer() const {
  require(*this, WireType::kVarint, "integer");
  return static_cast<std::int64_t>(value);
}

float WireField::float32() const {
  require(*this, WireType::kFixed32, "float");
  return std::bit_cast<float>(static_cast<std::uint32_t>(value));
}

std::string_view WireField::text() const {
  require(*this, WireType::kBytes, "text");
  return bytes;
}

WireReader WireField::message() const {
  require(*this, WireType::kBytes, "message");
  return WireReader(bytes, position);
}

void WireField::append_integers(std::vector<std::int64_t>& values) const {
  if (type != WireType::kBytes) {
    values.push_back(integer());
    return;
  }
  for (WireReader reader = message(); !reader.bytes_.empty();)
    values.push_back(static_cast<std::int64_t>(reader.varint()));
}

void WireField::append_floats(std::vector<float>& values) const {
  if (type != WireType::kBytes) {
    values.push_back(float32());
    return;
  }
  for (WireReader reader = message(); !reader.bytes_.empty();)
    values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(reader.fixed(4))));
}

void WireField::append_doubles(std::vector<double>& values) const {
  if (type == WireType::kFixed64) {
    values.push_back(std::bit_cast<double>(value));
    return;
  }
  for (WireReader reader = message(); !reader.bytes_.empty();) values.push_back(std::bit_cast<double>(reader.fixed(8)));
}

}  // namespace mp::onnx

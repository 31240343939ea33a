// Protocol buffers as bytes: the fields of one message, in order (protobuf.dev/programming-guides/encoding).
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mp::onnx {

// The bytes are no protocol buffer, or not the one expected. `position` counts from the start of the file.
class WireError final : public std::runtime_error {
 public:
  WireError(std::size_t position, const std::string& what) : std::runtime_error(what), position_(position) {}
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  std::size_t position_;
};

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

class WireReader;

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;  // kVarint, kFixed64, kFixed32
  std::string_view bytes;   // kBytes
  std::size_t position = 0;

  // Each throws WireError where the field is of another type.
  [[nodiscard]] std::int64_t integer() const;
  [[nodiscard]] float float32() const;
  [[nodiscard]] std::string_view text() const;
  [[nodiscard]] WireReader message() const;
  // Of a repeated number, packed or not: appends all that the field holds.
  void append_integers(std::vector<std::int64_t>& values) const;
  void append_floats(std::vector<float>& values) const;
  void append_doubles(std::vector<double>& values) const;
};

// Reads within `bytes` alone and allocates nothing; the bytes must outlive it and every field.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes, std::size_t position = 0) : bytes_(bytes), position_(position) {}
  // The next field; false at the end of the message. Throws WireError for bytes that are none.
  bool next(WireField& field);

 private:
  friend struct WireField;
  std::uint64_t varint();
  std::uint64_t fixed(std::size_t size);

  std::string_view bytes_;
  std::size_t position_;  // of the bytes not read yet, in the file
};

}  // namespace mp::onnx

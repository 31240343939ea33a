// The parsed form of a JSON text: a flat list of entries, 16 bytes each, in file order.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/files/json.hpp"

namespace mp {

// A value is one entry; an array is followed by its items, an object by a string entry (the key) and a value for each
// member. `payload` means:
//   kBoolean  0 or 1          kInteger, kUnsigned  the integer     kNumber  the bits of the double
//   kString   place of the bytes in `text` (`length` of them)
//   kArray, kObject           position after the last entry inside; `length` items or members
struct JsonEntry {
  JsonKind kind = JsonKind::kNull;
  std::uint32_t length = 0;
  std::uint64_t payload = 0;
};

struct JsonDocument::Tape {
  std::vector<JsonEntry> entries;
  std::string text;  // the bytes of all strings

  [[nodiscard]] std::string_view string(const JsonEntry& entry) const {
    return std::string_view(text).substr(entry.payload, entry.length);
  }
  // Position after the value at `at` and everything in it.
  [[nodiscard]] std::size_t next(std::size_t at) const {
    const JsonEntry& entry = entries[at];
    const bool has_inside = entry.kind == JsonKind::kArray || entry.kind == JsonKind::kObject;
    return has_inside ? static_cast<std::size_t>(entry.payload) : at + 1;
  }
};

// Throws InputError; see JsonDocument.
[[nodiscard]] JsonDocument::Tape parse_json(std::string_view text, const std::string& source);

// The JSON pointer of the entry at `at`.
[[nodiscard]] std::string json_pointer(const JsonDocument::Tape& tape, std::size_t at);

}  // namespace mp

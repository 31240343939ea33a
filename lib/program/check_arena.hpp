// An arena as the checker sees it: which value lies in which bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "lib/program/check_values.hpp"
#include "lib/program/program.hpp"

namespace mp {

class CheckedArena {
 public:
  // The value stored in exactly these bytes and whole; none when they were never written or something of them was
  // written over since.
  [[nodiscard]] std::optional<Value> value_in(const Buffer& buffer) const;
  // Destroys whatever the bytes touch.
  void write(const Buffer& buffer, const Value& value);
  // From now on, until `release`, the bytes belong to a message.
  void lend(const Buffer& buffer, std::int32_t message) { lent_.emplace(message, buffer); }
  void release(std::int32_t message) { lent_.erase(message); }
  // A message that still owns some of these bytes.
  [[nodiscard]] std::optional<std::int32_t> lent_to(const Buffer& buffer) const;

 private:
  struct Cell {
    std::int64_t end = 0;
    Value value;
  };
  std::map<std::int64_t, Cell> cells_;  // by first byte; disjoint
  std::map<std::int32_t, Buffer> lent_;
};

// Do two buffers share a byte?
[[nodiscard]] bool overlap(const Buffer& a, const Buffer& b);

}  // namespace mp

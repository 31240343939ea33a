#include "lib/program/check_arena.hpp"

#include <iterator>

namespace mp {

bool overlap(const Buffer& a, const Buffer& b) {
  return a.size_bytes > 0 && b.size_bytes > 0 && a.offset_bytes < b.offset_bytes + b.size_bytes &&
         b.offset_bytes < a.offset_bytes + a.size_bytes;
}

std::optional<Value> CheckedArena::value_in(const Buffer& buffer) const {
  const auto cell = cells_.find(buffer.offset_bytes);
  if (cell == cells_.end() || cell->second.end != buffer.offset_bytes + buffer.size_bytes) return std::nullopt;
  return cell->second.value;
}

void CheckedArena::write(const Buffer& buffer, const Value& value) {
  const std::int64_t end = buffer.offset_bytes + buffer.size_bytes;
  auto at = cells_.upper_bound(buffer.offset_bytes);
  if (at != cells_.begin() && std::prev(at)->second.end > buffer.offset_bytes) --at;
  while (at != cells_.end() && at->first < end) at = cells_.erase(at);
  cells_.insert_or_assign(buffer.offset_bytes, Cell{end, value});
}

std::optional<std::int32_t> CheckedArena::lent_to(const Buffer& buffer) const {
  for (const auto& [message, lent] : lent_) {
    if (overlap(lent, buffer)) return message;
  }
  return std::nullopt;
}

}  // namespace mp

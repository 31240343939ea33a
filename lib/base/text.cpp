#include "lib/base/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace mp {
namespace {

constexpr std::size_t kLongestQuoted = 80;
constexpr std::size_t kLongestCompared = 64;  // names beyond this are not compared: messages must stay cheap

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Bytes of a UTF-8 character after its first.
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// Line breaks and other control characters would break the message apart.
std::string printable(std::string_view text) {
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20U; }, ' ');
  return result;
}

using Row = std::array<std::size_t, kLongestCompared + 1>;

// Optimal string alignment distance, cut off above `limit` (then limit + 1).
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return limit + 1;
  std::array<Row, 3> rows{};
  Row* before = &rows[0];
  Row* above = &rows[1];
  Row* row = &rows[2];
  for (std::size_t j = 0; j <= b.size(); ++j) (*above)[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    (*row)[0] = i;
    std::size_t best = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      std::size_t cost = std::min({(*above)[j] + 1, (*row)[j - 1] + 1, (*above)[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) cost = std::min(cost, (*before)[j - 2] + 1);
      (*row)[j] = cost;
      best = std::min(best, cost);
    }
    if (best > limit) return limit + 1;
    std::swap(before, above);
    std::swap(above, row);
  }
  return (*above)[b.size()];
}

}  // namespace

std::string quoted(std::string_view name) {
  if (name.size() <= kLongestQuoted) return "'" + printable(name) + "'";
  std::size_t head = kLongestQuoted / 2;
  std::size_t tail = name.size() - kLongestQuoted / 2;
  while (head > 0 && continues_character(name[head])) --head;
  while (tail < name.size() && continues_character(name[tail])) ++tail;
  return "'" + printable(name.substr(0, head)) + "…" + printable(name.substr(tail)) + "'";
}

std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.empty() || name.size() > kLongestCompared) return std::nullopt;
  // A third of the letters may differ; a two-letter name is near nothing but its own other case.
  std::size_t limit = std::max<std::size_t>(name.size() / 3, name.size() > 2 ? 1 : 0);
  std::optional<std::string_view> best;
  for (const std::string_view candidate : candidates) {
    if (candidate.empty() || candidate.size() > kLongestCompared || candidate == name) continue;
    const std::size_t distance = edit_distance(name, candidate, limit);
    if (distance > limit) continue;
    best = candidate;
    if (distance == 0) break;
    limit = distance - 1;
  }
  return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const std::optional<std::string_view> near = nearest_name(name, candidates);
  return near ? "; did you mean " + quoted(*near) + "?" : std::string();
}

std::string pointer_part(std::string_view key) {
  std::string part;
  for (const char c : key) {
    if (c == '~') {
      part += "~0";
    } else if (c == '/') {
      part += "~1";
    } else {
      part += c;
    }
  }
  return part;
}

}  // namespace mp

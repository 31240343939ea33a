#include "lib/graph/node_split.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"

namespace mp {
namespace {

[[noreturn]] void refuse_text(std::string_view text) {
  throw UsageError(
      fmt::format("a split is written NODE=WAY:PARTS with channels, rows, columns or inputs as the WAY, not {}",
                  quoted(std::string(text))));
}

}  // namespace

std::string_view name_of(SplitWay way) {
  switch (way) {
    case SplitWay::kChannels:
      return "channels";
    case SplitWay::kRows:
      return "rows";
    case SplitWay::kColumns:
      return "columns";
    case SplitWay::kInputs:
      return "inputs";
  }
  return "";
}

NodeSplit parse_node_split(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  const std::size_t colon = text.rfind(':');
  if (equals == std::string_view::npos || colon == std::string_view::npos || colon < equals || equals == 0) {
    refuse_text(text);
  }
  NodeSplit split{.node = std::string(text.substr(0, equals)), .way = SplitWay::kChannels, .parts = 0};
  const std::string_view name = text.substr(equals + 1, colon - equals - 1);
  const auto way =
      std::find_if(kSplitWays.begin(), kSplitWays.end(), [&](SplitWay known) { return name_of(known) == name; });
  if (way == kSplitWays.end()) refuse_text(text);
  split.way = *way;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, split.parts);
  if (error != std::errc() || stop != end) refuse_text(text);
  return split;
}

}  // namespace mp

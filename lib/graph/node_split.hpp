// What a plan says of a node that is cut into parts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mp {

enum class SplitWay : std::uint8_t {
  kChannels,  // Conv, ConvTranspose: each part makes some of the output's channels: those weights alone, all of X
  kRows,      // likewise: some of the output's rows (first spatial axis): all weights, and rows of X with a halo
  kColumns,   // Gemm, MatMul: some of the output's columns: those columns of B alone, all of A
  kInputs,    // all of them: a sum over some of the input channels (columns of A, rows of B); the parts are added
};
inline constexpr std::array kSplitWays = {SplitWay::kChannels, SplitWay::kRows, SplitWay::kColumns, SplitWay::kInputs};
[[nodiscard]] std::string_view name_of(SplitWay way);  // "channels", "rows", "columns", "inputs"

inline constexpr std::int64_t kMaxSplitParts = 1024;

struct NodeSplit {
  std::string node;
  SplitWay way = SplitWay::kChannels;
  std::int64_t parts = 2;
  friend bool operator==(const NodeSplit&, const NodeSplit&) = default;
};

// "conv1=channels:2". Throws UsageError that says what is wrong with it.
[[nodiscard]] NodeSplit parse_node_split(std::string_view text);

}  // namespace mp

// First values of parameters: a pure function of seed, name and position, whatever the placement.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/graph/graph.hpp"
#include "lib/graph/shard_parameters.hpp"
#include "runtime/cpu/team.hpp"

namespace mp::runtime {

// Hands out the values of one tensor, in order and in pieces, so that memory is needed once and not twice. A shard has
// the values of its stretch of the whole.
class ParameterFiller {
 public:
  ParameterFiller(TensorType type, std::string_view name, const Initializer& initializer, std::uint64_t seed,
                  const std::optional<ParameterShard>& shard = {});
  // The next piece in the tensor's element type, drawn by the team; empty at the end. Valid until the next call.
  [[nodiscard]] std::span<const std::byte> next(Team& team);

 private:
  // Elements [begin, end) of the piece.
  void draw(std::int64_t begin, std::int64_t end);
  void store(std::size_t position, double value);

  TensorType type_;
  Initializer initializer_;
  RandomStream stream_;
  ShardRuns runs_;  // of the elements in the stream; one run where this is no shard
  std::int64_t done_ = 0;
  std::int64_t elements_;
  std::vector<std::byte> piece_;
};

}  // namespace mp::runtime

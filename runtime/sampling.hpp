// From scores to the next token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "lib/graph/types.hpp"

namespace mp::runtime {

// Scores as a device hands them over, float32 or bfloat16, as many as there are places in `scores`.
void take_scores(DataType type, std::span<const std::byte> values, std::span<float> scores);

struct SamplingOptions {
  bool is_greedy = false;               // the largest score, whatever else is said
  double temperature = 1.0;             // ≥ 0: scores are divided by it; 0: greedy
  std::optional<std::int64_t> top_k{};  // ≥ 1: of the tokens with the k largest scores alone (Fan et al., ACL 2018)
  // 0 < p ≤ 1: of the fewest tokens whose probability reaches p (nucleus: Holtzman et al., ICLR 2020).
  std::optional<double> top_p{};
};

// A token by its probability, softmax(scores / temperature) over those that are left, first by top_k, then by top_p. Of
// equal scores the smaller token comes first. `uniform` in [0, 1) chooses. Double arithmetic; scores that are not
// numbers are never taken. At least one score is finite.
[[nodiscard]] std::int64_t sample_token(std::span<const float> scores, const SamplingOptions& options, double uniform);

}  // namespace mp::runtime

#include "runtime/sampling.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "lib/base/bfloat16.hpp"
#include "lib/base/check.hpp"

namespace mp::runtime {
namespace {

struct Candidate {
  std::int64_t token = 0;
  double score = 0.0;  // then its weight e^((score − largest) / temperature)
};

// All that have a score, the likeliest first.
std::vector<Candidate> ranked(std::span<const float> scores) {
  std::vector<Candidate> candidates;
  candidates.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (std::isfinite(scores[i])) candidates.push_back({static_cast<std::int64_t>(i), static_cast<double>(scores[i])});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  return candidates;
}

double total(const std::vector<Candidate>& candidates) {
  double sum = 0.0;
  for (const Candidate& candidate : candidates) sum += candidate.score;
  return sum;
}

void keep_nucleus(std::vector<Candidate>& candidates, double top_p) {
  const double wanted = top_p * total(candidates);
  double sum = 0.0;
  std::size_t kept = 0;
  while (kept < candidates.size() && (kept == 0 || sum < wanted)) sum += candidates[kept++].score;
  candidates.resize(kept);
}

}  // namespace

void take_scores(DataType type, std::span<const std::byte> values, std::span<float> scores) {
  MP_CHECK(type == DataType::kFloat32 || type == DataType::kBfloat16);
  MP_CHECK(values.size() == scores.size() * static_cast<std::size_t>(size_of(type)));
  if (type == DataType::kFloat32) return static_cast<void>(std::memcpy(scores.data(), values.data(), values.size()));
  for (std::size_t i = 0; i < scores.size(); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, values.data() + i * sizeof half, sizeof half);
    scores[i] = from_bfloat16(half);
  }
}

std::int64_t sample_token(std::span<const float> scores, const SamplingOptions& options, double uniform) {
  std::vector<Candidate> candidates = ranked(scores);
  MP_CHECK(!candidates.empty());
  if (options.is_greedy || options.temperature == 0.0) return candidates.front().token;
  if (options.top_k) candidates.resize(std::min(candidates.size(), static_cast<std::size_t>(*options.top_k)));
  const double largest = candidates.front().score;
  for (Candidate& candidate : candidates) candidate.score = std::exp((candidate.score - largest) / options.temperature);
  if (options.top_p) keep_nucleus(candidates, *options.top_p);
  double left = uniform * total(candidates);
  for (const Candidate& candidate : candidates) {
    left -= candidate.score;
    if (left < 0.0) return candidate.token;
  }
  return candidates.back().token;  // rounding alone leads here
}

}  // namespace mp::runtime

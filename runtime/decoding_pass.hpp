// One program of a language model over a few positions (lib/training/decoding.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/training/decoding.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// Placed as the whole graph is. Its weights, and the keys and values that attention keeps, are the lenders' where they
// have them, and else its own, each on the device that reads them.
class DecodingPass {
 public:
  // `decoding` was made of the graph that `trained` was made of; `ranks` and `lenders` as of an Executor.
  DecodingPass(const Program& trained, DecodingGraph decoding, const BackendFactory& backends, RankGroup* ranks,
               const std::vector<const Executor*>& lenders);
  DecodingPass(const DecodingPass&) = delete;
  DecodingPass& operator=(const DecodingPass&) = delete;

  [[nodiscard]] Executor& executor() { return executor_; }
  [[nodiscard]] std::int64_t positions() const { return positions_; }
  // Gives the weights that are its own the values that the whole graph's executor has.
  void copy_weights(Executor& whole);

  // Keeps keys and values of `tokens` (positions() at most) from position `first` on, where `first` + positions() fits
  // the context, and returns the scores of what follows the last one. Those of the positions before are kept already;
  // those behind are anything. Valid until the next call.
  [[nodiscard]] std::span<const float> run(std::span<const std::int64_t> tokens, std::int64_t first);

 private:
  class Feeder;

  DecodingGraph decoding_;
  std::int64_t positions_;
  std::vector<float> scores_;
  std::int64_t passes_ = 0;  // done: who watches them tells one from the next
  Executor executor_;
};

}  // namespace mp::runtime

// A language model one token at a time: a program of one position, and the keys and values of those before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/training/decoding.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// Placed as the whole graph is, with weights of its own. What attention has kept is in the host's memory, and is fed to
// the devices with each token. Of ranks, each keeps all of it.
class Decoder {
 public:
  // `decoding` was made of the graph that `trained` was made of; `ranks` as of an Executor.
  Decoder(const Program& trained, DecodingGraph decoding, const BackendFactory& backends, RankGroup* ranks = nullptr);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  [[nodiscard]] Executor& executor() { return executor_; }
  // The tensors of the whole graph that hold keys and values, and what a pass over all of it has made of one. In any
  // thread, one for each tensor.
  [[nodiscard]] std::vector<TensorId> wanted() const;
  void keep(TensorId whole, std::span<const std::byte> values);

  // Scores of what follows `token` at `position`, those before it having been kept: [vocabulary]. Keeps it, too. Valid
  // until the next call.
  [[nodiscard]] std::span<const float> next_scores(std::int64_t token, std::int64_t position);

 private:
  class Feeder;
  struct Kept {
    std::vector<std::byte> rows;  // of all positions
    std::vector<std::byte> row;   // just made
  };

  void take(TensorId made, std::span<const std::byte> values);

  DecodingGraph decoding_;
  std::vector<Kept> kept_;  // beside decoding_.caches
  std::vector<float> scores_;
  std::int64_t passes_ = 0;  // done: who watches them tells one from the next
  Executor executor_;
};

}  // namespace mp::runtime

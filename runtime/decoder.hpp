// A language model that reads a text in a few passes and goes on with it one token at a time, keeping attention's keys
// and values of what it has read.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/training/inference.hpp"
#include "runtime/decoding_pass.hpp"
#include "runtime/stall/stall_watch.hpp"

namespace mp::runtime {

// The model's graph in inference mode, of one sequence, and what of it is asked for.
struct DecodedModel {
  const Graph& graph;
  TensorId tokens = kNone<TensorId>;  // [1, context]
  TensorId scores = kNone<TensorId>;
};

// Two programs, of one token and of many, with the weights of an executor of the whole graph. Each device keeps the
// keys and values of the attention nodes that it has, in its own memory; both programs use them there.
class Decoder {
 public:
  // `trained` was compiled from `model`'s nodes, and `whole` has its weights and outlives this; `ranks` as of an
  // Executor. Null where a token takes a pass over the whole context: `why_not` says why.
  [[nodiscard]] static std::unique_ptr<Decoder> make(const Program& trained, const DecodedModel& model,
                                                     const Executor& whole, const BackendFactory& backends,
                                                     RankGroup* ranks, std::string& why_not);

  // The weights of `whole` are others now: what has been read is forgotten.
  void take_over_weights(Executor& whole);

  // Scores of what follows these tokens (1 to the context's number of them): [vocabulary]. Reads those alone that the
  // text before did not begin with. Valid until the next call.
  [[nodiscard]] std::span<const float> next_scores(std::span<const std::int64_t> tokens);

  // Passes done, of one token and of many.
  [[nodiscard]] std::int64_t token_passes() const { return token_passes_; }
  [[nodiscard]] std::int64_t long_passes() const { return long_passes_; }

  // Both executors are watched while this lives.
  class Watched {
   public:
    Watched(StallWatch* stalls, Decoder* decoder);

   private:
    StallWatch::Watched long_;
    StallWatch::Watched token_;
  };

 private:
  Decoder(const Program& trained, DecodingGraph of_many, DecodingGraph of_one, const Executor& whole,
          const BackendFactory& backends, RankGroup* ranks, std::int64_t context);

  std::int64_t context_;
  DecodingPass long_;               // has the caches
  DecodingPass token_;              // uses them
  std::vector<std::int64_t> read_;  // tokens whose keys and values are kept
  std::int64_t token_passes_ = 0;
  std::int64_t long_passes_ = 0;
};

}  // namespace mp::runtime

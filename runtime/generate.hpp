// Text from a trained language model, token by token.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lib/graph/graph.hpp"
#include "runtime/decoder.hpp"
#include "runtime/executor.hpp"
#include "runtime/sampling.hpp"
#include "runtime/stall/stall_watch.hpp"

namespace mp::runtime {

struct GenerateOptions {
  std::int64_t tokens = 100;
  SamplingOptions sampling{};
  std::uint64_t seed = 0;
  StallWatch* stalls = nullptr;  // of the devices, while they compute scores; what an observer takes is its own affair
};

// A forward program of a model that predicts next tokens, placed as its training program is, that hands out the scores
// at one position of its context. What comes after the position is zeros: a causal model does not look at it. Where the
// model allows it (Decoder), a text is read in passes over its own length, and one that grows by a token takes a pass
// over that token alone; else each token takes a pass over the whole context. Both have the same scores within rounding.
//
// With ranks all of it is to be called on all of them alike, and rank 0 draws the tokens.
class Generator {
 public:
  // `forward` is the graph that `trained` was made of, one microbatch a step. Throws InputError (source: the model)
  // where the model is none that predicts tokens: one input of tokens, and a SoftmaxCrossEntropyLoss of all next
  // tokens. `ranks` as of an Executor.
  enum class Passes : std::uint8_t { kIncremental, kWhole };
  Generator(const Program& trained, const Graph& forward, const BackendFactory& backends,
            Passes passes = Passes::kIncremental, RankGroup* ranks = nullptr);

  // Of passes over the whole context, for the weights, which all passes use. To be called when they are others; before
  // the first time, all passes are over the whole context.
  [[nodiscard]] Executor& executor() { return executor_; }
  void take_over_weights();
  // Why each token takes a pass over the whole context, where it does; empty: it does not.
  [[nodiscard]] const std::string& why_not_incremental() const { return why_not_; }
  // Null: there are passes over the whole context alone.
  [[nodiscard]] const Decoder* decoder() const { return decoder_.get(); }
  [[nodiscard]] std::int64_t context() const { return context_; }
  [[nodiscard]] std::int64_t vocabulary() const { return vocabulary_; }

  // Scores of what follows these tokens (1 to context() of them): [vocabulary]. Valid until the next call.
  [[nodiscard]] std::span<const float> next_scores(std::span<const std::int64_t> tokens);

  // Tokens that follow `prompt` (not empty, each below vocabulary()), each told to `observer` as it is chosen; false
  // ends it there, and is to be the same on all ranks. Only the last context() tokens are looked at. Token i is drawn
  // with the i-th number of the seed's stream. Throws RunError where no score is a number.
  void generate(std::vector<std::int64_t> prompt, const GenerateOptions& options,
                const std::function<bool(std::int64_t token)>& observer);

 private:
  struct Parts;
  Generator(const Program& trained, Parts parts, const BackendFactory& backends, Passes passes, RankGroup* ranks);
  void listen();
  [[nodiscard]] std::span<const float> watched_scores(std::span<const std::int64_t> tokens, StallWatch* stalls);

  std::int64_t context_;
  std::int64_t vocabulary_;
  std::size_t tokens_input_;    // position in Graph::inputs()
  std::size_t position_input_;  // likewise
  Executor executor_;
  std::vector<float> scores_;
  std::string why_not_;
  std::unique_ptr<Decoder> decoder_;  // null: passes over the whole context alone
  bool has_decoder_weights_ = false;
  std::int64_t passes_ = 0;  // over the whole context
};

}  // namespace mp::runtime

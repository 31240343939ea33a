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
// at one position of its context. What comes after the position is zeros: a causal model does not look at it. A text
// that grows by one token takes a pass over that token alone (Decoder), where the model allows it; any other, and one
// that slides through the context, a pass over the whole context. Both have the same scores within rounding.
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

  // Of passes over the whole context, for the weights. Passes over one token are made with those that it had at the
  // last take_over_weights(); before the first, none are made.
  [[nodiscard]] Executor& executor() { return executor_; }
  void take_over_weights();
  // Why each token takes a pass over the whole context, where it does; empty: it does not.
  [[nodiscard]] const std::string& why_not_incremental() const { return why_not_; }
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
  Generator(Parts parts, const BackendFactory& backends, RankGroup* ranks);
  void listen();
  [[nodiscard]] std::span<const float> watched_scores(std::span<const std::int64_t> tokens, StallWatch* stalls);

  std::int64_t context_;
  std::int64_t vocabulary_;
  std::size_t tokens_input_;    // position in Graph::inputs()
  std::size_t position_input_;  // likewise
  Executor executor_;
  std::vector<float> scores_;
  TensorId scores_tensor_ = kNone<TensorId>;
  std::string why_not_;
  std::unique_ptr<Decoder> decoder_;  // null: passes over the whole context alone
  bool has_decoder_weights_ = false;
  std::int64_t passes_ = 0;         // over the whole context
  std::vector<std::int64_t> kept_;  // the tokens whose keys and values the decoder has
};

}  // namespace mp::runtime

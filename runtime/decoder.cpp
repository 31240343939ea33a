#include "runtime/decoder.hpp"

#include <algorithm>
#include <utility>

#include "lib/base/check.hpp"

namespace mp::runtime {
namespace {

constexpr std::int64_t kLongPass = 128;  // positions: enough for products to run at full speed
// Tokens that take one pass each, where fewer are left: each reads all weights once, and a long pass computes with them
// some ten times as long.
constexpr std::size_t kFew = 8;

}  // namespace

std::unique_ptr<Decoder> Decoder::make(const Program& trained, const DecodedModel& model, const Executor& whole,
                                       const BackendFactory& backends, RankGroup* ranks, std::string& why_not) {
  const std::int64_t context = model.graph.tensor(model.tokens).type.shape.back();
  const auto graph_of = [&](std::int64_t positions) {
    return decoding_graph(model.graph,
                          {.tokens = model.tokens,
                           .scores = model.scores,
                           .positions = positions,
                           .device_of = trained.placement,
                           .home = whole.program().training.home},
                          why_not);
  };
  auto of_many = graph_of(std::min(context, kLongPass));
  auto of_one = graph_of(1);
  if (!of_many || !of_one) return nullptr;
  return std::unique_ptr<Decoder>(
      new Decoder(trained, *std::move(of_many), *std::move(of_one), whole, backends, ranks, context));
}

Decoder::Decoder(const Program& trained, DecodingGraph of_many, DecodingGraph of_one, const Executor& whole,
                 const BackendFactory& backends, RankGroup* ranks, std::int64_t context)
    : context_(context),
      long_(trained, std::move(of_many), backends, ranks, {&whole}),
      token_(trained, std::move(of_one), backends, ranks, {&whole, &long_.executor()}) {}

void Decoder::take_over_weights(Executor& whole) {
  read_.clear();
  long_.copy_weights(whole);  // lent to the other
}

std::span<const float> Decoder::next_scores(std::span<const std::int64_t> tokens) {
  MP_CHECK(!tokens.empty() && static_cast<std::int64_t>(tokens.size()) <= context_);
  const std::size_t comparable = std::min(read_.size(), tokens.size() - 1);
  const auto first_other =
      std::mismatch(read_.begin(), read_.begin() + static_cast<std::ptrdiff_t>(comparable), tokens.begin());
  auto done = static_cast<std::size_t>(first_other.first - read_.begin());
  read_.resize(done);  // what is behind is written over before it is looked at
  std::span<const float> scores;
  while (done < tokens.size()) {
    const bool is_long = tokens.size() - done > kFew;
    DecodingPass& pass = is_long ? long_ : token_;
    const auto positions = static_cast<std::size_t>(pass.positions());
    // The last pass of a text that fills the context reads some again.
    const std::size_t first = std::min(done, static_cast<std::size_t>(context_) - positions);
    const std::size_t count = std::min(positions, tokens.size() - first);
    scores = pass.run(tokens.subspan(first, count), static_cast<std::int64_t>(first));
    ++(is_long ? long_passes_ : token_passes_);
    done = first + count;
  }
  read_.assign(tokens.begin(), tokens.end());
  return scores;
}

Decoder::Watched::Watched(StallWatch* stalls, Decoder* decoder)
    : long_(stalls, decoder == nullptr ? nullptr : &decoder->long_.executor()),
      token_(stalls, decoder == nullptr ? nullptr : &decoder->token_.executor()) {}

}  // namespace mp::runtime

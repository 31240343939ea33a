#include "runtime/generate.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"
#include "lib/training/evaluation.hpp"
#include "lib/training/inference.hpp"
#include "runtime/data/training_data.hpp"

namespace mp::runtime {
namespace {

[[noreturn]] void refuse(const Graph& graph, const std::string& why) {
  throw InputError("model '" + graph.name() + "'", Issue{"", "no text can be generated with it: " + why});
}

std::size_t position_of(const Graph& graph, TensorId tensor) {
  return static_cast<std::size_t>(graph.tensor(tensor).source);
}

// The one input of tokens, all others being targets, which have no part in the scores.
TensorId tokens_of(const Graph& graph) {
  std::optional<TensorId> found;
  bool has_targets = false;
  for (const GraphInput& input : graph.inputs()) {
    const std::string& name = graph.tensor(input.tensor).name;
    if (input.data == "next-tokens") {
      has_targets = true;
    } else if (input.data == "tokens" && !found) {
      found = input.tensor;
    } else {
      refuse(graph, fmt::format("its input '{}' is {}", name, found ? "another one" : "no text"));
    }
  }
  if (!found || !has_targets) refuse(graph, "it has no inputs of the kinds tokens and next-tokens");
  return *found;
}

// What a pass over one context is fed with.
class Prompt final : public DataSource {
 public:
  Prompt(std::size_t tokens_input, std::size_t position_input, std::span<const std::int64_t> tokens)
      : tokens_input_(tokens_input), position_input_(position_input), tokens_(tokens) {}
  void fill(std::size_t input, std::int64_t /*step*/, std::int32_t /*microbatch*/,
            std::span<std::byte> slice) const override {
    std::memset(slice.data(), 0, slice.size());
    const std::int64_t position = static_cast<std::int64_t>(tokens_.size()) - 1;
    if (input == tokens_input_) std::memcpy(slice.data(), tokens_.data(), tokens_.size_bytes());
    if (input == position_input_) std::memcpy(slice.data(), &position, sizeof(position));
  }

 private:
  std::size_t tokens_input_;
  std::size_t position_input_;
  std::span<const std::int64_t> tokens_;
};

}  // namespace

struct Generator::Parts {
  Graph inference;
  TensorId tokens = kNone<TensorId>;
  TensorId scores = kNone<TensorId>;
  Program program;
  std::int64_t context = 0;
  std::int64_t vocabulary = 0;
  std::size_t tokens_input = 0;
  std::size_t position_input = 0;

  Parts(const Program& trained, const Graph& forward);
};

// The forward graph, and one node that takes the scores at a position: scores are [batch · context, vocabulary], or
// [batch, vocabulary, context].
Generator::Parts::Parts(const Program& trained, const Graph& forward)
    : inference(inference_graph(forward)), tokens(tokens_of(inference)) {
  const std::optional<Classification> classification = classification_of(inference);
  if (!classification) refuse(forward, "it has not one SoftmaxCrossEntropyLoss");
  scores = classification->scores;
  const Shape& shape = inference.tensor(scores).type.shape;
  const Shape& window = inference.tensor(tokens).type.shape;
  const std::int64_t axis = shape.size() == 2 ? 0 : static_cast<std::int64_t>(shape.size()) - 1;
  if (elements(window) != elements(inference.tensor(classification->labels).type.shape) || shape.size() > 3) {
    refuse(forward, "its loss is not about one next token for each token");
  }
  context = window.back();
  vocabulary = std::min(shape[1], index_bound(inference, tokens).value_or(shape[1]));
  tokens_input = position_of(inference, tokens);

  TrainingGraph training = evaluation_graph(inference, trained.training);
  GraphBuilder builder(training.graph);
  const TensorId position = builder.add_input(builder.fresh_name("generate.position"), {DataType::kInt64, {1}}, "");
  position_input = inference.inputs().size();
  const TensorId next =
      builder.add("Gather", builder.fresh_name("generate.scores"), {scores, position}, {{"axis", axis}});
  training.graph = std::move(builder).build();
  const NodeId node = training.graph.tensor(next).producer;
  training.phase.push_back(Phase::kForward);
  training.placed_with.push_back(node);
  training.home.resize(training.graph.tensors().size(), kNone<NodeId>);
  ++training.forward_nodes;
  training.fetched = {next};
  Placement placement = trained.placement;
  placement.push_back(trained.placement[inference.tensor(scores).producer]);
  MP_CHECK(training.microbatches == 1);
  program = compile(std::move(training), std::move(placement),
                    {.schedule = trained.schedule, .devices = static_cast<std::int32_t>(trained.devices.size())});
}

Generator::Generator(const Program& trained, const Graph& forward, const BackendFactory& backends, Passes passes,
                     RankGroup* ranks)
    : Generator(trained, Parts(trained, forward), backends, passes, ranks) {}

Generator::Generator(const Program& trained, Parts parts, const BackendFactory& backends, Passes passes,
                     RankGroup* ranks)
    : context_(parts.context),
      vocabulary_(parts.vocabulary),
      tokens_input_(parts.tokens_input),
      position_input_(parts.position_input),
      executor_(std::move(parts.program), backends, ranks) {
  listen();
  if (passes == Passes::kWhole) return;
  const DecodedModel model{.graph = parts.inference, .tokens = parts.tokens, .scores = parts.scores};
  decoder_ = Decoder::make(trained, model, executor_, backends, ranks, why_not_);
}

void Generator::listen() {
  const TrainingGraph& training = executor_.program().training;
  const TensorType& scores = training.graph.tensor(training.fetched.front()).type;
  scores_.resize(static_cast<std::size_t>(elements(scores.shape)));
  executor_.hand_fetched_to(
      [this, type = scores.type](TensorId /*tensor*/, std::int32_t /*microbatch*/, std::span<const std::byte> values) {
        take_scores(type, values, scores_);
      });
}

void Generator::take_over_weights() {
  has_decoder_weights_ = decoder_ != nullptr;
  if (decoder_) decoder_->take_over_weights(executor_);
}

std::span<const float> Generator::next_scores(std::span<const std::int64_t> tokens) {
  MP_CHECK(!tokens.empty() && static_cast<std::int64_t>(tokens.size()) <= context_);
  const auto vocabulary = static_cast<std::size_t>(vocabulary_);
  if (has_decoder_weights_) return decoder_->next_scores(tokens).first(vocabulary);
  executor_.run_step({.step = passes_++}, Prompt(tokens_input_, position_input_, tokens));
  return std::span<const float>(scores_).first(vocabulary);
}

std::span<const float> Generator::watched_scores(std::span<const std::int64_t> tokens, StallWatch* stalls) {
  const StallWatch::Watched whole(stalls, &executor_);
  const Decoder::Watched incremental(stalls, decoder_.get());
  const auto start = std::chrono::steady_clock::now();
  const std::span<const float> scores = next_scores(tokens);
  if (stalls != nullptr) {
    stalls->step_took(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return scores;
}

void Generator::generate(std::vector<std::int64_t> prompt, const GenerateOptions& options,
                         const std::function<bool(std::int64_t token)>& observer) {
  const RandomStream random(options.seed, "generate");
  std::vector<std::int64_t>& tokens = prompt;
  for (std::int64_t i = 0; i < options.tokens; ++i) {
    const std::size_t seen = std::min(tokens.size(), static_cast<std::size_t>(context_));
    const std::span<const float> scores =
        watched_scores(std::span<const std::int64_t>(tokens).last(seen), options.stalls);
    std::int64_t token = 0;
    if (executor_.is_first()) {
      if (std::none_of(scores.begin(), scores.end(), [](float score) { return std::isfinite(score); })) {
        throw RunError(fmt::format("token {}: no score of the model is a number: these weights are beyond use", i + 1));
      }
      token = sample_token(scores, options.sampling, random.uniform(static_cast<std::uint64_t>(i)));
    }
    if (RankGroup* ranks = executor_.ranks()) ranks->broadcast(0, std::as_writable_bytes(std::span(&token, 1)));
    tokens.push_back(token);
    if (!observer(tokens.back())) return;
  }
}

}  // namespace mp::runtime

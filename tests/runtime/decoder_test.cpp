// Incremental decoding: the scores of passes over the whole context, one token at a time.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "lib/plan/prepare.hpp"
#include "runtime/generate.hpp"
#include "tests/runtime/support/scores_difference.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

Generator generator_of(const std::string& model, std::int32_t devices, Generator::Passes passes) {
  const Subject subject = load(model, 1, 1, {});
  const StepShape shape{.bindings = {{"batch", 1}}, .microbatches = 1, .optimizer = {}};
  const Graph forward = microbatch_graph(subject.model, shape, model);
  return {program_of(subject.training, {.devices = devices, .layout = devices > 2 ? Layout::kRandom : Layout::kChain}),
          forward, cpu_backends(1), passes};
}

std::vector<std::int64_t> text_of(std::size_t length) {
  std::vector<std::int64_t> tokens(length);
  for (std::size_t i = 0; i < length; ++i) tokens[i] = static_cast<std::int64_t>(i * 37 % 251);
  return tokens;
}

}  // namespace

TEST_CASE("scores of one token at a time are those of the whole context within rounding", "[generate]") {
  const auto [model, devices] =
      GENERATE(std::pair<std::string, int>{"gpt-1m", 1}, std::pair<std::string, int>{"gpt-1m", 3},
               std::pair<std::string, int>{"llama", 2});
  Generator incremental = generator_of(model, devices, Generator::Passes::kIncremental);
  Generator whole = generator_of(model, 1, Generator::Passes::kWhole);
  REQUIRE(incremental.why_not_incremental().empty());
  incremental.executor().initialise_parameters(5);
  whole.executor().initialise_parameters(5);
  incremental.take_over_weights();
  const std::vector<std::int64_t> text = text_of(128);
  const std::span tokens(text);
  for (const std::size_t prompt : {1U, 120U}) {
    static_cast<void>(incremental.next_scores(tokens.first(prompt)));
    for (std::size_t length = prompt + 1; length <= prompt + 8; ++length) {
      const std::span<const float> next = incremental.next_scores(tokens.first(length));
      CHECK(difference(next, whole.next_scores(tokens.first(length))) < 1e-5);
    }
  }
  // Another text, or none that grows by one token, is computed as a whole.
  std::vector<std::int64_t> other = text_of(6);
  other[3] = 9;
  CHECK(difference(incremental.next_scores(other), whole.next_scores(other)) < 1e-6);
}

TEST_CASE("a text that grows by a token takes a pass over that token alone", "[generate]") {
  Generator generator = generator_of("gpt-1m", 1, Generator::Passes::kIncremental);
  generator.executor().initialise_parameters(5);
  generator.take_over_weights();
  const std::vector<std::int64_t> text = text_of(128);
  const std::span tokens(text);
  const auto passes_for = [&](std::span<const std::int64_t> of) {
    const std::int64_t many = generator.decoder()->long_passes();
    const std::int64_t one = generator.decoder()->token_passes();
    static_cast<void>(generator.next_scores(of));
    return std::pair(generator.decoder()->long_passes() - many, generator.decoder()->token_passes() - one);
  };
  CHECK(passes_for(tokens.first(60)) == std::pair<std::int64_t, std::int64_t>(1, 0));
  CHECK(passes_for(tokens.first(61)) == std::pair<std::int64_t, std::int64_t>(0, 1));
  CHECK(passes_for(tokens.first(64)) == std::pair<std::int64_t, std::int64_t>(0, 3));
  CHECK(passes_for(tokens.first(128)) == std::pair<std::int64_t, std::int64_t>(1, 0));
  CHECK(passes_for(tokens.first(128)) == std::pair<std::int64_t, std::int64_t>(0, 1));  // its end is read again
  CHECK(passes_for(tokens.first(5)) == std::pair<std::int64_t, std::int64_t>(0, 1));
  CHECK(passes_for(tokens.subspan(1, 5)) == std::pair<std::int64_t, std::int64_t>(0, 5));  // another text
}

TEST_CASE("other weights are taken over, with the copies that other devices have of them", "[generate]") {
  Generator incremental = generator_of("gpt-1m", 3, Generator::Passes::kIncremental);
  Generator whole = generator_of("gpt-1m", 1, Generator::Passes::kWhole);
  const std::vector<std::int64_t> text = text_of(12);
  for (const std::uint64_t seed : {5U, 6U}) {
    incremental.executor().initialise_parameters(seed);
    whole.executor().initialise_parameters(seed);
    incremental.take_over_weights();
    CHECK(difference(incremental.next_scores(text), whole.next_scores(text)) < 1e-5);
  }
}

TEST_CASE("a model that mixes positions otherwise says which node does", "[generate]") {
  Subject subject = load("gpt-1m", 1, 1, {});
  const auto node = std::find_if(subject.model.nodes.begin(), subject.model.nodes.end(),
                                 [](const ModelNode& n) { return n.name == "block1.attention"; });
  node->attributes.set("is_causal", std::int64_t{0});
  const StepShape shape{.bindings = {{"batch", 1}}, .microbatches = 1, .optimizer = {}};
  const Graph forward = microbatch_graph(subject.model, shape, "gpt-1m");
  Generator generator(program_of(subject.training, {}), forward, cpu_backends(1));
  CHECK(generator.why_not_incremental() ==
        "node 'block1.attention' (Attention): is no causal self-attention without a mask");
  generator.executor().initialise_parameters(5);
  generator.take_over_weights();
  const std::vector<std::int64_t> text = text_of(3);
  CHECK(generator.next_scores(std::span(text).first(2)).size() == 256);
  CHECK(generator.next_scores(text).size() == 256);
}

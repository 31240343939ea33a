#include "runtime/generate.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/training/evaluation.hpp"
#include "lib/training/inference.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

// How often each token is drawn, of 20,000 times.
std::vector<double> shares(const std::vector<float>& scores, const SamplingOptions& options) {
  constexpr int kDraws = 20'000;
  const RandomStream random(1, "test");
  std::vector<double> shares(scores.size());
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    shares[static_cast<std::size_t>(sample_token(scores, options, random.uniform(i)))] += 1.0 / kDraws;
  }
  return shares;
}

bool are_near(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) { return std::abs(x - y) < 0.015; });
}

const std::vector<float> kScores = {std::log(0.1F), std::log(0.4F), std::log(0.2F), std::log(0.3F)};

class Tokens final : public DataSource {
 public:
  explicit Tokens(std::vector<std::int64_t> tokens) : tokens_(std::move(tokens)) {}
  void fill(std::size_t input, std::int64_t /*step*/, std::int32_t /*microbatch*/,
            std::span<std::byte> slice) const override {
    std::memset(slice.data(), 0, slice.size());
    if (input == 0) std::memcpy(slice.data(), tokens_.data(), slice.size());
  }

 private:
  std::vector<std::int64_t> tokens_;
};

}  // namespace

TEST_CASE("tokens are drawn by their probability", "[generate]") {
  CHECK(are_near(shares(kScores, {}), {0.1, 0.4, 0.2, 0.3}));
  CHECK(are_near(shares(kScores, {.temperature = 0.5}), {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3}));
  CHECK(are_near(shares(kScores, {.top_k = 2}), {0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0}));
  CHECK(are_near(shares(kScores, {.top_k = 9}), {0.1, 0.4, 0.2, 0.3}));
  CHECK(are_near(shares(kScores, {.top_p = 0.65}), {0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0}));
  CHECK(are_near(shares(kScores, {.top_p = 0.75}), {0.0, 4.0 / 9.0, 2.0 / 9.0, 3.0 / 9.0}));
  CHECK(are_near(shares(kScores, {.top_p = 1e-9}), {0.0, 1.0, 0.0, 0.0}));
  CHECK(are_near(shares(kScores, {.top_k = 3, .top_p = 0.5}), {0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0}));  // of 0.9: 0.45
  CHECK(are_near(shares(kScores, {.is_greedy = true}), {0.0, 1.0, 0.0, 0.0}));
  CHECK(are_near(shares(kScores, {.temperature = 0.0}), {0.0, 1.0, 0.0, 0.0}));
}

TEST_CASE("odd scores do not lead astray", "[generate]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(sample_token(std::vector<float>{nan, 2.0F, 2.0F, infinity}, {.is_greedy = true}, 0.0) == 1);
  CHECK(sample_token(std::vector<float>{nan, -infinity, -1e30F}, {}, 0.999999) == 2);
  CHECK(sample_token(std::vector<float>{3e38F, -3e38F}, {.temperature = 1e-9}, 0.999999) == 0);
}

TEST_CASE("scores of either type are taken as numbers", "[generate]") {
  std::vector<float> taken(3);
  const std::vector<std::uint16_t> halves = {0x3f80, 0xc000, 0x4049};  // 1, -2, 3.140625
  take_scores(DataType::kBfloat16, std::as_bytes(std::span(halves)), taken);
  CHECK(taken == std::vector<float>{1.0F, -2.0F, 3.140625F});
  const std::vector<float> numbers = {0.5F, 7.0F, -1.0F};
  take_scores(DataType::kFloat32, std::as_bytes(std::span(numbers)), taken);
  CHECK(taken == numbers);
}

TEST_CASE("scores are those of evaluation, for sequences of any length and on any devices", "[generate]") {
  const Subject subject = load("gpt-1m", 1, 1, {});
  const StepShape shape{.bindings = {{"batch", 1}}, .microbatches = 1, .optimizer = {}};
  const Graph forward = microbatch_graph(subject.model, shape, "gpt-1m");
  const Program trained = program_of(subject.training, {.devices = 3});
  Generator generator(trained, forward, cpu_backends(1));
  CHECK(generator.context() == 128);
  CHECK(generator.vocabulary() == 256);
  generator.executor().initialise_parameters(5);

  TrainingGraph evaluation = evaluation_graph(inference_graph(forward), subject.training);
  const TensorId scores = classification_of(evaluation.graph)->scores;
  evaluation.fetched = {scores};
  Executor executor(program_of(evaluation, {}), cpu_backends(1));
  executor.initialise_parameters(5);
  std::vector<float> all(128 * 256);
  executor.hand_fetched_to([&](TensorId tensor, std::int32_t /*microbatch*/, std::span<const std::byte> values) {
    CHECK(tensor == scores);
    REQUIRE(values.size() == all.size() * sizeof(float));
    std::memcpy(all.data(), values.data(), values.size());
  });
  std::vector<std::int64_t> tokens(128);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int64_t>(i * 37 % 251);
  executor.run_step({}, Tokens(tokens));
  for (const std::size_t length : {1U, 2U, 63U, 128U}) {
    const std::span<const float> next = generator.next_scores(std::span(tokens).first(length));
    CHECK(std::equal(next.begin(), next.end(), all.begin() + static_cast<std::ptrdiff_t>((length - 1) * 256)));
  }
}

TEST_CASE("a text longer than the context slides through it, and the observer may end it", "[generate]") {
  const Subject subject = load("gpt-1m", 1, 1, {});
  const StepShape shape{.bindings = {{"batch", 1}}, .microbatches = 1, .optimizer = {}};
  const Graph forward = microbatch_graph(subject.model, shape, "gpt-1m");
  Generator generator(program_of(subject.training, {}), forward, cpu_backends(1));
  generator.executor().initialise_parameters(5);
  std::vector<std::int64_t> prompt(130, 7);
  prompt[0] = 200;
  const auto written = [&](std::vector<std::int64_t> from, const GenerateOptions& options, std::size_t most) {
    std::vector<std::int64_t> tokens;
    generator.generate(std::move(from), options, [&](std::int64_t token) {
      tokens.push_back(token);
      return tokens.size() < most;
    });
    return tokens;
  };
  const GenerateOptions options{.tokens = 4, .sampling = {.temperature = 2.0}, .seed = 3};
  const std::vector<std::int64_t> text = written(prompt, options, 99);
  CHECK(text.size() == 4);
  prompt[1] = 99;  // outside the last 128
  CHECK(written(prompt, options, 99) == text);
  CHECK(written(prompt, options, 2) == std::vector(text.begin(), text.begin() + 2));
  prompt[129] = 8;
  CHECK(written(prompt, options, 99) != text);
}

TEST_CASE("no text comes from a model that is none of text", "[generate]") {
  const Subject subject = load("mlp", 1, 1, {});
  const StepShape shape{.bindings = {{"batch", 1}}, .microbatches = 1, .optimizer = {}};
  const Graph forward = microbatch_graph(subject.model, shape, "mlp");
  std::string message;
  try {
    const Generator generator(program_of(subject.training, {}), forward, cpu_backends(1));
  } catch (const InputError& error) {
    message = error.what();
  }
  CHECK(message == "model 'mlp': no text can be generated with it: its input 'x' is no text");
}

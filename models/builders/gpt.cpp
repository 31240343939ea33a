#include "models/builders/gpt.hpp"

#include <cmath>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "models/builders/model_builder.hpp"

namespace mp::models {
namespace {

constexpr double kInitialStd = 0.02;

class GptBuilder {
 public:
  explicit GptBuilder(const GptOptions& options)
      : o_(options),
        inner_(options.feed_forward == 0 ? 4 * options.hidden : options.feed_forward),
        builder_(options.name, describe(options), options.batch) {}

  Model build() && {
    const std::string tokens = builder_.input("tokens", DataType::kInt64, {batch(), fixed(o_.context)}, "tokens");
    const std::string targets =
        builder_.input("targets", DataType::kInt64, {batch(), fixed(o_.context)}, "next-tokens");
    std::string x = embed(tokens);
    for (std::int64_t layer = 0; layer < o_.layers; ++layer) {
      const std::string block = fmt::format("block{}.", layer);
      x = attend(block, x);
      x = feed_forward(block, x);
    }
    const std::string normalised = normalise("final_norm", x);
    const std::string logits =
        builder_.node("Gemm", "logits", {normalised, "token_embedding.weight"}, {{"transB", std::int64_t{1}}});
    const std::string labels = builder_.node("Reshape", "labels", {targets}, shape({-1}));
    return std::move(builder_).build(builder_.node("SoftmaxCrossEntropyLoss", "loss", {logits, labels}));
  }

 private:
  static std::string describe(const GptOptions& o) {
    return fmt::format("GPT-2 style decoder: {} layers, hidden {}, {} heads, context {}, vocabulary {}", o.layers,
                       o.hidden, o.heads, o.context, o.vocabulary);
  }

  static Attributes shape(std::vector<std::int64_t> extents) { return {{"shape", std::move(extents)}}; }

  // Matrices [tokens, hidden] flow between the parts; attention alone sees sequences.
  std::string embed(const std::string& tokens) {
    const std::string table =
        builder_.weight("token_embedding.weight", {o_.vocabulary, o_.hidden}, normal(kInitialStd));
    const std::string positions =
        builder_.weight("position_embedding.weight", {o_.context, o_.hidden}, normal(kInitialStd));
    const std::string embedded = builder_.node("Gather", "token_embedding", {table, tokens});
    const std::string sum = builder_.node("Add", "position_embedding", {embedded, positions});
    return dropped("embedding_rows", builder_.node("Reshape", "embedding_rows", {sum}, shape({-1, o_.hidden})));
  }

  std::string normalise(const std::string& name, const std::string& x) {
    const std::string scale = builder_.vector(name + ".weight", o_.hidden, 1.0);
    const std::string bias = builder_.vector(name + ".bias", o_.hidden, 0.0);
    return builder_.node("LayerNormalization", name, {x, scale, bias});
  }

  std::string attend(const std::string& block, const std::string& x) {
    const std::string normalised = normalise(block + "attention.norm", x);
    std::vector<std::string> sequences;
    for (const char* part : {"query", "key", "value"}) {
      const std::string name = block + "attention." + part;
      const std::string rows = builder_.linear(name, normalised, o_.hidden, o_.hidden, normal(kInitialStd));
      sequences.push_back(builder_.node("Reshape", name + ".sequences", {rows}, shape({-1, o_.context, o_.hidden})));
    }
    const std::string mixed =
        builder_.node("Attention", block + "attention", sequences,
                      {{"q_num_heads", o_.heads}, {"kv_num_heads", o_.heads}, {"is_causal", std::int64_t{1}}});
    const std::string rows = builder_.node("Reshape", block + "attention.rows", {mixed}, shape({-1, o_.hidden}));
    return add_branch(block + "attention", x, rows, o_.hidden);
  }

  std::string feed_forward(const std::string& block, const std::string& x) {
    const std::string name = block + "feed_forward";
    const std::string normalised = normalise(name + ".norm", x);
    const std::string wide = builder_.linear(name + ".expand", normalised, o_.hidden, inner_, normal(kInitialStd));
    const std::string active = builder_.node("Gelu", name + ".gelu", {wide}, {{"approximate", std::string("tanh")}});
    return add_branch(name, x, active, inner_);
  }

  // x + linear(branch). 2 × layers branches add up: their initial variance is divided by that.
  std::string add_branch(const std::string& name, const std::string& x, const std::string& branch, std::int64_t width) {
    const Initializer initial = normal(kInitialStd / std::sqrt(2.0 * static_cast<double>(o_.layers)));
    const std::string projected = builder_.linear(name + ".project", branch, width, o_.hidden, initial);
    return builder_.node("Add", name + ".add", {x, dropped(name, projected)});
  }

  std::string dropped(const std::string& name, const std::string& x) {
    if (o_.dropout == 0.0) return x;
    return builder_.node("Dropout", name + ".dropout", {x}, {{"ratio", o_.dropout}});
  }

  const GptOptions& o_;
  std::int64_t inner_;
  ModelBuilder builder_;
};

struct Preset {
  std::string_view name;
  std::int64_t layers, hidden, heads, context, batch;
};

constexpr std::int64_t kGpt2Vocabulary = 50257;
constexpr Preset kPresets[] = {
    {"gpt2-124m", 12, 768, 12, 1024, 512},   {"gpt2-350m", 24, 1024, 16, 1024, 512},
    {"gpt2-774m", 36, 1280, 20, 1024, 512},  {"gpt2-1.5b", 48, 1600, 25, 1024, 512},
    {"gpt3-6.7b", 32, 4096, 32, 2048, 1024}, {"gpt3-175b", 96, 12288, 96, 2048, 1536},
};

}  // namespace

std::optional<GptOptions> gpt_preset(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (preset.name != name) continue;
    GptOptions options;
    options.name = preset.name;
    options.layers = preset.layers;
    options.hidden = preset.hidden;
    options.heads = preset.heads;
    options.vocabulary = kGpt2Vocabulary;
    options.context = preset.context;
    options.batch = preset.batch;
    return options;
  }
  return std::nullopt;
}

std::vector<std::string_view> gpt_preset_names() {
  std::vector<std::string_view> names;
  for (const Preset& preset : kPresets) names.push_back(preset.name);
  return names;
}

Model build_gpt(const GptOptions& options) {
  need_positive("layers", options.layers);
  need_positive("hidden", options.hidden);
  need_positive("heads", options.heads);
  need_positive("vocabulary", options.vocabulary);
  need_positive("context", options.context);
  if (options.feed_forward != 0) need_positive("feed-forward", options.feed_forward);
  if (options.hidden % options.heads != 0) {
    throw UsageError(fmt::format("heads must divide hidden: {} does not divide {}", options.heads, options.hidden));
  }
  if (!(options.dropout >= 0.0 && options.dropout < 1.0)) {
    throw UsageError(fmt::format("dropout must be 0 or more and less than 1, not {}", options.dropout));
  }
  return GptBuilder(options).build();
}

}  // namespace mp::models

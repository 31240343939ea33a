#include "models/builders/llama.hpp"

#include <cmath>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "models/builders/model_builder.hpp"

namespace mp::models {
namespace {

constexpr double kInitialStd = 0.02;

class LlamaBuilder {
 public:
  explicit LlamaBuilder(const LlamaOptions& options)
      : o_(options),
        inner_(options.feed_forward == 0 ? (8 * options.hidden / 3 + 31) / 32 * 32 : options.feed_forward),
        builder_(options.name,
                 fmt::format("LLaMA style decoder: {} layers, hidden {}, {} heads over {} keys and values, context {}, "
                             "vocabulary {}",
                             options.layers, options.hidden, options.heads, options.key_value_heads, options.context,
                             options.vocabulary),
                 options.batch) {}

  Model build() && {
    const std::string tokens = builder_.input("tokens", DataType::kInt64, {batch(), fixed(o_.context)}, "tokens");
    const std::string targets =
        builder_.input("targets", DataType::kInt64, {batch(), fixed(o_.context)}, "next-tokens");
    const std::string table = builder_.weight("embedding.weight", {o_.vocabulary, o_.hidden}, normal(kInitialStd));
    std::string x = builder_.node("Reshape", "embedding_rows", {builder_.node("Gather", "embedding", {table, tokens})},
                                  {{"shape", Extents{-1, o_.hidden}}});
    for (std::int64_t layer = 0; layer < o_.layers; ++layer) {
      const std::string block = fmt::format("block{}.", layer);
      x = attend(block, x);
      x = feed_forward(block + "feed_forward", x);
    }
    const std::string logits = project("logits", normalise("final_norm", x), o_.hidden, o_.vocabulary, kInitialStd);
    const std::string labels = builder_.node("Reshape", "labels", {targets}, {{"shape", Extents{-1}}});
    return std::move(builder_).build(builder_.node("SoftmaxCrossEntropyLoss", "loss", {logits, labels}));
  }

 private:
  using Extents = std::vector<std::int64_t>;

  std::string normalise(const std::string& name, const std::string& x) {
    return builder_.node("RMSNormalization", name, {x, builder_.vector(name + ".weight", o_.hidden, 1.0)});
  }

  // x·Wᵀ, no bias.
  std::string project(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out, double std) {
    const std::string weight = builder_.weight(name + ".weight", {out, in}, normal(std));
    return builder_.node("Gemm", name, {x, weight}, {{"transB", std::int64_t{1}}});
  }

  // Where a branch joins the residual stream: 2 × layers of them add up.
  std::string add_branch(const std::string& name, const std::string& x, const std::string& branch, std::int64_t width) {
    const double std = kInitialStd / std::sqrt(2.0 * static_cast<double>(o_.layers));
    return builder_.node("Add", name + ".add", {x, project(name + ".project", branch, width, o_.hidden, std)});
  }

  std::string sequences(const std::string& name, const std::string& x, std::int64_t heads) {
    const std::int64_t width = heads * (o_.hidden / o_.heads);
    return builder_.node("Reshape", name + ".sequences", {project(name, x, o_.hidden, width, kInitialStd)},
                         {{"shape", Extents{-1, o_.context, width}}});
  }

  std::string rotated(const std::string& name, const std::string& x, std::int64_t heads) {
    return builder_.node("RotaryEmbedding", name + ".rotary", {x}, {{"num_heads", heads}});
  }

  std::string attend(const std::string& block, const std::string& x) {
    const std::string name = block + "attention";
    const std::string normalised = normalise(name + ".norm", x);
    const std::string query = sequences(name + ".query", normalised, o_.heads);
    const std::string key = sequences(name + ".key", normalised, o_.key_value_heads);
    const std::string value = sequences(name + ".value", normalised, o_.key_value_heads);
    const std::string mixed = builder_.node(
        "Attention", name,
        {rotated(name + ".query", query, o_.heads), rotated(name + ".key", key, o_.key_value_heads), value},
        {{"q_num_heads", o_.heads}, {"kv_num_heads", o_.key_value_heads}, {"is_causal", std::int64_t{1}}});
    const std::string rows = builder_.node("Reshape", name + ".rows", {mixed}, {{"shape", Extents{-1, o_.hidden}}});
    return add_branch(name, x, rows, o_.hidden);
  }

  std::string feed_forward(const std::string& name, const std::string& x) {
    const std::string normalised = normalise(name + ".norm", x);
    const std::string gate = project(name + ".gate", normalised, o_.hidden, inner_, kInitialStd);
    const std::string wide = project(name + ".expand", normalised, o_.hidden, inner_, kInitialStd);
    const std::string opened = builder_.node("Swish", name + ".swish", {gate});
    return add_branch(name, x, builder_.node("Mul", name + ".gated", {opened, wide}), inner_);
  }

  const LlamaOptions& o_;
  std::int64_t inner_;
  ModelBuilder builder_;
};

}  // namespace

Model build_llama(const LlamaOptions& o) {
  need_positive("layers", o.layers);
  need_positive("hidden", o.hidden);
  need_positive("heads", o.heads);
  need_positive("key-value-heads", o.key_value_heads);
  need_positive("vocabulary", o.vocabulary);
  need_positive("context", o.context);
  if (o.feed_forward != 0) need_positive("feed-forward", o.feed_forward);
  if (o.hidden % (2 * o.heads) != 0) {
    throw UsageError(fmt::format("hidden must be heads of even size: {} heads do not divide {} so", o.heads, o.hidden));
  }
  if (o.heads % o.key_value_heads != 0) {
    throw UsageError(
        fmt::format("key-value-heads must divide heads: {} does not divide {}", o.key_value_heads, o.heads));
  }
  return LlamaBuilder(o).build();
}

}  // namespace mp::models

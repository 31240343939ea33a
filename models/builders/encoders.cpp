#include "models/builders/encoders.hpp"

#include <cmath>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "models/builders/model_builder.hpp"

namespace mp::models {
namespace {

constexpr double kInitialStd = 0.02;

using Extents = std::vector<std::int64_t>;

struct EncoderShape {
  std::int64_t layers;
  std::int64_t hidden;
  std::int64_t heads;
  std::int64_t inner;
  std::int64_t places;  // of a sequence
  bool normalises_first;
};

// Matrices [batch · places, hidden] flow between the parts; attention alone sees sequences.
class Encoder {
 public:
  Encoder(ModelBuilder& builder, const EncoderShape& shape) : builder_(builder), s_(shape) {}

  std::string run(std::string x) {
    for (std::int64_t layer = 0; layer < s_.layers; ++layer) {
      const std::string block = fmt::format("block{}.", layer);
      x = add_part(block + "attention", x,
                   [&](const std::string& name, const std::string& in) { return attend(name, in); });
      x = add_part(block + "feed_forward", x,
                   [&](const std::string& name, const std::string& in) { return feed_forward(name, in); });
    }
    return x;
  }

  std::string normalise(const std::string& name, const std::string& x) {
    return builder_.node(
        "LayerNormalization", name,
        {x, builder_.vector(name + ".weight", s_.hidden, 1.0), builder_.vector(name + ".bias", s_.hidden, 0.0)});
  }

  std::string rows(const std::string& name, const std::string& x) {
    return builder_.node("Reshape", name, {x}, {{"shape", Extents{-1, s_.hidden}}});
  }

 private:
  template <class Part>
  std::string add_part(const std::string& name, const std::string& x, const Part& part) {
    const std::string in = s_.normalises_first ? normalise(name + ".norm", x) : x;
    const std::string sum = builder_.node("Add", name + ".add", {x, part(name, in)});
    return s_.normalises_first ? sum : normalise(name + ".norm", sum);
  }

  std::string attend(const std::string& name, const std::string& x) {
    std::vector<std::string> sequences;
    for (const char* role : {".query", ".key", ".value"}) {
      const std::string flat = builder_.linear(name + role, x, s_.hidden, s_.hidden, normal(kInitialStd));
      sequences.push_back(
          builder_.node("Reshape", name + role + ".sequences", {flat}, {{"shape", Extents{-1, s_.places, s_.hidden}}}));
    }
    const std::string mixed =
        builder_.node("Attention", name, sequences, {{"q_num_heads", s_.heads}, {"kv_num_heads", s_.heads}});
    return builder_.linear(name + ".project", rows(name + ".rows", mixed), s_.hidden, s_.hidden, normal(kInitialStd));
  }

  std::string feed_forward(const std::string& name, const std::string& x) {
    const std::string wide = builder_.linear(name + ".expand", x, s_.hidden, s_.inner, normal(kInitialStd));
    const std::string active = builder_.node("Gelu", name + ".gelu", {wide});
    return builder_.linear(name + ".project", active, s_.inner, s_.hidden, normal(kInitialStd));
  }

  ModelBuilder& builder_;
  EncoderShape s_;
};

void need_heads(std::int64_t hidden, std::int64_t heads) {
  need_positive("hidden", hidden);
  need_positive("heads", heads);
  if (hidden % heads == 0) return;
  throw UsageError(fmt::format("heads must divide hidden: {} does not divide {}", heads, hidden));
}

std::int64_t inner_width(std::int64_t feed_forward, std::int64_t hidden) {
  if (feed_forward != 0) need_positive("feed-forward", feed_forward);
  return feed_forward == 0 ? 4 * hidden : feed_forward;
}

// The embedding of a hidden token is replaced by a learned one: a dropout of ones, as bool, says which.
std::string hide(ModelBuilder& builder, const BertOptions& o, const std::string& tokens, const std::string& embedded) {
  if (o.hidden_share == 0.0) return embedded;
  const std::string numbers = builder.node("Cast", "hiding.numbers", {tokens}, {{"to", std::string("float32")}});
  const std::string zero = builder.node("Constant", "hiding.zero", {}, {{"value_float", 0.0}});
  const std::string one = builder.node("Constant", "hiding.one", {}, {{"value_float", 1.0}});
  const std::string ones =
      builder.node("Add", "hiding.ones", {builder.node("Mul", "hiding.zeros", {numbers, zero}), one});
  const std::string kept = builder.node("Dropout", "hiding", {ones}, {{"ratio", o.hidden_share}});
  const std::string is_seen = builder.node("Cast", "hiding.seen", {kept}, {{"to", std::string("bool")}});
  const std::string column = builder.node("Unsqueeze", "hiding.column", {is_seen}, {{"axes", Extents{-1}}});
  const std::string blank = builder.weight("blank_embedding.weight", {o.hidden}, normal(kInitialStd));
  return builder.node("Where", "hidden_tokens", {column, embedded, blank});
}

}  // namespace

Model build_bert(const BertOptions& o) {
  need_positive("layers", o.layers);
  need_heads(o.hidden, o.heads);
  need_positive("vocabulary", o.vocabulary);
  need_positive("context", o.context);
  if (!(o.hidden_share >= 0.0 && o.hidden_share < 1.0)) {
    throw UsageError(fmt::format("hidden-share must be 0 or more and less than 1, not {}", o.hidden_share));
  }
  ModelBuilder builder(o.name,
                       fmt::format("BERT style encoder: {} layers, hidden {}, {} heads, context {}, vocabulary {}",
                                   o.layers, o.hidden, o.heads, o.context, o.vocabulary),
                       o.batch);
  const std::string tokens = builder.input("tokens", DataType::kInt64, {batch(), fixed(o.context)}, "tokens");
  const std::string targets = builder.input("targets", DataType::kInt64, {batch(), fixed(o.context)}, "copy:tokens");
  const std::string table = builder.weight("token_embedding.weight", {o.vocabulary, o.hidden}, normal(kInitialStd));
  const std::string places = builder.weight("position_embedding.weight", {o.context, o.hidden}, normal(kInitialStd));
  const std::string embedded = builder.node("Gather", "token_embedding", {table, tokens});
  const std::string placed = builder.node("Add", "position_embedding", {hide(builder, o, tokens, embedded), places});
  Encoder encoder(builder, {o.layers, o.hidden, o.heads, inner_width(o.feed_forward, o.hidden), o.context, false});
  std::string x = encoder.normalise("embedding_norm", encoder.rows("embedding_rows", placed));
  x = encoder.run(x);
  x = builder.node("Gelu", "head.gelu", {builder.linear("head", x, o.hidden, o.hidden, normal(kInitialStd))});
  x = encoder.normalise("head.norm", x);
  const std::string bias = builder.vector("logits.bias", o.vocabulary, 0.0);
  const std::string logits = builder.node("Gemm", "logits", {x, table, bias}, {{"transB", std::int64_t{1}}});
  const std::string labels = builder.node("Reshape", "labels", {targets}, {{"shape", Extents{-1}}});
  return std::move(builder).build(builder.node("SoftmaxCrossEntropyLoss", "loss", {logits, labels}));
}

Model build_vit(const VitOptions& o) {
  need_positive("image", o.image);
  need_positive("channels", o.channels);
  need_positive("patch", o.patch);
  need_positive("layers", o.layers);
  need_heads(o.hidden, o.heads);
  need_positive("classes", o.classes);
  if (o.image % o.patch != 0) {
    throw UsageError(fmt::format("patch must divide image: {} does not divide {}", o.patch, o.image));
  }
  const std::int64_t patches = (o.image / o.patch) * (o.image / o.patch);
  ModelBuilder builder(
      o.name,
      fmt::format("Vision transformer: {0} × {0} images in patches of {1} × {1}, {2} layers, hidden {3}, {4} heads",
                  o.image, o.patch, o.layers, o.hidden, o.heads),
      o.batch);
  const std::string x =
      builder.input("x", DataType::kFloat32, {batch(), fixed(o.channels), fixed(o.image), fixed(o.image)}, "images");
  const std::string labels = builder.input("labels", DataType::kInt64, {batch()}, "labels");
  const double fan_in = static_cast<double>(o.channels * o.patch * o.patch);
  const std::string weight =
      builder.weight("patches.weight", {o.hidden, o.channels, o.patch, o.patch}, normal(1.0 / std::sqrt(fan_in)));
  const std::string mapped =
      builder.node("Conv", "patches", {x, weight, builder.vector("patches.bias", o.hidden, 0.0)},
                   {{"kernel_shape", Extents{o.patch, o.patch}}, {"strides", Extents{o.patch, o.patch}}});
  const std::string columns =
      builder.node("Reshape", "patches.columns", {mapped}, {{"shape", Extents{0, o.hidden, patches}}});
  const std::string sequences = builder.node("Transpose", "patches.sequences", {columns}, {{"perm", Extents{0, 2, 1}}});
  const std::string places = builder.weight("position_embedding.weight", {patches, o.hidden}, normal(kInitialStd));
  const std::string placed = builder.node("Add", "position_embedding", {sequences, places});
  Encoder encoder(builder, {o.layers, o.hidden, o.heads, inner_width(o.feed_forward, o.hidden), patches, true});
  const std::string seen = encoder.normalise("final_norm", encoder.run(encoder.rows("embedding_rows", placed)));
  const std::string by_image =
      builder.node("Reshape", "final_sequences", {seen}, {{"shape", Extents{-1, patches, o.hidden}}});
  const std::string mean =
      builder.node("ReduceMean", "features", {by_image}, {{"axes", Extents{1}}, {"keepdims", std::int64_t{0}}});
  const std::string scores = builder.linear("classifier", mean, o.hidden, o.classes, normal(kInitialStd));
  return std::move(builder).build(builder.node("SoftmaxCrossEntropyLoss", "loss", {scores, labels}));
}

}  // namespace mp::models

#include "models/builders/recurrent.hpp"

#include <cmath>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "models/builders/model_builder.hpp"

namespace mp::models {
namespace {

using Extents = std::vector<std::int64_t>;

// One layer over [batch, context, hidden] with both biases, as torch.nn.LSTM begins.
std::string add_layer(ModelBuilder& builder, const LstmOptions& o, const std::string& name, const std::string& x) {
  const Initializer initial = uniform(1.0 / std::sqrt(static_cast<double>(o.hidden)));
  const std::string w = builder.weight(name + ".weight", {1, 4 * o.hidden, o.hidden}, initial);
  const std::string r = builder.weight(name + ".recurrent_weight", {1, 4 * o.hidden, o.hidden}, initial);
  const std::string bias = builder.vector(name + ".bias", 8 * o.hidden, 0.0);
  const std::string row = builder.node("Unsqueeze", name + ".bias_row", {bias}, {{"axes", Extents{0}}});
  const std::string y =
      builder.node("LSTM", name, {x, w, r, row}, {{"hidden_size", o.hidden}, {"layout", std::int64_t{1}}});
  return builder.node("Squeeze", name + ".output", {y}, {{"axes", Extents{2}}});
}

}  // namespace

Model build_lstm(const LstmOptions& o) {
  need_positive("layers", o.layers);
  need_positive("hidden", o.hidden);
  need_positive("vocabulary", o.vocabulary);
  need_positive("context", o.context);
  if (!(o.dropout >= 0.0 && o.dropout < 1.0)) {
    throw UsageError(fmt::format("dropout must be 0 or more and less than 1, not {}", o.dropout));
  }
  ModelBuilder builder(o.name,
                       fmt::format("LSTM language model: {} layers, hidden {}, context {}, vocabulary {}", o.layers,
                                   o.hidden, o.context, o.vocabulary),
                       o.batch);
  const std::string tokens = builder.input("tokens", DataType::kInt64, {batch(), fixed(o.context)}, "tokens");
  const std::string targets = builder.input("targets", DataType::kInt64, {batch(), fixed(o.context)}, "next-tokens");
  const std::string table = builder.weight("embedding.weight", {o.vocabulary, o.hidden}, normal(0.1));
  std::string x = builder.node("Gather", "embedding", {table, tokens});
  for (std::int64_t layer = 0; layer < o.layers; ++layer) {
    const std::string name = fmt::format("lstm{}", layer + 1);
    if (o.dropout > 0.0) x = builder.node("Dropout", name + ".dropout", {x}, {{"ratio", o.dropout}});
    x = add_layer(builder, o, name, x);
  }
  const std::string rows = builder.node("Reshape", "rows", {x}, {{"shape", Extents{-1, o.hidden}}});
  const Initializer initial = uniform(1.0 / std::sqrt(static_cast<double>(o.hidden)));
  const std::string logits = builder.linear("logits", rows, o.hidden, o.vocabulary, initial);
  const std::string labels = builder.node("Reshape", "labels", {targets}, {{"shape", Extents{-1}}});
  return std::move(builder).build(builder.node("SoftmaxCrossEntropyLoss", "loss", {logits, labels}));
}

}  // namespace mp::models

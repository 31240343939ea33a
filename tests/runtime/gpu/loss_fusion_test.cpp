// Losses that are made with their gradients: found where they can be, with the same bits.
#include <cstddef>
#include <string>
#include <vector>

#include "lib/graph/builder.hpp"
#include "runtime/gpu/fusion.hpp"
#include "tests/runtime/gpu/support/steps.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

using Found = std::vector<std::vector<std::size_t>>;

constexpr std::int64_t kLines = 24;
constexpr std::int64_t kClasses = 40;

struct Loss {
  Attributes attributes = {};
  DataType type = DataType::kBfloat16;
  Shape seed_shape = {};
  bool has_weights = false;
  bool has_seed_before = false;  // the loss's own gradient comes from elsewhere
  bool is_seed_wanted = false;   // by somebody else, too
};

void add_loss(GraphBuilder& builder, const Loss& l, TensorId scores, TensorId labels, TensorId weights) {
  Node loss;
  loss.name = "loss";
  loss.op_name = "SoftmaxCrossEntropyLoss";
  loss.attributes = l.attributes;
  loss.inputs = {scores, labels};
  if (l.has_weights) loss.inputs.push_back(weights);
  builder.add_node(loss, {"loss", "", "log_sums"});
}

GraphBuilder loss_and_gradient(const Loss& l) {
  GraphBuilder builder("loss");
  const TensorId scores = builder.add_input("scores", {l.type, {kLines, kClasses}});
  const TensorId labels = builder.add_input("labels", {DataType::kInt64, {kLines}});
  const TensorId weights = builder.add_input("weights", {DataType::kFloat32, {kClasses}});
  TensorId seed = builder.add_input("given", {DataType::kFloat32, {}});
  add_loss(builder, l, scores, labels, weights);
  const TensorId log_sums = builder.peek().node(NodeId{0}).outputs[2];
  if (!l.has_seed_before) seed = builder.add("Constant", "seed", {}, {{"value_float", 0.5}, {"shape", l.seed_shape}});
  std::vector<TensorId> inputs{seed, scores, labels, log_sums};
  if (l.has_weights) inputs.push_back(weights);
  builder.add("SoftmaxCrossEntropyLossGrad", "dscores", inputs, l.attributes);
  if (l.is_seed_wanted) builder.add("Neg", "more", {seed});
  return builder;
}

Found found(const Loss& l, const GpuHostOptions& options = {}) { return Steps(loss_and_gradient(l), options).fused(); }

}  // namespace

TEST_CASE("a loss is made with its gradient, with the same bits", "[gpu-kernels][fused]") {
  const Attributes summed{{"reduction", std::string("sum")}};
  const Attributes ignoring{{"ignore_index", std::int64_t{1}}};
  for (const Loss& l : {Loss{}, Loss{.attributes = summed}, Loss{.attributes = ignoring, .type = DataType::kFloat32},
                        Loss{.attributes = ignoring, .has_weights = true, .has_seed_before = true}}) {
    CAPTURE(l.has_weights, l.has_seed_before, l.attributes.has("ignore_index"));
    CHECK(found(l) == (l.has_seed_before ? Found{{0, 1}} : Found{{0, 1, 2}}));
    for (const bool is_in_place : {false, true}) {
      Steps fused(loss_and_gradient(l));
      Steps plain(loss_and_gradient(l));
      if (is_in_place) fused.put("dscores", "scores");
      fused.fill();
      plain.fill();
      fused.run(true);
      plain.run(false);
      CHECK(fused.floats("loss") == plain.floats("loss"));
      CHECK(fused.floats("log_sums") == plain.floats("log_sums"));
      CHECK(fused.floats("dscores") == plain.floats("dscores"));
      CHECK(plain.floats("dscores")[0] != 0.0F);
    }
  }
}

TEST_CASE("a loss keeps its memory although its gradient's seed is made there later", "[gpu-kernels][fused]") {
  Steps fused(loss_and_gradient({}));
  Steps plain(loss_and_gradient({}));
  fused.put("seed", "loss");
  CHECK(fused.fused() == Found{{0, 1, 2}});
  fused.fill();
  plain.fill();
  fused.run(true);
  plain.run(false);
  CHECK(fused.floats("loss") == plain.floats("loss"));
  CHECK(fused.floats("dscores") == plain.floats("dscores"));
}

TEST_CASE("a loss is made by itself where its gradient cannot come so early", "[gpu-kernels][fused]") {
  CHECK(found({}, {.epilogues = false}).empty());
  CHECK(found({.is_seed_wanted = true}).empty());
  CHECK(found({.attributes = {{"reduction", std::string("none")}}, .seed_shape = {kLines}}).empty());
  for (const std::string over : {"labels", "log_sums", "loss"}) {
    INFO(over);
    Steps steps(loss_and_gradient({}));
    steps.put("dscores", over);
    CHECK(steps.fused().empty());
  }
  Steps steps(loss_and_gradient({}));
  std::vector<FusionStep> apart = steps.steps();
  apart[1].is_barrier = true;  // as a message would be
  CHECK(steps.fused(apart).empty());
}

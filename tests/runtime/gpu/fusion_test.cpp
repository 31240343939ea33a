// What the GPU's steps are fused into, and that fusing changes nothing but rounding.
#include "runtime/gpu/fusion.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "runtime/gpu/host_backend.hpp"
#include "tests/runtime/gpu/support/steps.hpp"
#include "tests/runtime/support/torch_runs.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

constexpr std::int64_t kRows = 4;
constexpr std::int64_t kInner = 8;
constexpr std::int64_t kColumns = 16;

using Found = std::vector<std::vector<std::size_t>>;

const Attributes kTanh{{"approximate", std::string("tanh")}};

TensorId matrix(GraphBuilder& builder, const std::string& name, Shape shape, DataType type = DataType::kBfloat16) {
  return builder.add_input(name, {type, std::move(shape)});
}

// z = x·w + b, y = gelu(z), and an Identity's worth of distance between them where wanted.
GraphBuilder forward(const Attributes& gelu, DataType type = DataType::kBfloat16, bool has_step_between = false) {
  GraphBuilder builder("forward");
  const TensorId x = matrix(builder, "x", {kRows, kInner}, type);
  const TensorId w = matrix(builder, "w", {kInner, kColumns}, type);
  const TensorId b = matrix(builder, "b", {kColumns}, type);
  const TensorId z = builder.add("Gemm", "z", {x, w, b});
  if (has_step_between) builder.add("Neg", "other", {x});
  builder.add("Gelu", "y", {z}, gelu);
  return builder;
}

// dy = g·wᵀ, dw = hᵀ·g, db = the columns of g, dz = gelu'(z)·dy: the order that differentiation leaves.
GraphBuilder backward(bool is_dy_wanted = false) {
  GraphBuilder builder("backward");
  const TensorId g = matrix(builder, "g", {kRows, kInner});
  const TensorId w = matrix(builder, "w", {kColumns, kInner});
  const TensorId h = matrix(builder, "h", {kRows, kColumns});
  const TensorId z = matrix(builder, "z", {kRows, kColumns});
  const TensorId dy = builder.add("Gemm", "dy", {g, w}, {{"transB", std::int64_t{1}}});
  builder.add("Gemm", "dw", {h, g}, {{"transA", std::int64_t{1}}});
  builder.add("ReduceSum", "db", {g}, {{"axes", std::vector<std::int64_t>{0}}, {"keepdims", std::int64_t{0}}});
  builder.add("GeluGrad", "dz", {dy, z}, kTanh);
  if (is_dy_wanted) builder.add("Neg", "more", {dy});
  return builder;
}

// Updates of tensors of one chunk, of several and of a full last one, with a factor of the gradients.
GraphBuilder updates() {
  GraphBuilder builder("updates");
  const TensorId factor = matrix(builder, "factor", {}, DataType::kFloat32);
  int count = 0;
  for (const std::int64_t size : {5, 20000, 8192, 24576}) {
    const std::string name = "p" + std::to_string(count);
    const auto operand = [&](const std::string& of) { return matrix(builder, name + of, {size}, DataType::kFloat32); };
    const TensorId w = operand("");
    const TensorId g = operand(".g");
    Node node;
    node.name = name + ".update";
    if (count % 2 == 0) {
      node.op_name = "AdamUpdate";
      node.attributes = {{"weight_decay", 0.1 * count}, {"decoupled", std::int64_t{1}}};
      node.inputs = {w, g, operand(".m"), operand(".v"), kNone<TensorId>, factor};
      builder.add_node(node, {name + ".w'", name + ".m'", name + ".v'"});
    } else {
      node.op_name = "SgdUpdate";
      node.attributes = {{"momentum", 0.9}, {"learning_rate_factor", 0.5 * count}};
      node.inputs = {w, g, operand(".m"), kNone<TensorId>, factor};
      builder.add_node(node, {name + ".w'", name + ".m'"});
    }
    ++count;
  }
  return builder;
}

Steps updated(bool is_fused) {
  Steps steps(updates());
  for (const std::string p : {"p0", "p1", "p2", "p3"}) {
    steps.put(p + ".w'", p);
    steps.put(p + ".m'", p + ".m");
    if (p == "p0" || p == "p2") steps.put(p + ".v'", p + ".v");
  }
  steps.fill();
  steps.run(is_fused);
  return steps;
}

}  // namespace

TEST_CASE("all updates in one launch have the bits of one by one", "[gpu-kernels][fused]") {
  const Steps one_by_one = updated(false);
  const Steps together = updated(true);
  CHECK(together.fused() == Found{{0, 1, 2, 3}});
  for (const std::string name : {"p0", "p0.m", "p0.v", "p1", "p1.m", "p2", "p2.v", "p3", "p3.m"}) {
    INFO(name);
    CHECK(together.floats(name) == one_by_one.floats(name));
  }
  CHECK(together.floats("p1") != together.floats("p1.g"));
}

TEST_CASE("norms of tensors of any size are made in one launch", "[gpu-kernels]") {
  GraphBuilder builder("norms");
  const std::vector<std::int64_t> sizes{17500, 3, 30000};
  std::vector<TensorId> inputs;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    inputs.push_back(matrix(builder, "g" + std::to_string(i), {sizes[i]}, DataType::kFloat32));
  }
  builder.add("GradientL2", "norms", inputs);
  Steps steps(std::move(builder));
  steps.fill();
  steps.run(false);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    double squares = 0.0;
    for (const float x : steps.floats("g" + std::to_string(i))) squares += static_cast<double>(x) * x;
    CHECK(steps.floats("norms")[i] == Approx(std::sqrt(squares)).epsilon(1e-6));
  }
}

TEST_CASE("a bfloat16 product takes its GELU with it, of the tanh kind alone", "[gpu-kernels][fused]") {
  CHECK(Steps(forward(kTanh)).fused() == Found{{0, 1}});
  CHECK(Steps(forward(kTanh, DataType::kBfloat16, true)).fused() == Found{{0, 2}});
  CHECK(Steps(forward({})).fused().empty());
  CHECK(Steps(forward(kTanh, DataType::kFloat32)).fused().empty());
  CHECK(Steps(forward(kTanh), {.epilogues = false}).fused().empty());
}

TEST_CASE("a step moves up only where no memory is in the way", "[gpu-kernels][fused]") {
  Steps in_place(forward(kTanh));
  in_place.put("y", "z");
  CHECK(in_place.fused() == Found{{0, 1}});
  Steps over_operand(forward(kTanh));
  over_operand.put("y", "x");
  CHECK(over_operand.fused().empty());
  Steps over_read(forward(kTanh, DataType::kBfloat16, true));
  over_read.put("y", "other");                // written in between …
  CHECK(over_read.fused() == Found{{2, 0}});  // … by what the product can wait for
  Steps plain(forward(kTanh, DataType::kBfloat16, true));
  for (Steps* steps : {&over_read, &plain}) {
    steps->fill();
    steps->run(steps == &over_read);
  }
  const std::vector<float> expected = plain.floats("y");
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(over_read.floats("y")[i] == Approx(expected[i]).epsilon(0.02));
  Steps over_kept(backward());
  over_kept.put("dz", "z");
  CHECK(over_kept.fused() == Found{{1, 2}});

  Steps apart(forward(kTanh));
  std::vector<FusionStep> steps = apart.steps();
  steps[1].microbatch = 1;
  CHECK(apart.fused(steps).empty());
  steps = apart.steps();
  steps.insert(steps.begin() + 1, FusionStep{.is_barrier = true});
  CHECK(apart.fused(steps).empty());
}

TEST_CASE("products take the gradients of GELUs and biases with them", "[gpu-kernels][fused]") {
  CHECK(Steps(backward()).fused() == Found{{0, 3}, {1, 2}});
  CHECK(Steps(backward(true)).fused() == Found{{1, 2}});
}

TEST_CASE("fused products change rounding alone; without a library for them, no bit", "[gpu-kernels][fused]") {
  const TorchRuns file = read_torch_runs("mixed_precision.json");
  const TorchRun& gpt = file.runs.at(0);
  REQUIRE(gpt.model == "gpt");
  const auto losses_of = [&](const GpuHostOptions& options, bool is_watched) {
    return losses_of_torch_run(gpt, file.seed,
                               {.backends = [&](DeviceId) { return make_gpu_host_backend_with(options); },
                                .steps = 3,
                                .precision = Precision::kBfloat16,
                                .is_watched = is_watched});
  };
  const std::vector<double> plain = losses_of({.epilogues = false}, false);
  CHECK(losses_of({.refuses_epilogues = true, .fuses_normalizations = false}, false) == plain);
  CHECK(losses_of({}, true) == plain);  // the updates one by one, too
  const std::vector<double> fused = losses_of({}, false);
  CHECK(fused != plain);
  for (std::size_t i = 0; i < fused.size(); ++i) CHECK(fused[i] == Approx(plain[i]).epsilon(1e-3));
}

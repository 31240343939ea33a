// Buffers that outlive a microbatch: states updated in place, shared parameters, sums.
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "lib/program/program.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::GraphBuilder;
using mp::Program;
using mp::TensorId;

namespace {

const mp::TensorType kRows = {mp::DataType::kFloat32, {4, 2}};
const mp::TensorType kChannels = {mp::DataType::kFloat32, {2}};

struct Normalization {
  TensorId output = mp::kNone<TensorId>;
  TensorId new_mean = mp::kNone<TensorId>;
};

Normalization normalize(GraphBuilder& builder, const std::string& name, TensorId x, TensorId mean) {
  const auto parameter = [&](const char* what, bool trainable) {
    return builder.add_parameter(name + what, kChannels, {}, trainable);
  };
  mp::Node node;
  node.name = name;
  node.op_name = "BatchNormalization";
  node.inputs = {x, parameter(".scale", true), parameter(".bias", true), mean, parameter(".variance", false)};
  node.attributes = {{"training_mode", std::int64_t{1}}};
  const mp::NodeId id = builder.add_node(std::move(node), {name, name + ".new_mean", name + ".new_variance"});
  return {builder.peek().node(id).outputs[0], builder.peek().node(id).outputs[1]};
}

mp::Graph with_loss(GraphBuilder builder, TensorId y) {
  const TensorId target = builder.add_input("target", kRows, "normal");
  builder.set_loss(builder.add("MeanSquaredError", "loss", {y, target}), mp::LossReduction::kMean);
  return std::move(builder).build();
}

Program on_one_device(const mp::Graph& forward) {
  mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 2});
  return compile(std::move(training), mp::Placement(forward.nodes().size(), DeviceId{0}),
                 {.schedule = mp::Schedule::k1f1b, .devices = 1});
}

std::string first_lines(const Program& program, int count) {
  const std::string text = to_text(program, DeviceId{0});
  std::size_t end = 0;
  for (int i = 0; i < count; ++i) end = text.find('\n', end) + 1;
  return text.substr(0, end);
}

}  // namespace

TEST_CASE("a state somebody reads is copied before the next microbatch changes it", "[program][state]") {
  GraphBuilder builder("reads_state");
  const TensorId x = builder.add_input("x", kRows, "normal");
  const auto [y, new_mean] = normalize(builder, "bn", x, builder.add_parameter("mean", kChannels, {}, false));
  static_cast<void>(builder.add("Add", "shift", {y, new_mean}));  // beside the loss: a running mean has no gradient
  const Program program = on_one_device(with_loss(std::move(builder), y));
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(first_lines(program, 5) ==
        "FEED x mb0\n"
        "F bn mb0\n"
        "COPY bn.new_mean mb0\n"
        "F shift mb0\n"
        "FEED target mb0\n");
}

TEST_CASE("what is updated in place and is no state is copied first", "[program][state]") {
  GraphBuilder builder("no_state");
  const TensorId x = builder.add_input("x", kRows, "normal");
  const TensorId mean = builder.add_input("mean", kChannels, "normal");
  const Program program = on_one_device(with_loss(std::move(builder), normalize(builder, "bn", x, mean).output));
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(first_lines(program, 4) ==
        "FEED x mb0\n"
        "FEED mean mb0\n"
        "COPY bn.new_mean mb0\n"
        "F bn mb0\n");
}

TEST_CASE("a state of two nodes is refused by name", "[program][state]") {
  GraphBuilder builder("shared_state");
  const TensorId x = builder.add_input("x", kRows, "normal");
  const TensorId mean = builder.add_parameter("mean", kChannels, {}, false);
  const TensorId y = normalize(builder, "bn1", x, mean).output;
  const TensorId z = normalize(builder, "bn2", y, mean).output;
  const mp::Graph forward = with_loss(std::move(builder), z);
  CHECK_THROWS_WITH(on_one_device(forward),
                    "<graph>: bn1: updates 'mean' in every microbatch, and 'bn2' uses it, too; give each node a state "
                    "of its own\n"
                    "<graph>: bn2: updates 'mean' in every microbatch, and 'bn1' uses it, too; give each node a state "
                    "of its own");
}

// Both Gemms use one weight: the second device gets a copy at the start of the step, and sends its sum back at the end.
TEST_CASE("a parameter of two devices is sent once a step, its sums likewise", "[program][state]") {
  GraphBuilder builder("tied");
  const mp::TensorType square = {mp::DataType::kFloat32, {2, 2}};
  const TensorId x = builder.add_input("x", kRows, "normal");
  const TensorId weight = builder.add_parameter("w", square, {});
  const TensorId y = builder.add("Gemm", "a", {builder.add("Gemm", "b", {x, weight}), weight});
  const mp::Graph forward = with_loss(std::move(builder), y);
  mp::TrainingGraph training =
      differentiate(forward, {.optimizer = {.kind = mp::OptimizerKind::kSgd}, .microbatches = 2});
  const mp::Placement placement = {DeviceId{0}, DeviceId{1}, DeviceId{1}};
  const Program program = compile(std::move(training), placement, {.schedule = mp::Schedule::k1f1b, .devices = 2});
  CHECK(check_program(program) == std::vector<std::string>{});
  CHECK(to_text(program, DeviceId{0}) ==
        "SEND w -> device 1\n"
        "FEED x mb0\n"
        "F b mb0\n"
        "SEND b mb0 -> device 1\n"
        "FEED x mb1\n"
        "F b mb1\n"
        "SEND b mb1 -> device 1\n"
        "RECEIVE a.grad.A mb0 <- device 1\n"
        "WAIT b mb0 -> device 1\n"
        "B b.grad.B mb0\n"
        "RECEIVE a.grad.A mb1 <- device 1\n"
        "WAIT b mb1 -> device 1\n"
        "B b.grad.B mb1\n"
        "ADD b.grad.B mb1\n"
        "RECEIVE a.grad.B <- device 1\n"
        "U b.grad.sum\n"
        "WAIT w -> device 1\n"
        "U w.update\n");
  CHECK(to_text(program, DeviceId{1}) ==
        "RECEIVE w <- device 0\n"
        "RECEIVE b mb0 <- device 0\n"
        "F a mb0\n"
        "FEED target mb0\n"
        "F loss mb0\n"
        "LOSS loss mb0\n"
        "B loss.grad mb0\n"
        "B loss.grad.X mb0\n"
        "B a.grad.A mb0\n"
        "SEND a.grad.A mb0 -> device 0\n"
        "B a.grad.B mb0\n"
        "RECEIVE b mb1 <- device 0\n"
        "F a mb1\n"
        "FEED target mb1\n"
        "F loss mb1\n"
        "LOSS loss mb1\n"
        "WAIT a.grad.A mb0 -> device 0\n"
        "B loss.grad mb1\n"
        "B loss.grad.X mb1\n"
        "B a.grad.A mb1\n"
        "SEND a.grad.A mb1 -> device 0\n"
        "B a.grad.B mb1\n"
        "ADD a.grad.B mb1\n"
        "SEND a.grad.B -> device 0\n"
        "WAIT a.grad.A mb1 -> device 0\n"
        "WAIT a.grad.B -> device 0\n");
}

#include "tests/lib/support/small_models.hpp"

#include <fmt/core.h>

#include <string>
#include <utility>
#include <vector>

#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"

namespace mp::test {
namespace {

constexpr Initializer kSmall = {.kind = Initializer::Kind::kNormal, .a = 0.0, .b = 0.1};

TensorType matrix(std::int64_t rows, std::int64_t columns) { return {DataType::kFloat32, {rows, columns}}; }
TensorType vector(std::int64_t size) { return {DataType::kFloat32, {size}}; }

// Adds layers [batch, width] → [batch, width].
class Layers {
 public:
  Layers(std::string name, std::int64_t batch, std::int64_t width)
      : builder_(std::move(name)), batch_(batch), width_(width) {}

  GraphBuilder& builder() { return builder_; }

  TensorId gemm(const std::string& name, TensorId x, TensorId weight) {
    return builder_.add("Gemm", name, {x, weight, builder_.add_parameter(name + ".bias", vector(width_), kSmall)});
  }
  TensorId weight(const std::string& name) { return builder_.add_parameter(name, matrix(width_, width_), kSmall); }
  TensorId layer_norm(const std::string& name, TensorId x) {
    return builder_.add("LayerNormalization", name, {x, scale(name), bias(name)});
  }
  TensorId batch_norm(const std::string& name, TensorId x) {
    const TensorId mean = builder_.add_parameter(name + ".mean", vector(width_), {}, false);
    const TensorId variance = builder_.add_parameter(name + ".variance", vector(width_), {}, false);
    Node node;
    node.name = name;
    node.op_name = "BatchNormalization";
    node.inputs = {x, scale(name), bias(name), mean, variance};
    node.attributes = {{"training_mode", std::int64_t{1}}};
    const NodeId id = builder_.add_node(std::move(node), {name, name + ".new_mean", name + ".new_variance"});
    return builder_.peek().node(id).outputs[0];
  }
  TensorId there_and_back(const std::string& name, TensorId x) {
    const TensorId flat = builder_.add("Reshape", name + ".flat", {x}, {{"shape", std::vector<std::int64_t>{-1}}});
    return builder_.add("Reshape", name, {flat}, {{"shape", std::vector<std::int64_t>{batch_, width_}}});
  }
  Graph finish(TensorId x) {
    const TensorId target = builder_.add_input("target", matrix(batch_, width_), "normal");
    builder_.set_loss(builder_.add("MeanSquaredError", "loss", {x, target}), LossReduction::kMean);
    return std::move(builder_).build();
  }

 private:
  TensorId scale(const std::string& name) { return builder_.add_parameter(name + ".scale", vector(width_), kSmall); }
  TensorId bias(const std::string& name) { return builder_.add_parameter(name + ".bias", vector(width_), kSmall); }

  GraphBuilder builder_;
  std::int64_t batch_;
  std::int64_t width_;
};

Placement every_node(const Graph& forward, DeviceId device) { return Placement(forward.nodes().size(), device); }

}  // namespace

Graph two_layers() {
  Layers layers("two_layers", 2, 4);
  const TensorId x = layers.builder().add_input("x", matrix(2, 4), "normal");
  const TensorId hidden = layers.gemm("fc1", x, layers.weight("fc1.weight"));
  return layers.finish(layers.builder().add("Gemm", "fc2", {hidden, layers.weight("fc2.weight")}));
}

Graph large_weights(std::uint64_t seed) {
  const RandomStream random(seed, "large weights");
  GraphBuilder builder("large");
  std::int64_t width = 256;
  TensorId x = builder.add_input("x", matrix(2, width), "normal");
  const std::uint64_t layers = 2 + random.below(0, 3);
  for (std::uint64_t layer = 0; layer < layers; ++layer) {
    const std::string name = "fc" + std::to_string(layer);
    const std::int64_t next = 32 * static_cast<std::int64_t>(4 + random.below(1 + 2 * layer, 24));
    const TensorId weight = builder.add_parameter(name + ".weight", matrix(width, next), kSmall);
    const TensorId bias = builder.add_parameter(name + ".bias", vector(next), kSmall);
    x = builder.add("Tanh", name + ".tanh", {builder.add("Gemm", name, {x, weight, bias})});
    if (layer == 1) {
      x = builder.add("Gemm", name + ".back", {x, weight}, {{"transB", std::int64_t{1}}});
    } else {
      width = next;
    }
  }
  const TensorId target = builder.add_input("target", matrix(2, width), "normal");
  builder.set_loss(builder.add("MeanSquaredError", "loss", {x, target}), LossReduction::kMean);
  return std::move(builder).build();
}

Graph equal_layers(std::int64_t layers, std::int64_t width) {
  GraphBuilder builder("equal");
  TensorId x = builder.add_input("x", {DataType::kFloat32, {2, width}});
  const TensorId target = builder.add_input("target", {DataType::kFloat32, {2, width}});
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const std::string name = "fc" + std::to_string(layer);
    const TensorId weight = builder.add_parameter(name + ".weight", {DataType::kFloat32, {width, width}}, {});
    x = builder.add("MatMul", name, {x, weight});
  }
  builder.set_loss(builder.add("MeanSquaredError", "loss", {x, target}), LossReduction::kMean);
  return std::move(builder).build();
}

Graph measured_chain(const ChainOptions& options) {
  GraphBuilder builder("chain");
  TensorId last = kNone<TensorId>;
  for (std::int32_t stage = 0; stage < options.stages; ++stage) {
    Node node;
    node.name = fmt::format("s{}", stage);
    node.op = &opaque_operator();
    node.op_name = "Stage";
    node.cost = MeasuredCost{options.forward_s, options.backward_s, 0, {options.tensor_bytes}};
    if (last != kNone<TensorId>) node.inputs = {last};
    const NodeId id = builder.add_node(std::move(node), {fmt::format("s{}.out", stage)});
    last = builder.peek().node(id).outputs[0];
  }
  return std::move(builder).build();
}

Graph random_model(std::uint64_t seed, std::int32_t layers) {
  const RandomStream random(seed, "random model");
  Layers made("random", 6, 8);
  std::vector<TensorId> values = {made.builder().add_input("x", matrix(6, 8), "normal")};
  std::vector<TensorId> weights;
  std::uint64_t draws = 0;
  const auto below = [&](std::uint64_t bound) { return random.below(draws++, bound); };
  const auto any_value = [&] { return below(2) == 0 ? values.back() : values[below(values.size())]; };
  for (std::int32_t layer = 0; layer < layers; ++layer) {
    const std::string name = fmt::format("n{}", layer);
    const TensorId x = any_value();
    const std::uint64_t kind = layer == 0 ? 0 : below(9);
    if (kind <= 2) {
      if (weights.empty() || below(4) > 0) weights.push_back(made.weight(name + ".weight"));
      values.push_back(made.gemm(name, x, weights[below(weights.size())]));
    } else if (kind == 3) {
      values.push_back(made.builder().add("Relu", name, {x}));
    } else if (kind == 4) {
      values.push_back(made.there_and_back(name, x));
    } else if (kind == 5) {
      values.push_back(made.batch_norm(name, x));
    } else if (kind == 6) {
      values.push_back(made.layer_norm(name, x));
    } else {
      values.push_back(made.builder().add(kind == 7 ? "Add" : "Mul", name, {x, any_value()}));
    }
  }
  TensorId sum = values[1];
  for (std::size_t i = 2; i < values.size(); i += 2) {
    sum = made.builder().add("Add", fmt::format("sum{}", i), {sum, values[i]});
  }
  return made.finish(sum);
}

Graph transformer_like(std::int32_t layers, std::int64_t hidden) {
  Layers made("transformer", 64, hidden);
  TensorId x = made.builder().add_input("x", matrix(64, hidden), "normal");
  for (std::int32_t i = 0; i < layers; ++i) {
    const std::string name = fmt::format("layer{}", i);
    const auto gemm = [&](const char* what, TensorId from) {
      const std::string full = name + "." + what;
      return made.gemm(full, from, made.weight(full + ".weight"));
    };
    TensorId y = gemm("proj", gemm("qkv", made.layer_norm(name + ".norm1", x)));
    x = made.builder().add("Add", name + ".skip1", {x, y});
    y = made.builder().add("Gelu", name + ".gelu", {gemm("up", made.layer_norm(name + ".norm2", x))});
    x = made.builder().add("Add", name + ".skip2", {x, gemm("down", y)});
  }
  return made.finish(x);
}

Placement random_placement(std::uint64_t seed, const Graph& forward, std::int32_t devices) {
  const RandomStream random(seed, "random placement");
  Placement placement = every_node(forward, DeviceId{0});
  for (const NodeId n : ids<NodeId>(placement.size())) {
    placement[n] = make_id<DeviceId>(random.below(index(n), static_cast<std::uint64_t>(devices)));
  }
  return placement;
}

Placement contiguous_placement(const Graph& forward, std::int32_t devices) {
  Placement placement = every_node(forward, DeviceId{0});
  for (const NodeId n : ids<NodeId>(placement.size())) {
    placement[n] = make_id<DeviceId>(index(n) * static_cast<std::size_t>(devices) / placement.size());
  }
  return placement;
}

}  // namespace mp::test

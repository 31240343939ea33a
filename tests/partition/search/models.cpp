#include "tests/partition/search/models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "partition/graph/random_source.hpp"

namespace mp::partition::test {
namespace {

Dimension batch() { return {.extent = 0, .name = "batch"}; }
Dimension fixed(std::int64_t extent) { return {.extent = extent, .name = {}}; }

Model empty_model(std::int64_t width) {
  Model model;
  model.name = "test";
  model.dimensions["batch"] = 16;
  for (const char* name : {"x", "target"}) {
    model.inputs.push_back(
        {.name = name, .type = DataType::kFloat32, .shape = {batch(), fixed(width)}, .data = "normal"});
  }
  return model;
}

void add_weight(Model& model, const std::string& name, std::vector<Dimension> shape) {
  model.parameters.push_back({.name = name,
                              .type = DataType::kFloat32,
                              .shape = std::move(shape),
                              .initializer = {.kind = Initializer::Kind::kNormal, .a = 0.0, .b = 0.1}});
}

std::string add_node(Model& model, const std::string& op, const std::string& name, std::vector<std::string> inputs) {
  ModelNode node;
  node.name = name;
  node.op = op;
  node.inputs = std::move(inputs);
  node.outputs = {name};
  model.nodes.push_back(std::move(node));
  return name;
}

}  // namespace

Model random_model(std::uint64_t seed, int layers) {
  RandomSource random(seed);
  constexpr std::int64_t kWidth = 16;
  Model model = empty_model(kWidth);
  std::vector<std::string> made{"x"};
  add_weight(model, "shared", {fixed(kWidth), fixed(kWidth)});
  const auto earlier = [&] {
    const std::size_t reach = std::min<std::size_t>(4, made.size());
    return made[made.size() - 1 - random.below(reach)];
  };
  for (int layer = 0; layer < layers; ++layer) {
    const std::string name = fmt::format("n{}", layer);
    switch (random.below(4)) {
      case 0:
        made.push_back(add_node(model, "Relu", name, {earlier()}));
        break;
      case 1:
        made.push_back(add_node(model, "Add", name, {earlier(), made.back()}));
        break;
      case 2:
        made.push_back(add_node(model, "Gemm", name, {earlier(), "shared"}));
        break;
      default:
        add_weight(model, name + ".w", {fixed(kWidth), fixed(kWidth)});
        add_weight(model, name + ".b", {fixed(kWidth)});
        made.push_back(add_node(model, "Gemm", name, {earlier(), name + ".w", name + ".b"}));
    }
  }
  add_weight(model, "last.w", {fixed(kWidth), fixed(kWidth)});
  const std::string last = add_node(model, "Gemm", "last", {made.back(), "last.w"});
  model.loss = add_node(model, "MeanSquaredError", "loss", {last, "target"});
  return model;
}

Model tower_model(int towers, int layers, int width) {
  Model model = empty_model(width);
  std::vector<std::string> ends(static_cast<std::size_t>(towers), "x");
  for (int layer = 0; layer < layers; ++layer) {
    for (int tower = 0; tower < towers; ++tower) {
      const std::string name = fmt::format("t{}l{}", tower, layer);
      add_weight(model, name + ".w", {fixed(width), fixed(width)});
      std::string& end = ends[static_cast<std::size_t>(tower)];
      end = add_node(model, "Gemm", name, {end, name + ".w"});
      end = add_node(model, "Relu", name + ".relu", {end});
    }
  }
  std::string sum = ends.front();
  for (std::size_t tower = 1; tower < ends.size(); ++tower) {
    sum = add_node(model, "Add", fmt::format("sum{}", tower), {sum, ends[tower]});
  }
  model.loss = add_node(model, "MeanSquaredError", "loss", {sum, "target"});
  return model;
}

Model chain_model(int layers, int width) {
  Model model = empty_model(width);
  std::string x = "x";
  for (int layer = 0; layer < layers; ++layer) {
    const std::string name = fmt::format("n{}", layer);
    add_weight(model, name + ".w", {fixed(width), fixed(width)});
    x = add_node(model, "Relu", name + ".relu", {add_node(model, "Gemm", name, {x, name + ".w"})});
  }
  model.loss = add_node(model, "MeanSquaredError", "loss", {x, "target"});
  return model;
}

Cluster mixed_cluster(int devices, std::int64_t memory_bytes) {
  Cluster cluster;
  cluster.name = "mixed";
  for (const double speed : {1.0, 2.0}) {
    cluster.types.push_back({.name = speed > 1.0 ? "new" : "old",
                             .memory_bytes = speed > 1.0 ? memory_bytes + memory_bytes / 2 : memory_bytes,
                             .flops_per_s = {{DataType::kFloat32, 1e9 * speed}},
                             .memory_bandwidth_bytes_per_s = 1e9 * speed,
                             .launch_overhead_s = 1e-7});
  }
  for (int d = 0; d < devices; ++d) {
    cluster.devices.push_back({.name = fmt::format("d{}", d), .type = d % 2, .host = devices > 2 ? d / 2 : 0});
  }
  cluster.within_host = {.latency_s = 1e-6, .bandwidth_bytes_per_s = 1e9};
  cluster.between_hosts = {.latency_s = 5e-6, .bandwidth_bytes_per_s = 1e8};
  return cluster;
}

StepSearchOptions quick() {
  StepSearchOptions options;
  options.portfolio.algorithms = {"linear+kl"};
  options.portfolio.effort = Effort::kFast;
  options.portfolio.seed = 1;
  return options;
}

}  // namespace mp::partition::test

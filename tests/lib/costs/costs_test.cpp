#include "lib/costs/costs.hpp"

#include <memory>
#include <string>

#include "lib/costs/signature.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DataType;
using mp::GraphBuilder;
using mp::NodeId;
using mp::TensorId;

namespace {

// 1 TFLOP/s in float32, 2 in bfloat16, 100 GB/s, 1 µs to start a node.
mp::DeviceType device() {
  return {.name = "test",
          .memory_bytes = 0,
          .flops_per_s = {{DataType::kFloat32, 1e12}, {DataType::kBfloat16, 2e12}},
          .memory_bandwidth_bytes_per_s = 100e9,
          .launch_overhead_s = 1e-6};
}

mp::Graph product(DataType type, std::int64_t n) {
  GraphBuilder builder("product");
  const TensorId a = builder.add_input("a", {type, {n, n}});
  builder.add("MatMul", "c", {a, builder.add_input("b", {type, {n, n}})});
  return std::move(builder).build();
}

}  // namespace

// 1000 × 1000 × 1000: 2·10⁹ FLOPs at 10¹² per second are 2 ms; 12 MB at 100 GB/s are 0.12 ms. 10 × 10 × 10: 2·10³ FLOPs
// are 2 ns; 1200 B are 12 ns.
TEST_CASE("a node takes the time of its compute or of its memory, whichever is longer", "[costs]") {
  CHECK(node_seconds(product(DataType::kFloat32, 1000), NodeId{0}, device()) == Approx(1e-6 + 2e-3));
  CHECK(node_seconds(product(DataType::kFloat32, 10), NodeId{0}, device()) == Approx(1e-6 + 12e-9));
}

TEST_CASE("a view takes no time, a measured node its own", "[costs]") {
  GraphBuilder builder("views");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {1000, 1000}});
  builder.add("Reshape", "flat", {x}, {{"shape", std::vector<std::int64_t>{-1}}});
  CHECK(node_seconds(std::move(builder).build(), NodeId{0}, device()) == 0.0);
  const mp::Graph measured = mp::test::measured_chain({.stages = 1, .forward_s = 0.25, .backward_s = 0.5});
  CHECK(node_seconds(measured, NodeId{0}, device()) == 0.25);
  const mp::TrainingGraph training = differentiate(measured, {});
  CHECK(node_seconds(training.graph, NodeId{1}, device()) == 0.5);
}

// Gemm 2×4 · 4×4 + 4, twice; AdamW: per parameter two states, and one accumulator; kept for backward: fc1's output (the
// second weight's gradient reads it) and fc2's (the loss's gradient does).
TEST_CASE("a unit weighs its nodes, forward, backward and update", "[costs]") {
  const mp::Graph forward = mp::test::two_layers();
  const mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 3});
  const mp::PlacementUnits units = placement_units(training);
  const auto costs = unit_costs(training, units, device());
  REQUIRE(costs.size() == 3);
  const mp::UnitCost& fc1 = costs[mp::UnitId{0}];
  CHECK(fc1.parameter_bytes == 4 * (16 + 4));
  CHECK(fc1.state_bytes == 3 * 4 * (16 + 4));
  CHECK(fc1.activation_bytes == 4 * 2 * 4);
  CHECK(costs[mp::UnitId{1}].activation_bytes == 4 * 2 * 4);
  double flops = 0.0;
  double seconds = 0.0;
  for (const NodeId n : mp::ids<NodeId>(training.graph.nodes().size())) {
    const double runs = training.phase[n] == mp::Phase::kUpdate ? 1.0 : 3.0;
    flops += runs * cost_of(training.graph, n).flops;
    seconds += runs * node_seconds(training.graph, n, device());
  }
  double unit_flops = 0.0;
  double unit_seconds = 0.0;
  for (const mp::UnitCost& cost : costs) {
    unit_flops += cost.flops;
    unit_seconds += cost.compute_s;
  }
  CHECK(unit_flops == Approx(flops));
  CHECK(unit_seconds == Approx(seconds));
}

// 1000³ reaches half of 10¹² FLOP/s: 4 ms. 10³ is memory bound: 1200 B at a tenth of 100 GB/s, 120 ns.
TEST_CASE("peaks are reached as far as the efficiency at that size says", "[costs]") {
  mp::DeviceType type = device();
  type.efficiency = {{.work = mp::WorkClass::kMatmul, .type = DataType::kFloat32, .points = {{1e6, 0.25}, {2e9, 0.5}}},
                     {.work = mp::WorkClass::kMemory, .type = {}, .points = {{1200.0, 0.1}, {1e9, 1.0}}}};
  CHECK(node_seconds(product(DataType::kFloat32, 1000), NodeId{0}, type) == Approx(1e-6 + 4e-3));
  CHECK(node_seconds(product(DataType::kFloat32, 10), NodeId{0}, type) == Approx(1e-6 + 120e-9));
}

TEST_CASE("what was measured goes before the roofline, and slows down as devices work at once", "[costs]") {
  mp::DeviceType type = device();
  const mp::Graph graph = product(DataType::kFloat32, 1000);
  const std::string matmul = "MatMul(float32[1000, 1000], float32[1000, 1000]) -> float32[1000, 1000]";
  CHECK(signature(graph, NodeId{0}) == matmul);
  type.measured = std::make_shared<const mp::MeasuredTimes>(mp::MeasuredTimes{
      .devices = 3,
      .times = {
          {matmul, {1.0, 2.0}}, {"feed a: float32[1000, 1000]", {0.25, 0.5}}, {"copy: 4000000 bytes", {3.0, 3.0}}}});
  CHECK(node_seconds(graph, NodeId{0}, type) == 1.0);
  CHECK(node_seconds(graph, NodeId{0}, type, 2) == 1.5);
  CHECK(node_seconds(graph, NodeId{0}, type, 3) == 2.0);
  CHECK(feed_seconds(graph, TensorId{0}, type) == 0.25);
  CHECK(copy_seconds(graph, TensorId{0}, type, 2) == 3.0);
  // Not measured: as the roofline says.
  CHECK(accumulate_seconds(graph, TensorId{0}, type) == Approx(1e-6 + 12e6 / 100e9));
  CHECK(node_seconds(product(DataType::kFloat32, 10), NodeId{0}, type) == Approx(1e-6 + 12e-9));
}

TEST_CASE("numbers that only scale values are no part of a signature", "[costs]") {
  GraphBuilder builder("gemm");
  const TensorId a = builder.add_input("a", {DataType::kFloat32, {2, 3}});
  const TensorId b = builder.add_input("b", {DataType::kFloat32, {4, 3}});
  builder.add("Gemm", "c", {a, b}, {{"transB", std::int64_t{1}}, {"alpha", 0.5}});
  CHECK(signature(std::move(builder).build(), NodeId{0}) ==
        "Gemm(float32[2, 3], float32[4, 3]) -> float32[2, 4] {transB: 1}");
}

// Parameters of one program that another one uses where they are.
#include "runtime/lent_parameters.hpp"

#include <cstring>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

// y = x · w + own, fetched: one parameter that others have, and one of its own.
TrainingGraph sum_of(const std::string& own) {
  GraphBuilder builder("sum");
  const TensorId x = builder.add_input("x", {DataType::kFloat32, {40}}, "normal");
  const TensorId w = builder.add_parameter("w", {DataType::kFloat32, {1}}, {});
  const TensorId b = builder.add_parameter(own, {DataType::kFloat32, {40}}, {});
  const TensorId product = builder.add("Mul", "product", {x, w});
  const TensorId y = builder.add("Add", "y", {product, b});
  TrainingGraph training;
  training.graph = std::move(builder).build();
  training.phase.assign(2, Phase::kForward);
  for (const NodeId node : ids<NodeId>(2)) training.placed_with.push_back(node);
  training.home.assign(training.graph.tensors().size(), kNone<NodeId>);
  training.home[w] = NodeId{0};
  training.home[b] = NodeId{1};
  training.forward_nodes = 2;
  training.fetched = {y};
  return training;
}

class Ones final : public DataSource {
 public:
  void fill(std::size_t /*input*/, std::int64_t /*step*/, std::int32_t /*microbatch*/,
            std::span<std::byte> slice) const override {
    for (std::size_t i = 0; i < slice.size(); i += sizeof(float)) {
      const float one = 1.0F;
      std::memcpy(slice.data() + i, &one, sizeof one);
    }
  }
};

void fill(Executor& executor, const std::string& name, float value) {
  const Graph& graph = executor.program().training.graph;
  const TensorId tensor = *graph.find_tensor(name);
  const std::vector<float> values(static_cast<std::size_t>(elements(graph.tensor(tensor).type.shape)), value);
  executor.write(tensor, std::as_bytes(std::span(values)));
}

float result_of(Executor& executor) {
  float last = 0.0F;
  executor.hand_fetched_to([&](TensorId /*tensor*/, std::int32_t /*microbatch*/, std::span<const std::byte> values) {
    std::memcpy(&last, values.data() + values.size() - sizeof last, sizeof last);
  });
  executor.run_step({}, Ones());
  executor.hand_fetched_to({});
  return last;
}

}  // namespace

TEST_CASE("an arena has no room for what is lent", "[lent]") {
  const Program lender = program_of(sum_of("b"), {});
  Program borrower = program_of(sum_of("c"), {});
  const DeviceProgram before = borrower.devices[DeviceId{0}];
  lend_parameters(lender, borrower);
  const DeviceProgram& after = borrower.devices[DeviceId{0}];
  CHECK(after.persistent_bytes == aligned_bytes(40 * 4));
  CHECK(before.arena_bytes - after.arena_bytes == aligned_bytes(4));
  for (const BufferId id : ids<BufferId>(after.buffers.size())) {
    const Buffer& buffer = after.buffers[id];
    const bool is_w = borrower.training.graph.tensor(buffer.tensor).name == "w";
    CHECK(is_lent(buffer) == is_w);
    if (is_w) continue;
    CHECK(buffer.offset_bytes >= 0);
    CHECK(buffer.offset_bytes + buffer.size_bytes <= after.arena_bytes);
    if (buffer.role != BufferRole::kParameter) CHECK(buffer.offset_bytes >= after.persistent_bytes);
  }
}

TEST_CASE("what is written into a parameter is seen by whom it is lent to", "[lent]") {
  const std::int32_t devices = GENERATE(1, 2);
  Executor lender(program_of(sum_of("b"), {.devices = devices}), cpu_backends(1));
  Executor borrower(program_of(sum_of("c"), {.devices = devices}), cpu_backends(1), nullptr, {&lender});
  fill(lender, "w", 3.0F);
  fill(lender, "b", 5.0F);
  fill(borrower, "c", 7.0F);
  CHECK(result_of(lender) == 8.0F);
  CHECK(result_of(borrower) == 10.0F);
  fill(borrower, "w", 4.0F);
  CHECK(result_of(lender) == 9.0F);
  CHECK(result_of(borrower) == 11.0F);
}

// The executor alone: hand-written programs, kernels of the test.
#include "runtime/executor.hpp"

#include <array>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "lib/graph/builder.hpp"
#include "tests/runtime/support/allocations.hpp"
#include "tests/runtime/support/fake_backend.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

constexpr std::int64_t kTensorBytes = 4 * 4;

// The message of a microbatch is its number.
Instruction step_of(Opcode opcode, TensorId tensor, std::int32_t microbatch, std::vector<BufferId> inputs,
                    std::vector<BufferId> outputs) {
  Instruction instruction;
  instruction.opcode = opcode;
  instruction.tensor = tensor;
  instruction.microbatch = microbatch;
  instruction.message = microbatch;
  instruction.inputs = std::move(inputs);
  instruction.outputs = std::move(outputs);
  return instruction;
}

// x [2, 2] → first (device 0, parameter w) → a message → second (device 1, parameter w2), whose output's first element
// is the loss. Each device's arena holds its parameter at 0 and activations from 64 on.
Program two_devices(std::int32_t microbatches) {
  GraphBuilder builder("two");
  const TensorType square{DataType::kFloat32, {2, 2}};
  const TensorId x = builder.add_input("x", square, "normal");
  const TensorId w = builder.add_parameter("w", square, {Initializer::Kind::kConstant, 3.0, 0.0});
  const TensorId w2 = builder.add_parameter("w2", square, {Initializer::Kind::kNormal, 0.0, 1.0});
  const TensorId h = builder.add("Gemm", "first", {x, w});
  const TensorId y = builder.add("Gemm", "second", {h, w2});
  Program program;
  program.training.graph = std::move(builder).build();
  program.training.home.assign(program.training.graph.tensors().size(), kNone<NodeId>);
  program.microbatches = microbatches;
  program.devices.resize(2);
  const auto buffers = [&](DeviceId d, TensorId parameter, TensorId in, TensorId out) {
    DeviceProgram& device = program.devices[d];
    device.arena_bytes = 256;
    device.buffers.push_back({parameter, -1, BufferRole::kParameter, 0, kTensorBytes});
    device.buffers.push_back({in, 0, BufferRole::kActivation, 64, kTensorBytes});
    device.buffers.push_back({out, 0, BufferRole::kActivation, 128, kTensorBytes});
  };
  buffers(DeviceId{0}, w, x, h);
  buffers(DeviceId{1}, w2, h, y);
  const BufferId parameter{0};
  const BufferId in{1};
  const BufferId out{2};
  for (std::int32_t mb = 0; mb < microbatches; ++mb) {
    program.messages.push_back({h, mb, DeviceId{0}, DeviceId{1}, kTensorBytes});
    std::vector<Instruction>& first = program.devices[DeviceId{0}].instructions;
    first.push_back(step_of(Opcode::kFeed, x, mb, {}, {in}));
    first.push_back(step_of(Opcode::kCompute, h, mb, {in, parameter}, {out}));
    first.back().node = NodeId{0};
    first.push_back(step_of(Opcode::kSend, h, mb, {out}, {}));
    first.push_back(step_of(Opcode::kWaitSend, h, mb, {}, {}));
    std::vector<Instruction>& second = program.devices[DeviceId{1}].instructions;
    second.push_back(step_of(Opcode::kReceive, h, mb, {}, {in}));
    second.push_back(step_of(Opcode::kCompute, y, mb, {in, parameter}, {out}));
    second.back().node = NodeId{1};
    second.push_back(step_of(Opcode::kFetchLoss, y, mb, {out}, {}));
  }
  return program;
}

// Every value is 100 · step + microbatch.
class CountingData final : public DataSource {
 public:
  void fill(std::size_t, std::int64_t step, std::int32_t microbatch, std::span<std::byte> slice) const override {
    const auto value = static_cast<float>(100 * step + microbatch);
    for (std::size_t i = 0; i < slice.size(); i += sizeof value) std::memcpy(&slice[i], &value, sizeof value);
  }
};

void add(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext&) {
  const auto* a = static_cast<const float*>(inputs[0]);
  const auto* b = static_cast<const float*>(inputs[1]);
  for (int i = 0; i < 4; ++i) static_cast<float*>(outputs[0])[i] = a[i] + b[i];
}

BackendFactory fake(const runtime::test::KernelFunctions& kernels) {
  return [kernels](DeviceId) { return std::make_unique<runtime::test::FakeBackend>(kernels); };
}

std::string failure_of(const BackendFactory& backends, Program program) {
  try {
    Executor executor(std::move(program), backends);
    executor.run_step({}, CountingData{});
    executor.run_step({.step = 1}, CountingData{});
  } catch (const RunError& error) {
    return error.what();
  }
  return "nothing failed";
}

}  // namespace

TEST_CASE("a step feeds, computes, moves and fetches; the losses of microbatches are averaged") {
  Executor executor(two_devices(3), fake({{"first", add}, {"second", add}}));
  executor.initialise_parameters(5);
  std::array<float, 4> w2{};
  executor.read(TensorId{2}, std::as_writable_bytes(std::span(w2)));
  CHECK(w2[0] != w2[1]);
  for (const int step : {0, 1, 2}) {
    double expected = 0.0;
    for (const int mb : {0, 1, 2}) expected += static_cast<double>(static_cast<float>(100 * step + mb) + 3.0F + w2[0]);
    CHECK(executor.run_step({.step = step}, CountingData{}) == expected / 3.0);
  }
  w2 = {1.0F, 2.0F, 3.0F, 4.0F};
  executor.write(TensorId{2}, std::as_bytes(std::span(w2)));
  CHECK(executor.run_step({}, CountingData{}) == 1.0 + 3.0 + 1.0);
  CHECK(executor.memory()[0].arena_bytes == 256);
  CHECK(executor.memory()[0].workspace_bytes == 7 + kTensorBytes);
}

TEST_CASE("a step allocates nothing") {
  Executor executor(two_devices(4), fake({{"first", add}, {"second", add}}));
  executor.initialise_parameters(0);
  const CountingData data;
  executor.run_step({}, data);
  const std::int64_t before = runtime::test::allocations();
  for (int step = 1; step < 20; ++step) executor.run_step({.step = step}, data);
  CHECK(runtime::test::allocations() - before == 0);
}

TEST_CASE("initial values depend on seed and name alone") {
  const auto values = [](std::uint64_t seed, TensorId tensor) {
    Executor executor(two_devices(1), fake({{"first", add}, {"second", add}}));
    executor.initialise_parameters(seed);
    std::array<float, 4> result{};
    executor.read(tensor, std::as_writable_bytes(std::span(result)));
    return result;
  };
  CHECK(values(1, TensorId{1}) == std::array<float, 4>{3.0F, 3.0F, 3.0F, 3.0F});
  CHECK(values(1, TensorId{2}) == values(1, TensorId{2}));
  CHECK(values(1, TensorId{2}) != values(2, TensorId{2}));
}

TEST_CASE("a failing kernel ends the run on every device and is named") {
  const auto fails_at = [](std::int64_t step) {
    return [step](std::span<const void* const>, std::span<void* const>, const StepContext& context) {
      if (context.step == step && context.microbatch == 1) throw std::runtime_error("the cause");
    };
  };
  CHECK(failure_of(fake({{"first", fails_at(0)}, {"second", add}}), two_devices(4)) ==
        "device 0 (fake), step 1, microbatch 2: node 'first': the cause");
  CHECK(failure_of(fake({{"first", add}, {"second", fails_at(1)}}), two_devices(4)) ==
        "device 1 (fake), step 2, microbatch 2: node 'second': the cause");
}

TEST_CASE("what cannot start says why") {
  CHECK(failure_of(fake({{"first", add}}), two_devices(1)) == "device 1 (fake): node 'second': no kernel");
  Program program = two_devices(1);
  program.devices[DeviceId{1}].arena_bytes = std::int64_t{1} << 41;
  const std::string text = failure_of(fake({{"first", add}, {"second", add}}), std::move(program));
  CHECK(
      text.starts_with("device 1 (fake): cannot allocate its arena of 2199023255552 bytes: no such memory\n"
                       "what takes it, of 2199023.3 MB:\n"));
  CHECK(text.find("activations and transfers") != std::string::npos);
  CHECK(text.find("\n  largest: '") != std::string::npos);
  CHECK(text.ends_with("make it smaller"));
}

TEST_CASE("instructions can be timed") {
  Executor executor(two_devices(2), fake({{"first", add}, {"second", add}}));
  executor.record_times();
  executor.run_step({}, CountingData{});
  for (const DeviceId device : {DeviceId{0}, DeviceId{1}}) {
    const std::vector<InstructionTime>& times = executor.times(device);
    REQUIRE(times.size() == executor.program().devices[device].instructions.size());
    for (std::size_t i = 0; i < times.size(); ++i) {
      CHECK(times[i].start <= times[i].end);
      if (i > 0) CHECK(times[i - 1].end <= times[i].start);
    }
  }
}

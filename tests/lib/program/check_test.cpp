// The checker against programs broken on purpose: each fault must be found, and called by its name.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lib/program/program.hpp"
#include "tests/lib/support/faults.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::BufferId;
using mp::DeviceId;
using mp::Instruction;
using mp::Opcode;
using mp::Program;
using mp::test::complains;

namespace {

// A web of layers on three devices, with states, views, shared weights and sums.
Program sound_program() {
  const mp::Graph forward = mp::test::random_model(11, 24);
  mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 3});
  return compile(std::move(training), mp::test::random_placement(4, forward, 3),
                 {.schedule = mp::Schedule::k1f1b, .devices = 3});
}

struct Place {
  DeviceId device = DeviceId{0};
  std::size_t position = 0;
};

// The `skip`-th instruction, over all devices, that `is_wanted`.
Place find(const Program& program, const std::function<bool(const Instruction&)>& is_wanted, int skip = 0) {
  for (const DeviceId d : mp::ids<DeviceId>(program.devices.size())) {
    const std::vector<Instruction>& list = program.devices[d].instructions;
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (is_wanted(list[i]) && skip-- == 0) return {d, i};
    }
  }
  FAIL("no such instruction");
  return {};
}

Place find(const Program& program, Opcode opcode, int skip = 0) {
  return find(
      program, [&](const Instruction& instruction) { return instruction.opcode == opcode; }, skip);
}

Instruction& at(Program& program, Place place) { return program.devices[place.device].instructions[place.position]; }

std::size_t step_of(const Program& program, Place place) {
  const mp::Program::Step step{place.device, static_cast<std::int32_t>(place.position)};
  return static_cast<std::size_t>(std::find(program.order.begin(), program.order.end(), step) - program.order.begin());
}

void erase(Program& program, Place place) {
  auto& list = program.devices[place.device].instructions;
  list.erase(list.begin() + static_cast<std::ptrdiff_t>(place.position));
  program.order.erase(program.order.begin() + static_cast<std::ptrdiff_t>(step_of(program, place)));
  for (mp::Program::Step& step : program.order) {
    if (step.device == place.device && step.instruction > static_cast<std::int32_t>(place.position)) --step.instruction;
  }
}

}  // namespace

TEST_CASE("the program to be broken is sound", "[program][check]") {
  CHECK(check_program(sound_program()) == std::vector<std::string>{});
}

TEST_CASE("lost instructions are found", "[program][check]") {
  Program program = sound_program();
  SECTION("a node that does not run") {
    erase(program, find(program, Opcode::kCompute, 5));
    CHECK(complains(program, "runs 2 times, not 3"));
  }
  SECTION("a sum that misses a microbatch") {
    erase(program, find(program, Opcode::kAccumulate));
    CHECK(complains(program, "summed over 2 mb, but finds"));
  }
  SECTION("data that is not fed") {
    erase(program, find(program, Opcode::kFeed, 1));
    CHECK(complains(program, "reads target mb1, but finds"));
  }
  SECTION("a message nobody receives") {
    erase(program, find(program, Opcode::kReceive, 2));
    CHECK(complains(program, "before its receive: a deadlock"));
  }
  SECTION("a message nobody sends") {
    erase(program, find(program, Opcode::kSend, 2));
    CHECK(complains(program, "is not on its way"));
  }
  SECTION("a send nobody waits for") {
    erase(program, find(program, Opcode::kWaitSend, 2));
    CHECK(complains(program, "waited for"));
  }
  SECTION("a loss nobody fetches") {
    erase(program, find(program, Opcode::kFetchLoss));
    CHECK(complains(program, "is fetched 0 times"));
  }
}

TEST_CASE("instructions too many, or too early, are found", "[program][check]") {
  Program program = sound_program();
  const auto insert = [&](DeviceId device, std::size_t position, const Instruction& instruction) {
    auto& list = program.devices[device].instructions;
    const std::size_t at = step_of(program, {device, position});
    list.insert(list.begin() + static_cast<std::ptrdiff_t>(position), instruction);
    program.order.insert(program.order.begin() + static_cast<std::ptrdiff_t>(at), program.order[at]);
    for (std::size_t i = at + 1; i < program.order.size(); ++i) {
      if (program.order[i].device == device) ++program.order[i].instruction;
    }
  };
  SECTION("a gradient that is added twice") {
    const Place add = find(program, Opcode::kAccumulate);
    insert(add.device, add.position, Instruction(at(program, add)));
    CHECK(complains(program, "summed over"));
  }
  SECTION("a parameter that is updated twice") {
    const Place update =
        find(program, [](const Instruction& i) { return i.opcode == Opcode::kCompute && i.microbatch < 0; });
    insert(update.device, update.position, Instruction(at(program, update)));
    CHECK(complains(program, "runs twice"));
  }
  SECTION("an update before its gradients are summed") {
    const Place update =
        find(program, [](const Instruction& i) { return i.opcode == Opcode::kCompute && i.microbatch < 0; });
    const Instruction early = at(program, update);
    erase(program, update);
    insert(update.device, 0, early);
    CHECK(complains(program, "but finds"));
  }
  SECTION("a receive before everything else: both ends wait for each other") {
    const Place receive = find(program, Opcode::kReceive, 4);
    const Instruction early = at(program, receive);
    erase(program, receive);
    insert(receive.device, 0, early);
    CHECK(complains(program, "is not on its way"));
  }
  SECTION("a loss that is fetched twice") {
    const Place loss = find(program, Opcode::kFetchLoss);
    insert(loss.device, loss.position, Instruction(at(program, loss)));
    CHECK(complains(program, "is fetched 2 times"));
  }
}

TEST_CASE("wrong operands are found", "[program][check]") {
  Program program = sound_program();
  const auto computes_twice_over = [&](const Instruction& instruction) {
    return instruction.opcode == Opcode::kCompute && instruction.microbatch == 1 && !instruction.inputs.empty();
  };
  SECTION("the buffer of another microbatch") {
    Instruction& instruction = at(program, find(program, Opcode::kAccumulate));
    instruction.microbatch = 2;
    CHECK(complains(program, "mb2, but finds"));
  }
  SECTION("an output over an input") {
    const Place place = find(program, computes_twice_over);
    at(program, place).outputs[0] = at(program, place).inputs[0];
    CHECK(complains(program, "overlap"));
  }
  SECTION("a node on a device it is not placed on") {
    DeviceId& device = program.placement[*program.training.graph.find_node("sum4")];
    device = mp::make_id<DeviceId>((mp::index(device) + 1) % 3);
    CHECK(complains(program, "is not placed here"));
  }
  SECTION("a node that runs twice for one microbatch") {
    at(program, find(program, computes_twice_over)).microbatch = 0;
    CHECK(complains(program, "runs twice for one microbatch"));
  }
  SECTION("a buffer that is not there") {
    at(program, find(program, computes_twice_over)).inputs[0] = mp::make_id<BufferId>(1'000'000);
    CHECK(complains(program, "names what is not there"));
  }
  SECTION("an operand too few") {
    at(program, find(program, computes_twice_over)).inputs.pop_back();
    CHECK(complains(program, "lacks an operand"));
  }
}

TEST_CASE("wrong memory is found", "[program][check]") {
  Program program = sound_program();
  mp::DeviceProgram& device = program.devices[DeviceId{1}];
  const auto transient = [&](std::int64_t size) -> mp::Buffer& {
    for (const BufferId b : mp::ids<BufferId>(device.buffers.size())) {
      mp::Buffer& buffer = device.buffers[b];
      if (buffer.role == mp::BufferRole::kActivation && buffer.size_bytes == size) return buffer;
    }
    FAIL("no such buffer");
    return device.buffers[BufferId{0}];
  };
  SECTION("every activation in one place") {
    std::int64_t largest = 0;
    for (mp::Buffer& buffer : device.buffers) {
      if (buffer.role == mp::BufferRole::kParameter) continue;
      buffer.offset_bytes = device.persistent_bytes;
      largest = std::max(largest, buffer.size_bytes);
    }
    device.arena_bytes = device.persistent_bytes + largest;
    CHECK(complains(program, "reads x mb0, but finds n0 mb0"));
  }
  SECTION("a buffer beyond the arena") {
    transient(192).offset_bytes = device.arena_bytes;
    CHECK(complains(program, "outside its part of the arena"));
  }
  SECTION("an activation among the parameters") {
    transient(192).offset_bytes = 0;
    CHECK(complains(program, "outside its part of the arena"));
  }
  SECTION("two parameters in one place") {
    device.buffers[BufferId{1}].offset_bytes = device.buffers[BufferId{0}].offset_bytes;
    CHECK(complains(program, "two parameters overlap"));
  }
  SECTION("a crooked offset") {
    transient(192).offset_bytes += 4;
    CHECK(complains(program, "not aligned"));
  }
  SECTION("an arena smaller than needed") {
    device.arena_bytes -= mp::kBufferAlignment;
    CHECK(complains(program, "outside its part of the arena"));
  }
  SECTION("an arena larger than needed") {
    device.arena_bytes += mp::kBufferAlignment;
    CHECK(complains(program, "larger than its buffers need"));
  }
  SECTION("a buffer of the wrong size") {
    transient(192).size_bytes = 128;
    CHECK(complains(program, "does not have the size of its buffer"));
  }
}

TEST_CASE("wrong messages and orders are found", "[program][check]") {
  Program program = sound_program();
  SECTION("two sums in the wrong order of microbatches") {
    const Place first = find(program, [](const Instruction& i) { return i.opcode == Opcode::kAccumulate; });
    const mp::TensorId tensor = at(program, first).tensor;
    const Place second = find(
        program, [&](const Instruction& i) { return i.opcode == Opcode::kAccumulate && i.tensor == tensor; }, 1);
    std::swap(at(program, first).outputs, at(program, second).outputs);
    std::swap(at(program, first).microbatch, at(program, second).microbatch);
    CHECK(complains(program, "mb2, but finds"));
  }
  SECTION("a message for another device") {
    mp::Message& message =
        program.messages[static_cast<std::size_t>(at(program, find(program, Opcode::kReceive)).message)];
    message.to = mp::make_id<DeviceId>((mp::index(message.to) + 1) % 3);
    CHECK(complains(program, "is for another device"));
  }
  SECTION("two messages received in each other's stead") {
    const Place first = find(program, Opcode::kReceive);
    const DeviceId from = program.messages[static_cast<std::size_t>(at(program, first).message)].from;
    const Place second = find(
        program,
        [&](const Instruction& i) {
          return i.opcode == Opcode::kReceive && program.messages[static_cast<std::size_t>(i.message)].from == from;
        },
        1);
    std::swap(at(program, first).message, at(program, second).message);
    CHECK(!check_program(program).empty());
  }
  SECTION("a send that starts over bytes not made yet") {
    const Place send =
        find(program, [](const Instruction& i) { return i.opcode == Opcode::kSend && i.microbatch == 1; });
    std::swap(at(program, send), at(program, {send.device, send.position - 1}));
    CHECK(complains(program, "but finds"));
  }
  SECTION("a wait right behind its send") {
    const Place send = find(program, Opcode::kSend, 3);
    const std::int32_t message = at(program, send).message;
    const Place wait =
        find(program, [&](const Instruction& i) { return i.opcode == Opcode::kWaitSend && i.message == message; });
    auto& list = program.devices[send.device].instructions;
    std::rotate(list.begin() + static_cast<std::ptrdiff_t>(send.position) + 1,
                list.begin() + static_cast<std::ptrdiff_t>(wait.position),
                list.begin() + static_cast<std::ptrdiff_t>(wait.position) + 1);
    CHECK(complains(program, "before its receive: a deadlock"));
  }
  SECTION("an order that is not the devices'") {
    std::swap(program.order[3], program.order[40]);
    CHECK(complains(program, "does not follow the order of a device"));
  }
  SECTION("an order that ends early") {
    program.order.pop_back();
    CHECK(complains(program, "misses instructions"));
  }
}

#include "runtime/device_worker.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <map>
#include <string>

#include "lib/base/bfloat16.hpp"
#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/stored_rows.hpp"
#include "lib/training/update_nodes.hpp"
#include "runtime/arena_table.hpp"
#include "runtime/lent_parameters.hpp"
#include "runtime/padded_rows.hpp"
#include "runtime/parameters.hpp"

namespace mp::runtime {
namespace {

// A stretch has nothing in it that waits for another thread or touches the host's memory.
bool is_of_stretches(Opcode opcode) {
  return opcode == Opcode::kCompute || opcode == Opcode::kCopy || opcode == Opcode::kAccumulate;
}

}  // namespace

DeviceWorker::DeviceWorker(const Program& program, DeviceId device, Backend& backend, Transport& transport,
                           std::span<const DeviceWorker* const> lenders)
    : program_(&program),
      own_(&program.devices[device]),
      device_(device),
      backend_(&backend),
      transport_(&transport),
      kernels_(program.training.graph.nodes().size()) {
  try {
    arena_ = backend.allocate(own_->arena_bytes);
  } catch (const std::exception& error) {
    throw RunError(fmt::format("device {} ({}): cannot allocate its arena of {} bytes: {}\n{}", index(device),
                               backend.name(), own_->arena_bytes, error.what(), arena_table(program, device)));
  }
  find_addresses(lenders);
  make_kernels();
  operations_.reserve(own_->instructions.size());
  for (const Instruction& instruction : own_->instructions) resolve(instruction);
  find_stretches();
  fused_ = fuse_steps(backend, fusion_steps());
}

std::byte* DeviceWorker::address(BufferId buffer) const {
  return buffer == kNone<BufferId> ? nullptr : addresses_[buffer];
}

void DeviceWorker::find_addresses(std::span<const DeviceWorker* const> lenders) {
  for (const Buffer& buffer : own_->buffers) {
    std::byte* address = is_lent(buffer) ? nullptr : arena_.get() + buffer.offset_bytes;
    for (std::size_t i = 0; i < lenders.size() && address == nullptr && is_lent(buffer); ++i) {
      address = lenders[i]->parameter(program_->training.graph.tensor(buffer.tensor).name);
    }
    addresses_.push_back(address);
  }
}

std::byte* DeviceWorker::parameter(std::string_view name) const {
  for (const BufferId id : ids<BufferId>(own_->buffers.size())) {
    const Buffer& buffer = own_->buffers[id];
    const bool is_it =
        buffer.role == BufferRole::kParameter && program_->training.graph.tensor(buffer.tensor).name == name;
    if (is_it) return addresses_[id];
  }
  return nullptr;
}

void DeviceWorker::make_kernels() {
  const Graph& graph = program_->training.graph;
  backend_->prepare(graph);
  for (const Instruction& instruction : own_->instructions) {
    if (instruction.opcode != Opcode::kCompute || kernels_[index(instruction.node)]) continue;
    try {
      kernels_[index(instruction.node)] = backend_->make_kernel(graph, instruction.node);
    } catch (const std::exception& error) {
      throw RunError(fmt::format("device {} ({}): node '{}': {}", index(device_), backend_->name(),
                                 graph.node(instruction.node).name, error.what()));
    }
  }
}

void DeviceWorker::resolve(const Instruction& instruction) {
  Operation operation{.opcode = instruction.opcode,
                      .microbatch = instruction.microbatch,
                      .message = instruction.message,
                      .collective = instruction.collective,
                      .first_input = inputs_.size(),
                      .input_count = instruction.inputs.size(),
                      .first_output = outputs_.size(),
                      .output_count = instruction.outputs.size()};
  for (const BufferId buffer : instruction.inputs) inputs_.push_back(address(buffer));
  for (const BufferId buffer : instruction.outputs) outputs_.push_back(address(buffer));
  if (instruction.opcode == Opcode::kCompute) {
    operation.kernel = kernels_[index(instruction.node)].get();
  } else if (instruction.tensor != kNone<TensorId>) {
    const Tensor& tensor = program_->training.graph.tensor(instruction.tensor);
    operation.size_bytes = bytes(tensor.type);
    operation.input = tensor.source;
  }
  const std::vector<TensorId>& fetched = program_->training.fetched;
  const bool is_fetched = std::find(fetched.begin(), fetched.end(), instruction.tensor) != fetched.end();
  if (instruction.opcode == Opcode::kFetchLoss && is_fetched) operation.fetched = instruction.tensor;
  const auto size = static_cast<std::size_t>(operation.size_bytes);
  if (instruction.opcode == Opcode::kFeed) staging_.resize(std::max(staging_.size(), size));
  if (operation.fetched != kNone<TensorId>) {
    operation.fetched_at = fetched_.size();
    fetched_.resize(fetched_.size() + size);
  }
  operations_.push_back(operation);
}

std::vector<FusionStep> DeviceWorker::fusion_steps() const {
  const auto ranges_of = [&](const std::vector<BufferId>& buffers) {
    std::vector<MemoryRange> ranges;
    for (const BufferId id : buffers) {
      ranges.push_back({address(id), id == kNone<BufferId> ? 0 : own_->buffers[id].size_bytes});
    }
    return ranges;
  };
  std::vector<FusionStep> steps;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    const Instruction& instruction = own_->instructions[i];
    steps.push_back({.kernel = operations_[i].kernel,
                     .microbatch = instruction.microbatch,
                     .is_barrier = !is_of_stretches(instruction.opcode) && instruction.opcode != Opcode::kFetchLoss,
                     .inputs = ranges_of(instruction.inputs),
                     .outputs = ranges_of(instruction.outputs)});
  }
  return steps;
}

void DeviceWorker::find_stretches() {
  stretch_ends_.resize(operations_.size());
  std::size_t end = operations_.size();
  for (std::size_t i = operations_.size(); i-- > 0;) {
    const bool is_inside = is_of_stretches(operations_[i].opcode);
    if (!is_inside) end = i + 1;
    stretch_ends_[i] = end;
    if (!is_inside) end = i;
  }
}

void DeviceWorker::run_step(const StepRequest& request) {
  const bool is_watched = !times_.empty() || detects_anomalies_;
  progress_.begin(request.context.step);
  for (std::size_t i = 0; i < operations_.size();) {
    const bool is_fused = fused_.begins_at[i] != nullptr || fused_.is_done_before[i];
    if (is_watched || (stretch_ends_[i] == i + 1 && !is_fused)) {
      run_one(i++, request);
    } else {
      run_stretch(i, request);
      i = stretch_ends_[i];
    }
  }
  progress_.at(static_cast<std::int32_t>(operations_.size()));
  try {
    backend_->synchronize();
  } catch (const std::exception& error) {
    transport_->check();
    throw RunError(fmt::format("device {} ({}), step {}: {}", index(device_), backend_->name(),
                               request.context.step + 1, error.what()));
  }
  transport_->check();
  hand_over_fetched();
  progress_.end();
}

void DeviceWorker::run_one(std::size_t instruction, const StepRequest& request) {
  const std::size_t i = instruction;
  progress_.at(static_cast<std::int32_t>(i));
  if (!times_.empty()) times_[i].start = std::chrono::steady_clock::now();
  try {
    execute(operations_[i], request);
    if (detects_anomalies_) look_for_anomaly(i);
    if (!times_.empty()) backend_->synchronize();
  } catch (const Aborted&) {
    throw;
  } catch (const InputError&) {  // a file of data has turned out broken
    throw;
  } catch (const std::exception& error) {
    fail(i, request, error.what());
  }
  if (!times_.empty()) times_[i].end = std::chrono::steady_clock::now();
}

void DeviceWorker::run_stretch(std::size_t first, const StepRequest& request) {
  struct State {
    DeviceWorker* worker;
    const StepRequest* request;
    std::size_t first;
    std::size_t at;
  } state{this, &request, first, first};
  try {
    // One reference fits into the function object itself: nothing is allocated.
    backend_->run_stretch(first, request.context, [&state] {
      const std::size_t end = state.worker->stretch_ends_[state.first];
      for (state.at = state.first; state.at < end; ++state.at) {
        state.worker->progress_.at(static_cast<std::int32_t>(state.at));
        state.worker->execute_fused(state.at, *state.request);
      }
      state.at = state.first;
    });
  } catch (const std::exception& error) {
    fail(state.at, request, error.what());
  }
}

// The instruction, or all that begin with it and run in one go. Who wants to know of each gets each by itself, in
// run_one.
void DeviceWorker::execute_fused(std::size_t instruction, const StepRequest& request) {
  if (fused_.is_done_before[instruction]) return;
  const std::unique_ptr<FusedSteps>& fused = fused_.begins_at[instruction];
  if (fused) return fused->run(request.context);
  execute(operations_[instruction], request);
}

void DeviceWorker::execute(const Operation& operation, const StepRequest& request) {
  const std::span inputs(inputs_.data() + operation.first_input, operation.input_count);
  const std::span outputs(outputs_.data() + operation.first_output, operation.output_count);
  switch (operation.opcode) {
    case Opcode::kFeed:
      return feed(operation, request);
    case Opcode::kCompute: {
      StepContext context = request.context;
      context.microbatch = operation.microbatch;
      return operation.kernel->run(inputs, outputs, context);
    }
    case Opcode::kCopy:
      return backend_->copy(outputs[0], inputs[0], operation.size_bytes);
    case Opcode::kAccumulate:
      return backend_->accumulate(static_cast<float*>(outputs[0]), static_cast<const float*>(inputs[0]),
                                  operation.size_bytes / std::int64_t{sizeof(float)});
    case Opcode::kSend:
      return transport_->send(operation.message, inputs[0]);
    case Opcode::kWaitSend:
      return transport_->wait_send(operation.message);
    case Opcode::kReceive:
      return transport_->receive(operation.message, outputs[0]);
    case Opcode::kStartCollective:
      return transport_->start_collective(operation.collective, device_, inputs, outputs);
    case Opcode::kFinishCollective:
      return transport_->finish_collective(operation.collective, device_);
    case Opcode::kFetchLoss:
      return fetch(operation, inputs[0], request);
  }
  MP_CHECK(false);
}

std::vector<float> DeviceWorker::floats_at(BufferId buffer, const TensorType& type) {
  std::vector<float> values(static_cast<std::size_t>(elements(type.shape)));
  if (type.type == DataType::kFloat32) {
    backend_->copy_to_host(values.data(), address(buffer), bytes(type));
    backend_->synchronize();
    return values;
  }
  const Graph& graph = program_->training.graph;
  const TensorId tensor = own_->buffers[buffer].tensor;  // has padded rows where it is viewed by no other
  const bool is_padded = pads_rows(*backend_) && stored_bytes(graph, tensor) != bytes(graph.tensor(tensor).type);
  const auto row = static_cast<std::size_t>(is_padded ? type.shape.back() : elements(type.shape));
  const auto stored = is_padded ? static_cast<std::size_t>(stored_row(graph, tensor)) : row;
  std::vector<std::uint16_t> halves(row == 0 ? 0 : values.size() / row * stored);
  backend_->copy_to_host(halves.data(), address(buffer), static_cast<std::int64_t>(2 * halves.size()));
  backend_->synchronize();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = from_bfloat16(halves[i / row * stored + i % row]);
  return values;
}

void DeviceWorker::look_for_anomaly(std::size_t instruction) {
  const Instruction& done = own_->instructions[instruction];
  if (done.opcode != Opcode::kCompute) return;
  const Graph& graph = program_->training.graph;
  const Node& node = graph.node(done.node);
  for (std::size_t o = 0; o < done.outputs.size(); ++o) {
    if (done.outputs[o] == kNone<BufferId> || node.outputs[o] == kNone<TensorId>) continue;
    const Tensor& tensor = graph.tensor(node.outputs[o]);
    if (tensor.type.type != DataType::kFloat32 && tensor.type.type != DataType::kBfloat16) continue;
    const std::vector<float> values = floats_at(done.outputs[o], tensor.type);
    const auto odd = std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
    if (odd == values.end()) continue;
    throw RunError(fmt::format("its output '{}' holds {} (element {} of {}), and no node before it has made one",
                               tensor.name, std::isnan(*odd) ? std::abs(*odd) : *odd, odd - values.begin(),
                               values.size()));
  }
}

void DeviceWorker::feed(const Operation& operation, const StepRequest& request) {
  const std::span slice(staging_.data(), static_cast<std::size_t>(operation.size_bytes));
  request.data->fill(static_cast<std::size_t>(operation.input), request.context.step, operation.microbatch, slice);
  backend_->copy_from_host(outputs_[operation.first_output], slice.data(), operation.size_bytes);
}

// What is fetched is there when the step is over: nothing waits for it before.
void DeviceWorker::fetch(const Operation& operation, const void* values, const StepRequest& request) {
  if (operation.fetched == kNone<TensorId>) {
    float* const loss_or_norm = operation.microbatch < 0
                                    ? request.gradient_norm
                                    : &request.microbatch_losses[static_cast<std::size_t>(operation.microbatch)];
    return backend_->copy_to_host(loss_or_norm, values, sizeof(float));
  }
  if (observer_ == nullptr) return;
  backend_->copy_to_host(fetched_.data() + operation.fetched_at, values, operation.size_bytes);
}

void DeviceWorker::hand_over_fetched() const {
  if (observer_ == nullptr) return;
  for (const Operation& operation : operations_) {
    if (operation.fetched == kNone<TensorId>) continue;
    (*observer_)(operation.fetched, operation.microbatch,
                 std::span(fetched_).subspan(operation.fetched_at, static_cast<std::size_t>(operation.size_bytes)));
  }
}

void DeviceWorker::fail(std::size_t instruction, const StepRequest& request, std::string_view cause) const {
  transport_->check();
  const Instruction& failed = own_->instructions[instruction];
  const Graph& graph = program_->training.graph;
  const std::string what = failed.opcode == Opcode::kCompute
                               ? "node '" + graph.node(failed.node).name + "'"
                               : "moving tensor '" + graph.tensor(failed.tensor).name + "'";
  throw RunError(fmt::format("device {} ({}), step {}, microbatch {}: {}: {}", index(device_), backend_->name(),
                             request.context.step + 1, failed.microbatch + 1, what, cause));
}

void DeviceWorker::initialise_parameters(std::uint64_t seed, Team& team) {
  const Graph& graph = program_->training.graph;
  std::map<TensorId, TensorId> rounded;  // of masters, which have the same values before they are rounded
  for (const TrainedParameter& trained : program_->training.trained) {
    if (const TensorId master = master_of(graph, trained); master != kNone<TensorId>) {
      rounded.emplace(master, trained.parameter);
    }
  }
  for (const BufferId id : ids<BufferId>(own_->buffers.size())) {
    const Buffer& buffer = own_->buffers[id];
    if (buffer.role != BufferRole::kParameter || is_lent(buffer)) continue;
    const Tensor& tensor = graph.tensor(buffer.tensor);
    const GraphParameter& parameter = graph.parameters()[static_cast<std::size_t>(tensor.source)];
    const auto copy = rounded.find(buffer.tensor);
    const std::string& name = copy == rounded.end() ? tensor.name : graph.tensor(copy->second).name;
    ParameterFiller filler(tensor.type, name, parameter.initializer, seed, parameter.shard);
    std::int64_t written = 0;
    for (std::span<const std::byte> piece = filler.next(team); !piece.empty(); piece = filler.next(team)) {
      backend_->copy_from_host(address(id) + written, piece.data(), static_cast<std::int64_t>(piece.size()));
      written += static_cast<std::int64_t>(piece.size());
    }
  }
  backend_->synchronize();
}

void DeviceWorker::read(BufferId buffer, std::span<std::byte> host) const {
  backend_->copy_to_host(host.data(), address(buffer), static_cast<std::int64_t>(host.size()));
  backend_->synchronize();
  progress_.moved();
}

void DeviceWorker::write(BufferId buffer, std::span<const std::byte> host) {
  backend_->copy_from_host(address(buffer), host.data(), static_cast<std::int64_t>(host.size()));
  backend_->synchronize();
  progress_.moved();
}

std::int64_t DeviceWorker::workspace_bytes() const {
  auto total = static_cast<std::int64_t>(staging_.size() + fetched_.size()) + backend_->workspace_bytes();
  for (const std::unique_ptr<Kernel>& kernel : kernels_) total += kernel ? kernel->workspace_bytes() : 0;
  for (const std::unique_ptr<FusedSteps>& fused : fused_.begins_at) {
    total += fused ? fused->kernel->workspace_bytes() : 0;
  }
  return total;
}

}  // namespace mp::runtime

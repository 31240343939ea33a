#include "tests/runtime/cpu/support/graph_runner.hpp"

#include <stdexcept>
#include <utility>

#include "lib/operators/operator.hpp"

namespace mp::runtime::testing {
namespace {

constexpr std::size_t kGuardBytes = 64;
constexpr std::byte kPoison{0xff};  // as float32: NaN

std::size_t size_of_tensor(const Tensor& tensor) { return static_cast<std::size_t>(bytes(tensor.type)); }

}  // namespace

GraphRunner::GraphRunner(const Graph& graph, int threads, Layouts layouts)
    : GraphRunner(graph, make_cpu_backend({.threads = threads}), layouts) {}

GraphRunner::GraphRunner(const Graph& graph, std::unique_ptr<Backend> backend, Layouts layouts)
    : graph_(graph), backend_(std::move(backend)), memory_(graph.tensors().size()) {
  const std::vector<std::byte> guard(kGuardBytes, kPoison);
  for (const TensorId id : ids<TensorId>(graph.tensors().size())) {
    const std::size_t size = size_of_tensor(graph.tensor(id));
    memory_[id] = backend_->allocate(static_cast<std::int64_t>(size + kGuardBytes));
    backend_->copy_from_host(memory_[id].get() + size, guard.data(), kGuardBytes);
  }
  if (layouts == Layouts::kPrepared) backend_->prepare(graph);
  for (const NodeId id : ids<NodeId>(graph.nodes().size())) kernels_.push_back(backend_->make_kernel(graph, id));
  backend_->synchronize();
}

void GraphRunner::set_bytes(TensorId tensor, const void* values, std::size_t size_bytes) {
  backend_->copy_from_host(memory_[tensor].get(), values, static_cast<std::int64_t>(size_bytes));
  backend_->synchronize();
}

void GraphRunner::set(TensorId tensor, const std::vector<float>& values) {
  set_bytes(tensor, values.data(), values.size() * sizeof(float));
}

void GraphRunner::set(TensorId tensor, const std::vector<std::int64_t>& values) {
  set_bytes(tensor, values.data(), values.size() * sizeof(std::int64_t));
}

void GraphRunner::set(TensorId tensor, const std::vector<bool>& values) {
  std::vector<std::byte> bytes;
  for (const bool value : values) bytes.push_back(std::byte{value});
  set_bytes(tensor, bytes.data(), bytes.size());
}

void GraphRunner::poison(TensorId tensor) {
  const std::vector<std::byte> bytes(size_of_tensor(graph_.tensor(tensor)), kPoison);
  set_bytes(tensor, bytes.data(), bytes.size());
}

void GraphRunner::run(const StepContext& context, const std::vector<bool>& nodes) {
  for (const NodeId id : ids<NodeId>(graph_.nodes().size())) {
    if (nodes.empty() || nodes[index(id)]) run_node(id, context);
  }
}

void GraphRunner::run_node(NodeId id, const StepContext& context) {
  const Node& node = graph_.node(id);
  std::vector<const void*> inputs;
  for (const TensorId t : node.inputs) inputs.push_back(t == kNone<TensorId> ? nullptr : memory_[t].get());
  for (const InPlace& place : node.op->in_place) {
    if (place.output >= node.outputs.size() || node.outputs[place.output] == kNone<TensorId>) continue;
    memory_[node.outputs[place.output]] = memory_[node.inputs[place.input]];
  }
  std::vector<void*> outputs;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const TensorId t = node.outputs[i];
    outputs.push_back(t == kNone<TensorId> ? nullptr : memory_[t].get());
    bool is_in_place = false;
    for (const InPlace& place : node.op->in_place) is_in_place = is_in_place || place.output == i;
    if (outputs.back() != nullptr && !is_in_place) poison(t);
  }
  kernels_[index(id)]->run(inputs, outputs, context);
  backend_->synchronize();
  for (const TensorId t : node.outputs) {
    if (t != kNone<TensorId>) check_guard(t);
  }
}

void GraphRunner::check_guard(TensorId tensor) const {
  std::vector<std::byte> guard(kGuardBytes);
  backend_->copy_to_host(guard.data(), memory_[tensor].get() + size_of_tensor(graph_.tensor(tensor)), kGuardBytes);
  backend_->synchronize();
  for (const std::byte byte : guard) {
    if (byte != kPoison) throw std::logic_error("written behind the end of " + graph_.tensor(tensor).name);
  }
}

std::vector<float> GraphRunner::floats(TensorId tensor) const {
  std::vector<float> values(static_cast<std::size_t>(elements(graph_.tensor(tensor).type.shape)));
  backend_->copy_to_host(values.data(), memory_[tensor].get(),
                         static_cast<std::int64_t>(values.size() * sizeof(float)));
  backend_->synchronize();
  return values;
}

std::vector<std::byte> GraphRunner::bytes_of(TensorId tensor) const {
  std::vector<std::byte> values(size_of_tensor(graph_.tensor(tensor)));
  backend_->copy_to_host(values.data(), memory_[tensor].get(), static_cast<std::int64_t>(values.size()));
  backend_->synchronize();
  return values;
}

std::int64_t GraphRunner::workspace_bytes() const {
  std::int64_t total = 0;
  for (const auto& kernel : kernels_) total += kernel->workspace_bytes();
  return total;
}

}  // namespace mp::runtime::testing

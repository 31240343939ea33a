// The steps of a graph as a GPU's backend sees them, run on the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/bfloat16.hpp"
#include "lib/base/random.hpp"
#include "lib/graph/builder.hpp"
#include "runtime/fusion.hpp"
#include "runtime/gpu/host_backend.hpp"

namespace mp::runtime::test {

// The steps of a graph on the host's GPU backend, every tensor at a place of an arena of slots.
class Steps {
 public:
  explicit Steps(GraphBuilder builder, const GpuHostOptions& options = {})
      : graph_(std::move(builder).build()), backend_(make_gpu_host_backend_with(options)) {
    arena_ = backend_->allocate(static_cast<std::int64_t>(graph_.tensors().size()) * kSlot);
    for (const TensorId t : ids<TensorId>(graph_.tensors().size()))
      slots_.push_back(static_cast<std::int64_t>(index(t)));
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) kernels_.push_back(backend_->make_kernel(graph_, n));
  }
  [[nodiscard]] TensorId tensor(const std::string& name) const {
    for (const TensorId t : ids<TensorId>(graph_.tensors().size())) {
      if (graph_.tensor(t).name == name) return t;
    }
    throw std::logic_error(name);
  }
  // Of either type.
  [[nodiscard]] std::vector<float> floats(const std::string& name) const {
    const Tensor& t = graph_.tensor(tensor(name));
    std::vector<float> values(static_cast<std::size_t>(elements(t.type.shape)));
    if (t.type.type == DataType::kFloat32) {
      backend_->copy_to_host(values.data(), place(tensor(name)), bytes(t.type));
      return values;
    }
    std::vector<std::uint16_t> halves(values.size());
    backend_->copy_to_host(halves.data(), place(tensor(name)), bytes(t.type));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = from_bfloat16(halves[i]);
    return values;
  }
  // Some values of every input, the same for the same graph; of integers 0, 1, 2, 0, 1 …
  void fill() {
    for (const TensorId t : ids<TensorId>(graph_.tensors().size())) {
      const Tensor& tensor = graph_.tensor(t);
      if (tensor.kind == TensorKind::kActivation) continue;
      std::vector<float> values(static_cast<std::size_t>(elements(tensor.type.shape)));
      if (tensor.type.type == DataType::kInt64) {
        std::vector<std::int64_t> places(values.size());
        for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<std::int64_t>(i % 3);
        backend_->copy_from_host(place(t), places.data(), bytes(tensor.type));
        continue;
      }
      const RandomStream stream(5, tensor.name);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(stream.uniform(i));
      if (tensor.type.type == DataType::kFloat32) {
        backend_->copy_from_host(place(t), values.data(), bytes(tensor.type));
        continue;
      }
      std::vector<std::uint16_t> halves(values.size());
      for (std::size_t i = 0; i < values.size(); ++i) halves[i] = to_bfloat16(values[i]);
      backend_->copy_from_host(place(t), halves.data(), bytes(tensor.type));
    }
  }
  // All steps, one after the other or as the backend fuses them.
  void run(bool is_fused) {
    const StepContext context{.seed = 1, .step = 4, .microbatch = -1, .learning_rate = 0.01};
    const std::vector<FusionStep> all = steps();
    if (is_fused) {
      const FusedProgram program = fuse_steps(*backend_, all);
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (program.begins_at[i]) {
          program.begins_at[i]->run(context);
        } else if (!program.is_done_before[i]) {
          run_alone(all[i], context);
        }
      }
      return;
    }
    for (const FusionStep& step : all) run_alone(step, context);
  }
  void put(const std::string& name, const std::string& onto) {
    slots_[index(tensor(name))] = slots_[index(tensor(onto))];
  }
  [[nodiscard]] std::vector<FusionStep> steps() const {
    std::vector<FusionStep> steps;
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
      steps.push_back({.kernel = kernels_[index(n)].get(),
                       .microbatch = 0,
                       .inputs = ranges(graph_.node(n).inputs),
                       .outputs = ranges(graph_.node(n).outputs)});
    }
    return steps;
  }
  [[nodiscard]] std::vector<std::vector<std::size_t>> fused(const std::vector<FusionStep>& steps) const {
    std::vector<std::vector<std::size_t>> found;
    for (const Fusion& fusion : backend_->find_fusions(steps)) found.push_back(fusion.steps);
    return found;
  }
  [[nodiscard]] std::vector<std::vector<std::size_t>> fused() const { return fused(steps()); }

 private:
  static void run_alone(const FusionStep& step, const StepContext& context) {
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    for (const MemoryRange& range : step.inputs) inputs.push_back(range.first);
    for (const MemoryRange& range : step.outputs) outputs.push_back(range.first);
    step.kernel->run(inputs, outputs, context);
  }
  static constexpr std::int64_t kSlot = std::int64_t{1} << 17;
  [[nodiscard]] std::byte* place(TensorId t) const { return arena_.get() + slots_[index(t)] * kSlot; }
  [[nodiscard]] std::vector<MemoryRange> ranges(const std::vector<TensorId>& tensors) const {
    std::vector<MemoryRange> result;
    for (const TensorId t : tensors) {
      if (t == kNone<TensorId>) {
        result.push_back({});
      } else {
        result.push_back({place(t), bytes(graph_.tensor(t).type)});
      }
    }
    return result;
  }

  Graph graph_;
  std::unique_ptr<Backend> backend_;
  DeviceMemory arena_;
  std::vector<std::int64_t> slots_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
};

}  // namespace mp::runtime::test

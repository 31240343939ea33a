#include "runtime/gpu/dry_run.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <utility>

#include "lib/operators/operator.hpp"
#include "runtime/device_worker.hpp"
#include "runtime/gpu/dry_device.hpp"
#include "runtime/gpu/fusion.hpp"
#include "runtime/gpu/registry.hpp"

namespace mp::runtime::gpu {
namespace {

using Inputs = std::span<const void* const>;
using Outputs = std::span<void* const>;

// Where the work of nodes, whose operands lie in a row, is put together.
class Ledger {
 public:
  Ledger(const Graph& graph, DryDevice& device) : graph_(graph), device_(device) {}

  void run(Kernel& kernel, std::span<const NodeId> nodes, Inputs inputs, Outputs outputs, const StepContext& context) {
    static_cast<void>(device_.log().take());
    kernel.run(inputs, outputs, context);
    add(nodes, inputs, outputs);
  }
  void add_memory_work(LoggedWork work) {
    StepWork step{.bytes_read = work.bytes_read, .bytes_written = work.bytes_written};
    step.launches.push_back(std::move(work));
    steps_.push_back(std::move(step));
  }
  [[nodiscard]] std::vector<StepWork> take() { return std::move(steps_); }

 private:
  void add(std::span<const NodeId> nodes, Inputs inputs, Outputs outputs) {
    StepWork step;
    step.launches = device_.log().take();
    double flops = 0.0;
    for (const NodeId n : nodes) {
      const Node& node = graph_.node(n);
      step.nodes.push_back(node.name);
      step.operators.push_back(node.op_name);
      flops += cost_of(graph_, n).flops;
      const TensorId first = node.inputs.empty() ? kNone<TensorId> : node.inputs.front();
      if (first != kNone<TensorId>) step.type = graph_.tensor(first).type.type;
    }
    bool is_by_library = false;
    for (const LoggedWork& work : step.launches) {
      is_by_library = is_by_library || work.kind == WorkKind::kProduct || work.kind == WorkKind::kAttention;
      step.flops += work.flops;
      step.bytes_read += work.bytes_read;
      step.bytes_written += work.bytes_written;
    }
    if (!is_by_library) {
      step.flops = flops;
      add_operands(nodes, inputs, outputs, step);
    }
    steps_.push_back(std::move(step));
  }

  // Each address once; what one node hands a later one stays in the kernel.
  void add_operands(std::span<const NodeId> nodes, Inputs inputs, Outputs outputs, StepWork& step) const {
    std::map<const void*, std::int64_t> written;
    std::set<const void*> read;
    std::size_t input = 0;
    std::size_t output = 0;
    for (const NodeId n : nodes) {
      std::map<const void*, std::int64_t> own;
      for (const TensorId t : graph_.node(n).inputs) {
        const void* at = inputs[input++];
        if (at == nullptr || written.erase(at) != 0) continue;
        if (read.insert(at).second) step.bytes_read += static_cast<double>(bytes(graph_.tensor(t).type));
      }
      for (const TensorId t : graph_.node(n).outputs) {
        const void* at = outputs[output++];
        if (at != nullptr) own[at] = bytes(graph_.tensor(t).type);
      }
      for (const auto& [at, size_bytes] : own) written[at] = size_bytes;
    }
    for (const auto& [at, size_bytes] : written) step.bytes_written += static_cast<double>(size_bytes);
  }

  const Graph& graph_;
  DryDevice& device_;
  std::vector<StepWork> steps_;
};

class NotedKernel final : public Kernel {
 public:
  NotedKernel(Ledger& ledger, std::unique_ptr<Kernel> kernel, std::vector<NodeId> nodes)
      : ledger_(ledger), kernel_(std::move(kernel)), nodes_(std::move(nodes)) {}
  void run(Inputs inputs, Outputs outputs, const StepContext& context) override {
    ledger_.run(*kernel_, nodes_, inputs, outputs, context);
  }
  [[nodiscard]] Kernel* kernel() const { return kernel_.get(); }
  [[nodiscard]] NodeId node() const { return nodes_.front(); }

 private:
  Ledger& ledger_;
  std::unique_ptr<Kernel> kernel_;
  std::vector<NodeId> nodes_;
};

class DryBackend final : public Backend {
 public:
  DryBackend(const Graph& graph, const DryRunOptions& options)
      : options_(options), device_(options), ledger_(graph, device_) {}
  [[nodiscard]] Ledger& ledger() { return ledger_; }

  [[nodiscard]] std::string_view name() const override { return "dry run"; }
  [[nodiscard]] DeviceMemory allocate(std::int64_t size_bytes) override { return device_.allocate_scratch(size_bytes); }
  [[nodiscard]] std::unique_ptr<Kernel> make_kernel(const Graph& graph, NodeId node) override {
    return std::make_unique<NotedKernel>(ledger_, gpu::make_kernel(device_, graph, node), std::vector<NodeId>{node});
  }
  [[nodiscard]] std::vector<Fusion> find_fusions(std::span<const FusionStep> steps) override {
    std::vector<FusionStep> plain(steps.begin(), steps.end());
    for (FusionStep& step : plain) {
      if (step.kernel != nullptr) step.kernel = dynamic_cast<NotedKernel&>(*step.kernel).kernel();
    }
    std::vector<Fusion> fusions = gpu::find_fusions(device_, plain,
                                                    {.epilogues = options_.epilogues,
                                                     .normalizations = options_.epilogues,
                                                     .losses = options_.epilogues,
                                                     .embeddings = options_.epilogues});
    for (Fusion& fusion : fusions) {
      std::vector<NodeId> nodes;
      for (const std::size_t i : fusion.steps) nodes.push_back(dynamic_cast<NotedKernel&>(*steps[i].kernel).node());
      fusion.kernel = std::make_unique<NotedKernel>(ledger_, std::move(fusion.kernel), std::move(nodes));
    }
    return fusions;
  }
  void copy_from_host(void* /*device*/, const void* /*host*/, std::int64_t /*size_bytes*/) override {}
  void copy_to_host(void* /*host*/, const void* /*device*/, std::int64_t /*size_bytes*/) override {}
  void copy(void* /*to*/, const void* /*from*/, std::int64_t size_bytes) override {
    const auto moved = static_cast<double>(size_bytes);
    ledger_.add_memory_work({.kind = WorkKind::kMemory, .what = "memcpy", .bytes_read = moved, .bytes_written = moved});
  }
  void accumulate(float* /*sum*/, const float* /*addend*/, std::int64_t elements) override {
    const double moved = 4.0 * static_cast<double>(elements);
    ledger_.add_memory_work({.what = "AccumulateItem", .bytes_read = 2.0 * moved, .bytes_written = moved});
  }
  void synchronize() override {}

 private:
  DryRunOptions options_;
  DryDevice device_;
  Ledger ledger_;
};

class NoTransport final : public Transport {
 public:
  void send(std::int32_t /*message*/, const void* /*data*/) override {}
  void wait_send(std::int32_t /*message*/) override {}
  void receive(std::int32_t /*message*/, void* /*data*/) override {}
  void start_collective(std::int32_t /*collective*/, DeviceId /*device*/, std::span<const void* const> /*from*/,
                        std::span<void* const> /*to*/) override {}
  void finish_collective(std::int32_t /*collective*/, DeviceId /*device*/) override {}
  void abort() noexcept override {}
};

class NoData final : public DataSource {
 public:
  void fill(std::size_t /*input*/, std::int64_t /*step*/, std::int32_t /*microbatch*/,
            std::span<std::byte> /*slice*/) const override {}
};

}  // namespace

bool StepWork::is_misaligned() const {
  return std::any_of(launches.begin(), launches.end(), [](const LoggedWork& work) { return work.is_misaligned; });
}

std::vector<StepWork> dry_run(const Program& program, DeviceId device, const DryRunOptions& options) {
  DryBackend backend(program.training.graph, options);
  NoTransport transport;
  DeviceWorker worker(program, device, backend, transport);
  const NoData data;
  std::vector<float> losses(static_cast<std::size_t>(program.microbatches));
  float norm = 0.0F;
  worker.run_step(
      {.context = {.learning_rate = 1.0}, .data = &data, .microbatch_losses = losses, .gradient_norm = &norm});
  return backend.ledger().take();
}

}  // namespace mp::runtime::gpu

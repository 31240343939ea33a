#include "runtime/cuda/cuda_backend.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cuda/architectures.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "runtime/cuda/devices.hpp"
#include "runtime/gpu/fusion.hpp"
#include "runtime/gpu/kernels/elementwise.hpp"
#include "runtime/gpu/registry.hpp"
#include "runtime/nccl/nccl_transport.hpp"
#include "runtime/padded_rows.hpp"

namespace mp::runtime {
namespace {

class CudaBackend final : public Backend, public PadsRows {
 public:
  explicit CudaBackend(const CudaOptions& options)
      : name_(fmt::format("cuda:{}", options.device)),
        options_(options),
        device_({.device = options.device,
                 .allow_tf32 = options.allow_tf32,
                 .tunes_products = options.tunes_products,
                 .attention = options.attention,
                 .remark = options.remark}) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] DeviceMemory allocate(std::int64_t size_bytes) override {
    DeviceMemory memory = cuda::allocate(size_bytes, device_.stream());
    MP_CUDA(cudaStreamSynchronize(device_.stream()));
    return memory;
  }
  [[nodiscard]] std::unique_ptr<Kernel> make_kernel(const Graph& graph, NodeId node) override {
    return gpu::make_kernel(device_, graph, node);
  }
  [[nodiscard]] std::vector<Fusion> find_fusions(std::span<const FusionStep> steps) override {
    return gpu::find_fusions(device_, steps,
                             {.epilogues = options_.use_epilogues,
                              .normalizations = options_.use_epilogues,
                              .losses = options_.use_epilogues,
                              .embeddings = options_.use_epilogues});
  }
  void copy_from_host(void* device, const void* host, std::int64_t size_bytes) override {
    device_.host_copies().to_device(device, host, size_bytes);
  }
  void copy_to_host(void* host, const void* device, std::int64_t size_bytes) override {
    device_.host_copies().to_host(host, device, size_bytes);
  }
  // Between devices, too: addresses are unified.
  void copy(void* to, const void* from, std::int64_t size_bytes) override { device_.move(to, from, size_bytes); }
  void accumulate(float* sum, const float* addend, std::int64_t elements) override {
    gpu::for_elements(device_.queue(), elements, gpu::AccumulateItem{{sum, false}, {addend, false}});
  }
  void synchronize() override { device_.synchronize(); }

  [[nodiscard]] std::unique_ptr<Mark> make_mark() override {
    // Marks are made by whoever makes the transport, and belong to the device that is current.
    device_.make_current();
    return std::make_unique<cuda::Event>();
  }
  void record(Mark* mark) override {
    if (mark != nullptr) MP_CUDA(cudaEventRecord(event_of(mark), device_.stream()));
  }
  void wait_for(Mark* mark) override {
    if (mark == nullptr) return;
    // Who waits for another device copies from it next, or is copied from.
    device_.reach(dynamic_cast<cuda::Event&>(*mark).device());
    MP_CUDA(cudaStreamWaitEvent(device_.stream(), event_of(mark), 0));
  }

  [[nodiscard]] std::unique_ptr<Transport> make_transport(const Program& program, std::span<Backend* const> backends,
                                                          RankGroup* ranks) override {
    if (!options_.use_nccl) return Backend::make_transport(program, backends, ranks);
    NcclOptions nccl{.gpus = {}, .ranks = ranks, .patience = options_.nccl_patience};
    for (Backend* backend : backends) {
      nccl.gpus.push_back(backend == nullptr ? -1 : dynamic_cast<CudaBackend&>(*backend).options_.device);
    }
    return make_nccl_transport(program, backends, nccl);
  }

  // The first time the work is put in as it is: libraries load their kernels and make their plans. The second time it
  // is recorded. The keys of random streams, which are part of a record, follow the seed.
  void run_stretch(std::size_t stretch, const StepContext& context, const std::function<void()>& put_in) override {
    if (!options_.use_graphs) return put_in();
    device_.refresh(context);
    if (seed_ != context.seed) stretches_.clear();
    seed_ = context.seed;
    const auto [place, is_new] = stretches_.try_emplace(stretch);
    if (is_new) return put_in();
    if (!place->second) place->second = record_graph(put_in);
    place->second->launch(device_.stream());
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override { return device_.shared_bytes(); }

 private:
  // Marks of any CUDA device; the executor runs the devices of a plan on backends of one kind.
  static cudaEvent_t event_of(Mark* mark) { return dynamic_cast<cuda::Event&>(*mark).get(); }

  std::unique_ptr<cuda::Graph> record_graph(const std::function<void()>& put_in) {
    MP_CUDA(cudaStreamBeginCapture(device_.stream(), cudaStreamCaptureModeThreadLocal));
    cudaGraph_t recorded = nullptr;
    try {
      put_in();
    } catch (...) {
      static_cast<void>(cudaStreamEndCapture(device_.stream(), &recorded));
      if (recorded != nullptr) static_cast<void>(cudaGraphDestroy(recorded));
      static_cast<void>(cudaGetLastError());
      throw;
    }
    MP_CUDA(cudaStreamEndCapture(device_.stream(), &recorded));
    return std::make_unique<cuda::Graph>(recorded);
  }

  std::string name_;
  CudaOptions options_;
  cuda::CudaDevice device_;
  std::optional<std::uint64_t> seed_;
  std::map<std::size_t, std::unique_ptr<cuda::Graph>> stretches_;  // null: run once
};

}  // namespace

namespace {

// Kernels that are missing would be told at the first launch, without the remedy.
void require_kernels(int device) {
  int major = 0;
  int minor = 0;
  MP_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
  MP_CUDA(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device));
  const int least = cuda::least_compute_capability();
  if (10 * major + minor >= least) return;
  throw RunError(
      fmt::format("cuda:{} has compute capability {}.{}, this build's kernels need {}.{}: build with "
                  "-DCMAKE_CUDA_ARCHITECTURES={}{}",
                  device, major, minor, least / 10, least % 10, major, minor));
}

}  // namespace

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
  const DeviceList list = cuda_devices();
  if (list.devices.empty()) throw RunError(fmt::format("no CUDA device to train on: {}", list.no_cuda));
  if (options.device < 0 || options.device >= static_cast<int>(list.devices.size())) {
    throw RunError(fmt::format("there is no cuda:{}: this machine has {} CUDA {}", options.device, list.devices.size(),
                               list.devices.size() == 1 ? "device" : "devices"));
  }
  require_kernels(options.device);
  return std::make_unique<CudaBackend>(options);
}

}  // namespace mp::runtime

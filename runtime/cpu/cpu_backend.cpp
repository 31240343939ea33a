#include "runtime/cpu/cpu_backend.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/operators/operator.hpp"
#include "runtime/cpu/bfloat16/kernels.hpp"
#include "runtime/cpu/bfloat16/twin.hpp"
#include "runtime/cpu/elementwise.hpp"
#include "runtime/cpu/layout.hpp"
#include "runtime/cpu/registry.hpp"
#include "runtime/cpu/scratch.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/cpu/team.hpp"
#include "runtime/local/local_transport.hpp"

namespace mp::runtime {
namespace cpu {

void KernelCall::refuse_type(DataType type) const {
  throw RunError(
      fmt::format("node '{}': the CPU backend has no kernel of {} for {}", node.name, node.op_name, name_of(type)));
}

namespace {

constexpr std::size_t kMemoryAlignment = 4096;

// About what it takes to wake a thread up: so no wait takes more than twice what the best choice would have (Karlin,
// Manasse, McGeoch, Owicki, "Competitive randomized algorithms for non-uniform problems", SODA 1990).
constexpr std::chrono::microseconds kPatience{50};

MP_SIMD void add_to(float* __restrict sum, const float* __restrict addend, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) sum[i] += addend[i];
}

int team_size(int threads) {
  if (threads > 0) return threads;
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const CpuOptions& options)
      : team_(team_size(options.threads), options.cores), may_watch_(options.may_watch) {}

  [[nodiscard]] std::string_view name() const override { return "cpu"; }

  // Pages of a large allocation come zeroed from the system, and only when touched.
  [[nodiscard]] DeviceMemory allocate(std::int64_t size_bytes) override {
    const auto size = (static_cast<std::size_t>(std::max<std::int64_t>(size_bytes, 1)) + kMemoryAlignment - 1) /
                      kMemoryAlignment * kMemoryAlignment;
    auto* block = static_cast<std::byte*>(std::calloc(1, size + kMemoryAlignment));
    if (block == nullptr) {
      throw RunError(fmt::format("cpu: not enough memory for {} bytes ({:.1f} GiB)", size_bytes,
                                 static_cast<double>(size_bytes) / (1024.0 * 1024.0 * 1024.0)));
    }
    const std::shared_ptr<std::byte> owner(block, [](std::byte* b) { std::free(b); });
    void* aligned = block;
    std::size_t space = size + kMemoryAlignment;
    return {owner, static_cast<std::byte*>(std::align(kMemoryAlignment, size, aligned, space))};
  }

  void prepare(const Graph& graph) override { layouts_ = cpu::Layouts(graph); }

  [[nodiscard]] std::unique_ptr<Kernel> make_kernel(const Graph& graph, NodeId node) override {
    const Node& n = graph.node(node);
    const cpu::KernelFactory factory = cpu::find_kernel(n.op_name);
    if (factory == nullptr) {
      throw RunError(fmt::format("node '{}': the CPU backend has no kernel for operator {}", n.name, n.op_name));
    }
    const cpu::KernelCall call{{graph, n}, team_, layouts_, scratch_};
    return cpu::has_bfloat16(graph, n) ? cpu::make_bfloat16_kernel(call, widened_) : factory(call);
  }

  [[nodiscard]] std::unique_ptr<Kernel> fuse(std::span<const FusedPart> parts) override {
    return cpu::fuse(team_, parts);
  }

  void copy_from_host(void* device, const void* host, std::int64_t size_bytes) override {
    copy(device, host, size_bytes);
  }
  void copy_to_host(void* host, const void* device, std::int64_t size_bytes) override {
    copy(host, device, size_bytes);
  }
  void copy(void* to, const void* from, std::int64_t size_bytes) override {
    if (size_bytes > 0) std::memcpy(to, from, static_cast<std::size_t>(size_bytes));
  }
  void accumulate(float* sum, const float* addend, std::int64_t elements) override {
    team_.for_range(elements, cpu::kElementwiseGrain,
                    [&](std::int64_t begin, std::int64_t end) { add_to(sum + begin, addend + begin, end - begin); });
  }
  void synchronize() override {}
  [[nodiscard]] std::unique_ptr<Transport> make_transport(const Program& program, std::span<Backend* const> backends,
                                                          RankGroup* ranks) override {
    if (ranks != nullptr) return Backend::make_transport(program, backends, ranks);
    return std::make_unique<LocalTransport>(program.messages, backends,
                                            may_watch_ ? kPatience : std::chrono::microseconds{0});
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override { return scratch_.size_bytes() + widened_.size_bytes(); }

 private:
  Team team_;
  bool may_watch_;
  cpu::SharedScratch scratch_;
  cpu::SharedScratch widened_;  // operands of kernels that have no bfloat16 form
  cpu::Layouts layouts_;
};

}  // namespace
}  // namespace cpu

std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options) {
  MP_CHECK(options.threads >= 0);
  return std::make_unique<cpu::CpuBackend>(options);
}

}  // namespace mp::runtime

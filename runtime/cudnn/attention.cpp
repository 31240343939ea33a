#include "runtime/cudnn/attention.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cudnn/attention_graph.hpp"

namespace mp::runtime {
namespace {

using gpu::AttentionOperands;
using gpu::AttentionProblem;

constexpr std::int64_t kMostWorkspaceBytes = std::int64_t{1} << 30;
constexpr auto* kTooMuchScratch =
    "a gradient that adds in a fixed order takes more than 256 MiB of scratch for one sequence";

// Batch items of one run: a gradient that adds in a fixed order keeps its scores in bfloat16, and these must not take
// more than 256 MiB. Divides the batch; 0: one item alone takes too much.
std::int64_t items_of_run(const AttentionProblem& p) {
  if (!p.is_backward || !p.is_deterministic) return p.batch;
  constexpr std::int64_t kTile = 64;
  const auto padded = [](std::int64_t extent) { return (extent + kTile - 1) / kTile * kTile; };
  const std::int64_t item_bytes = p.query_heads * padded(p.queries) * padded(p.keys) * 2;
  std::int64_t items = std::min(p.batch, (std::int64_t{1} << 28) / item_bytes);
  const auto is_apart = [&](std::int64_t n) {  // runs begin at addresses that cuDNN takes
    return n == p.batch || (p.batch % n == 0 && n * p.query_heads * p.queries % 4 == 0);
  };
  while (items > 0 && !is_apart(items)) --items;
  return items;
}

// What cuDNN is known to get wrong without a word, as NVIDIA's own front end for it has it (cudnn-frontend 1.2x,
// node/scaled_dot_product_flash_attention.h). Empty: nothing.
std::string known_fault(const AttentionProblem& p) {
  const std::size_t version = cudnnGetVersion();
  const std::string name = fmt::format("cuDNN {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  if (version == 91000 || version == 91001) return name + " has faults in attention, from 9.10.2 on they are mended";
  if (p.is_backward && p.queries == 1 && p.keys == 1) return "cuDNN has none for one query and one key";
  if (p.is_backward && version <= 91500 && p.keys % 128 != 0) {
    return name + " is wrong where keys are no multiple of 128, from 9.16 on it is right";
  }
  if (p.is_causal && version <= 90900 && p.queries == 1) return name + " has no causal mask for one query";
  return {};
}

// Before cuDNN 9.6, the gradient that adds in any order adds to what it finds.
bool must_clear_sums() { return cudnnGetVersion() < 90600; }

std::int64_t integer_of(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name) {
  std::int64_t value = 0;
  std::int64_t count = 0;
  MP_CUDNN(cudnnBackendGetAttribute(descriptor, name, CUDNN_TYPE_INT64, 1, &count, &value));
  return value;
}

// Whether the engine of a configuration gives the same bits every time.
bool is_deterministic(const CudnnDescriptor& configuration) {
  CudnnDescriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t to = engine.get();
  std::int64_t count = 0;
  MP_CUDNN(cudnnBackendGetAttribute(configuration.get(), CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                    &count, &to));
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  MP_CUDNN(cudnnBackendGetAttribute(engine.get(), CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                    static_cast<std::int64_t>(notes.size()), &count, notes.data()));
  return std::find(notes.begin(), notes.begin() + count, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) ==
         notes.begin() + count;
}

// What the heuristics propose, best first. `device`: properties of one that is not there.
std::vector<CudnnDescriptor> configurations(const AttentionGraph& graph, const CudnnDescriptor* device,
                                            bool must_be_deterministic) {
  constexpr std::size_t kMost = 16;
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.get());
  const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
  heuristics.set_many(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
#if CUDNN_VERSION >= 90800
  if (device != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device);
#else
  static_cast<void>(device);
#endif
  heuristics.finalize();
  std::vector<CudnnDescriptor> found;
  std::vector<cudnnBackendDescriptor_t> places;
  for (std::size_t i = 0; i < kMost; ++i) {
    found.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    places.push_back(found.back().get());
  }
  std::int64_t count = 0;
  MP_CUDNN(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                    static_cast<std::int64_t>(kMost), &count, places.data()));
  found.erase(found.begin() + std::min<std::int64_t>(count, std::int64_t{kMost}), found.end());
  if (must_be_deterministic) std::erase_if(found, [](const CudnnDescriptor& c) { return !is_deterministic(c); });
  return found;
}

// The first configuration that becomes a plan.
CudnnDescriptor plan_of(cudnnHandle_t handle, const AttentionGraph& graph, const AttentionProblem& problem) {
  std::string why = "no engine takes it";
  for (const CudnnDescriptor& configuration : configurations(graph, nullptr, problem.is_deterministic)) {
    try {
      CudnnDescriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      plan.set_many(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configuration);
      plan.finalize();
      if (integer_of(plan.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) <= kMostWorkspaceBytes) return plan;
      why = "it takes too much scratch";
    } catch (const RunError& error) {
      why = error.what();
    }
  }
  throw RunError(why);
}

class CudnnAttention final : public gpu::FusedAttention {
 public:
  CudnnAttention(std::shared_ptr<void> handle, const AttentionProblem& whole, const AttentionProblem& run,
                 gpu::Device& device)
      : handle_(std::move(handle)),
        runs_(whole.batch / run.batch),
        p_(run),
        device_(device),
        graph_(static_cast<cudnnHandle_t>(handle_.get()), run),
        plan_(plan_of(static_cast<cudnnHandle_t>(handle_.get()), graph_, run)) {
    std::int64_t end = aligned(integer_of(plan_.get(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE));
    statistics_at_ = end;
    if (!p_.is_backward) end += aligned(statistics() * 4);  // where they are not wanted
    if (p_.is_backward) {
      dot_at_ = end;
      end += aligned(statistics() * 4);
      dq_sum_at_ = end;
      if (!p_.is_deterministic) end += aligned(queries() * p_.depth * 4);
    }
    device_.reserve_shared(end);
  }

  void run(const AttentionOperands& operands) override {
    for (std::int64_t i = 0; i < runs_; ++i) run_items(operands, i);
  }

 private:
  struct Addresses {
    std::vector<std::int64_t> ids;
    std::vector<void*> places;
    void add(AttentionTensor id, void* place) {
      ids.push_back(static_cast<std::int64_t>(id));
      places.push_back(place);
    }
  };

  static std::int64_t aligned(std::int64_t size_bytes) { return (size_bytes + 255) / 256 * 256; }
  // Of one run.
  [[nodiscard]] std::int64_t statistics() const { return p_.batch * p_.query_heads * p_.queries; }
  [[nodiscard]] std::int64_t queries() const { return p_.batch * p_.queries * p_.query_heads; }
  [[nodiscard]] std::int64_t keys() const { return p_.batch * p_.keys * p_.key_heads; }

  void run_items(const AttentionOperands& o, std::int64_t i) {
    const auto at = [&](const void* tensor, std::int64_t run_elements, std::int64_t element_bytes) {
      return static_cast<void*>(static_cast<std::byte*>(const_cast<void*>(tensor)) + i * run_elements * element_bytes);
    };
    Addresses a;
    a.add(AttentionTensor::kQ, at(o.q, queries() * p_.depth, 2));
    a.add(AttentionTensor::kK, at(o.k, keys() * p_.depth, 2));
    a.add(AttentionTensor::kV, at(o.v, keys() * p_.value_depth, 2));
    a.add(AttentionTensor::kY, at(o.y, queries() * p_.value_depth, 2));
    void* own_statistics = device_.shared() + statistics_at_;
    a.add(AttentionTensor::kStatistics, o.statistics == nullptr ? own_statistics : at(o.statistics, statistics(), 4));
    a.add(AttentionTensor::kScale, &p_.scale);
    if (p_.is_causal) a.add(AttentionTensor::kBelowAll, &below_all_);
    if (p_.is_backward) {
      a.add(AttentionTensor::kDy, at(o.dy, queries() * p_.value_depth, 2));
      a.add(AttentionTensor::kDq, at(o.dq, queries() * p_.depth, 2));
      a.add(AttentionTensor::kDk, at(o.dk, keys() * p_.depth, 2));
      a.add(AttentionTensor::kDv, at(o.dv, keys() * p_.value_depth, 2));
      a.add(AttentionTensor::kDot, device_.shared() + dot_at_);
      a.add(AttentionTensor::kOne, &one_);
      if (!p_.is_deterministic) a.add(AttentionTensor::kDqSum, device_.shared() + dq_sum_at_);
      if (!p_.is_deterministic && must_clear_sums()) {
        device_.clear(device_.shared() + dq_sum_at_, queries() * p_.depth * 4);
      }
    }
    execute(a);
  }

  void execute(const Addresses& a) {
    void* workspace = device_.shared();
    CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const std::int64_t>(a.ids));
    pack.set_many(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, a.places.size(), a.places.data());
    pack.set_many(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    pack.finalize();
    MP_CUDNN(cudnnBackendExecute(static_cast<cudnnHandle_t>(handle_.get()), plan_.get(), pack.get()));
  }

  std::shared_ptr<void> handle_;
  std::int64_t runs_;
  AttentionProblem p_;  // of one run
  gpu::Device& device_;
  AttentionGraph graph_;
  CudnnDescriptor plan_;
  std::int64_t statistics_at_ = 0;
  std::int64_t dot_at_ = 0;
  std::int64_t dq_sum_at_ = 0;
  float one_ = 1.0F;
  // What cuDNN's engines want in the place of a score that is not seen.
  float below_all_ =
      cudnnGetVersion() < 91000 ? std::numeric_limits<float>::lowest() : -std::numeric_limits<float>::infinity();
};

}  // namespace

std::unique_ptr<gpu::FusedAttention> make_cudnn_attention(const std::shared_ptr<void>& handle,
                                                          const AttentionProblem& problem, gpu::Device& device,
                                                          std::string& reason) {
  AttentionProblem run = problem;
  run.batch = items_of_run(problem);
  if (run.batch == 0) {
    reason = kTooMuchScratch;
    return nullptr;
  }
  if (reason = known_fault(problem); !reason.empty()) return nullptr;
  try {
    return std::make_unique<CudnnAttention>(handle, problem, run, device);
  } catch (const RunError& error) {
    reason = error.what();
    return nullptr;
  }
}

#if CUDNN_VERSION >= 90800
CudnnAttentionPlans plan_cudnn_attention(const AttentionProblem& problem, const std::string& device_properties) {
  CudnnAttentionPlans plans;
  try {
    AttentionProblem run = problem;
    run.batch = items_of_run(problem);
    if (run.batch == 0) return {.reason = kTooMuchScratch};
    const AttentionGraph graph(nullptr, run);
    plans.is_graph_taken = true;
    if (device_properties.empty()) return plans;
    CudnnDescriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    device.set_many(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, device_properties.size(),
                    device_properties.data());
    device.finalize();
    plans.engines = static_cast<int>(configurations(graph, &device, problem.is_deterministic).size());
  } catch (const RunError& error) {
    plans.reason = error.what();
  }
  return plans;
}
#else
CudnnAttentionPlans plan_cudnn_attention(const AttentionProblem& /*problem*/,
                                         const std::string& /*device_properties*/) {
  return {.reason = "this build's cuDNN is older than 9.8, the first that plans for a device that is not there"};
}
#endif

}  // namespace mp::runtime

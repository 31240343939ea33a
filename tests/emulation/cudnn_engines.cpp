// Engines for fused attention: which graphs they know, what they take, and how a plan is executed. The limits are those
// that cuDNN's documentation and NVIDIA's own front end give for compute capability 9.
#include <algorithm>
#include <map>
#include <utility>

#include "tests/emulation/cudnn_descriptor.hpp"
#include "tests/emulation/cudnn_shapes.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/memory.hpp"
#include "tests/emulation/state.hpp"

namespace mp::emulation {
namespace {

cudnnStatus_t bad(const char* why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

// Forwards two products, backwards five; the first makes the scores.
struct Pattern {
  bool is_known = false;
  bool is_backward = false;
  bool sums_in_memory = false;  // dQ in float32, to which blocks of keys add as they come
  Extents scores{};
};

Pattern pattern_of(const OperationGraph& graph) {
  std::vector<const GraphOperation*> products;
  Pattern pattern;
  for (const GraphOperation& operation : graph.operations) {
    if (operation.kind != GraphOperation::Kind::kMatmul) continue;
    products.push_back(&operation);
    const GraphTensor& c = graph.output_of(operation);
    if (!c.is_virtual && c.type == CUDNN_DATA_FLOAT) pattern.sums_in_memory = true;
  }
  if (products.size() != 2 && products.size() != 5) return pattern;
  pattern.is_known = true;
  pattern.is_backward = products.size() == 5;
  pattern.scores = graph.output_of(*products[0]).extents;
  return pattern;
}

// Queries, keys and values are bfloat16 with rows of contiguous elements, a multiple of 8 and 256 at most.
bool are_rows_known(const OperationGraph& graph) {
  return std::all_of(graph.tensors.begin(), graph.tensors.end(), [](const auto& entry) {
    const GraphTensor& t = entry.second;
    if (t.is_virtual || t.type != CUDNN_DATA_BFLOAT16) return true;
    const std::size_t axis = t.strides[3] == 1 ? 3 : 2;
    return t.strides[axis] == 1 && t.extents[axis] % 8 == 0 && t.extents[axis] <= 256 && t.alignment >= 16;
  });
}

std::size_t score_bytes(const Extents& scores) {
  const auto padded = [](std::int64_t extent) { return (extent + 63) / 64 * 64; };
  return static_cast<std::size_t>(scores[0] * scores[1] * padded(scores[2]) * padded(scores[3]) * 2);
}

// What is known of old versions: they are wrong without a word.
Defects defects_of(const OperationGraph& graph, bool is_deterministic) {
  const std::int64_t version = machine().cudnn_version;
  const Pattern pattern = pattern_of(graph);
  const bool is_broken = version == 91000 || version == 91001;
  const bool forgets_padding = pattern.is_backward && version <= 91500 && pattern.scores[3] % 128 != 0;
  return {
      .is_deterministic = is_deterministic, .adds_to_sums = version < 90600, .is_wrong = is_broken || forgets_padding};
}

// Results are written while operands are still read.
bool do_results_overlap(const OperationGraph& graph, const GraphAddresses& addresses) {
  const auto range = [&](std::int64_t id) {
    const GraphTensor& t = graph.tensors.at(id);
    const auto* first = static_cast<const std::byte*>(addresses.tensors.at(id));
    return std::pair(first, first + static_cast<std::size_t>(t.span()) * size_of(t.type));
  };
  for (const auto& [result, place] : addresses.tensors) {
    if (graph.is_input(result)) continue;
    for (const auto& [other, other_place] : addresses.tensors) {
      if (other == result) continue;
      const auto [first, end] = range(result);
      const auto [other_first, other_end] = range(other);
      if (first < other_end && other_first < end) return true;
    }
  }
  return false;
}

// Addresses by the tensors' numbers, or why they cannot be taken.
cudnnStatus_t read_addresses(const OperationGraph& graph, const Descriptor& pack, const cudnnContext& handle,
                             GraphAddresses& addresses) {
  std::map<std::int64_t, void*> given;
  for (std::int64_t i = 0; i < pack.count(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS); ++i) {
    const auto place = static_cast<std::size_t>(i);
    const auto id = pack.get<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, 0, place);
    if (!given.emplace(id, pack.get<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, nullptr, place)).second) {
      return refuse(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES, "a tensor has two addresses");
    }
  }
  for (const auto& [id, tensor] : graph.tensors) {
    if (tensor.is_virtual) continue;
    const auto found = given.find(id);
    if (found == given.end() || found->second == nullptr) {
      return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "tensor " + std::to_string(id) + " has no address");
    }
    if (tensor.is_number) {  // read now, whenever the work is done
      const std::shared_ptr<Block> block = block_of(found->second, sizeof(float));
      if (block && block->device >= 0) return bad("a number by value is in the device's memory");
      addresses.numbers[id] = *static_cast<const float*>(found->second);
      continue;
    }
    const auto size = static_cast<std::size_t>(tensor.span()) * size_of(tensor.type);
    const cudnnStatus_t status = check_memory(handle, found->second, size, static_cast<std::size_t>(tensor.alignment),
                                              "tensor " + std::to_string(id));
    if (status != CUDNN_STATUS_SUCCESS) return status;
    addresses.tensors[id] = found->second;
  }
  if (do_results_overlap(graph, addresses)) return bad("a result lies over another tensor");
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

std::vector<Engine> engines_of(const OperationGraph& graph) {
  const Pattern pattern = pattern_of(graph);
  if (!pattern.is_known || !are_rows_known(graph)) return {};
  if (pattern.is_backward && pattern.scores[2] == 1 && pattern.scores[3] == 1) return {};
  constexpr std::size_t kCounters = 512;
  const bool keeps_scores = pattern.is_backward && !pattern.sums_in_memory;
  const std::size_t scratch = keeps_scores ? score_bytes(pattern.scores) : kCounters;
  return {
      {.number = 0, .can_be_planned = false},  // heuristics propose what then cannot be compiled
      {.number = 1, .workspace_bytes = (std::size_t{1} << 30) + 1},
      {.number = 2, .is_deterministic = !pattern.is_backward, .workspace_bytes = 0},
      {.number = 3, .is_deterministic = !pattern.sums_in_memory, .workspace_bytes = scratch},
  };
}

cudnnStatus_t finalize_heuristics(Descriptor& d) {
  d.graph = d.child(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)->graph;
  if (!d.graph) return bad("no graph");
#if CUDNN_VERSION >= 90800
  const bool has_device = d.has(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP);
#else
  const bool has_device = false;
#endif
  if (d.graph->handle == nullptr && !has_device) return bad("neither a handle nor a device");
  d.engines = engines_of(*d.graph);
  return CUDNN_STATUS_SUCCESS;
}

// Compiles and loads kernels, which must not be while a stream is captured.
cudnnStatus_t finalize_plan(Descriptor& d) {
  const std::shared_ptr<const Descriptor> configuration = d.child(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
  if (configuration->engines.size() != 1) return bad("no configuration of an engine");
  if (unsafe_in_capture() != cudaSuccess) return refuse(CUDNN_STATUS_EXECUTION_FAILED_CUDART, "a stream is captured");
  if (!configuration->engines[0].can_be_planned) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "the engine cannot do it");
  d.graph = configuration->graph;
  d.engines = configuration->engines;
  add_to(mutable_counts().plans, 1);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t finalize_variant_pack(const Descriptor& d) {
  if (d.count(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS) != d.count(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS)) {
    return bad("as many addresses as tensors, please");
  }
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace mp::emulation

using namespace mp::emulation;

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack) {
  if (handle == nullptr || plan == nullptr || pack == nullptr)
    return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "null");
  const Descriptor& p = **shared_of(plan);
  const Descriptor& variant = **shared_of(pack);
  if (!p.is_finalized || !variant.is_finalized || p.type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
      variant.type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) {
    return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "no finalized plan, or no finalized variant pack");
  }
  if (p.get<cudnnHandle_t>(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) != handle) return bad("the plan is another handle's");
  const Engine& engine = p.engines[0];
  void* const workspace = variant.get<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  GraphAddresses addresses;
  for (const cudnnStatus_t status :
       {read_addresses(*p.graph, variant, *handle, addresses),
        check_workspace(*handle, workspace, engine.workspace_bytes, engine.workspace_bytes)}) {
    if (status != CUDNN_STATUS_SUCCESS) return status;
  }
  const Defects defects = defects_of(*p.graph, engine.is_deterministic);
  return put_in_cudnn(*handle, workspace, engine.workspace_bytes, [graph = p.graph, addresses, defects] {
    add_to(mutable_counts().attentions, 1);
    compute(*graph, addresses, defects);
  });
}

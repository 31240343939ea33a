// Descriptors of cuDNN's backend (graph) interface: attributes are set, then the descriptor is finalized, then it is
// used. A descriptor that another one was given is kept by it: the caller may destroy its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "tests/emulation/cudnn_graph.hpp"

namespace mp::emulation {

struct AttributeRule {
  cudnnBackendDescriptorType_t of;
  cudnnBackendAttributeName_t name;
  cudnnBackendAttributeType_t type;
  std::int64_t most;  // elements
  bool is_required;   // before the descriptor is finalized
};
// Null: the descriptor has no such attribute, or it cannot be set.
[[nodiscard]] const AttributeRule* rule_of(cudnnBackendDescriptorType_t of, cudnnBackendAttributeName_t name);
[[nodiscard]] bool is_emulated(cudnnBackendDescriptorType_t type);
[[nodiscard]] std::size_t size_of(cudnnBackendAttributeType_t type);

struct Descriptor;
// Whether all that is required has been set.
[[nodiscard]] bool is_complete(const Descriptor& descriptor);

struct Engine {
  int number = 0;
  bool is_deterministic = true;
  bool can_be_planned = true;
  std::size_t workspace_bytes = 0;
};

struct Descriptor {
  struct Attribute {
    std::vector<std::byte> bytes;
    std::vector<std::shared_ptr<const Descriptor>> descriptors;
    std::int64_t count = 0;
  };

  cudnnBackendDescriptorType_t type{};
  bool is_finalized = false;
  std::map<cudnnBackendAttributeName_t, Attribute> attributes;
  // Made when it is finalized, or handed down: of a graph, of heuristics, of a configuration, an engine or a plan.
  std::shared_ptr<const OperationGraph> graph;
  std::vector<Engine> engines;

  [[nodiscard]] bool has(cudnnBackendAttributeName_t name) const { return attributes.contains(name); }
  // Element i of what was set; `otherwise` where nothing was.
  template <class T>
  [[nodiscard]] T get(cudnnBackendAttributeName_t name, T otherwise = {}, std::size_t i = 0) const {
    const auto found = attributes.find(name);
    if (found == attributes.end() || found->second.bytes.size() < (i + 1) * sizeof(T)) return otherwise;
    T value;
    std::memcpy(&value, found->second.bytes.data() + i * sizeof(T), sizeof value);
    return value;
  }
  [[nodiscard]] std::int64_t count(cudnnBackendAttributeName_t name) const {
    const auto found = attributes.find(name);
    return found == attributes.end() ? 0 : found->second.count;
  }
  [[nodiscard]] std::shared_ptr<const Descriptor> child(cudnnBackendAttributeName_t name, std::size_t i = 0) const {
    const auto found = attributes.find(name);
    return found == attributes.end() || found->second.descriptors.size() <= i ? nullptr : found->second.descriptors[i];
  }
};

// What stands behind a cudnnBackendDescriptor_t.
using SharedDescriptor = std::shared_ptr<Descriptor>;
[[nodiscard]] SharedDescriptor* shared_of(cudnnBackendDescriptor_t descriptor);

// Checks, and what follows from the attributes, by kind.
[[nodiscard]] cudnnStatus_t finalize_tensor(const Descriptor& tensor);
[[nodiscard]] cudnnStatus_t finalize_operation(const Descriptor& operation);
[[nodiscard]] cudnnStatus_t finalize_graph(Descriptor& graph);
[[nodiscard]] cudnnStatus_t finalize_heuristics(Descriptor& heuristics);
[[nodiscard]] cudnnStatus_t finalize_plan(Descriptor& plan);
[[nodiscard]] cudnnStatus_t finalize_variant_pack(const Descriptor& pack);

[[nodiscard]] GraphTensor tensor_of(const Descriptor& tensor);
// Engines for a graph, best first; none where no engine knows its pattern or its shapes.
[[nodiscard]] std::vector<Engine> engines_of(const OperationGraph& graph);

}  // namespace mp::emulation

// The calls of cuDNN's backend (graph) interface, as far as runtime/cudnn makes them.
#include <algorithm>
#include <utility>

#include "tests/emulation/cudnn_descriptor.hpp"
#include "tests/emulation/cudnn_shapes.hpp"
#include "tests/emulation/memory.hpp"
#include "tests/emulation/state.hpp"

using namespace mp::emulation;

namespace mp::emulation {

SharedDescriptor* shared_of(cudnnBackendDescriptor_t descriptor) { return static_cast<SharedDescriptor*>(descriptor); }

}  // namespace mp::emulation

namespace {

using Attribute = Descriptor::Attribute;

cudnnStatus_t bad(const char* why) { return refuse(CUDNN_STATUS_BAD_PARAM, why); }

Attribute attribute_of(const AttributeRule& rule, std::int64_t count, const void* elements) {
  Attribute attribute{.bytes = {}, .descriptors = {}, .count = count};
  if (rule.type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
    const auto* descriptors = static_cast<const cudnnBackendDescriptor_t*>(elements);
    for (std::int64_t i = 0; i < count; ++i) attribute.descriptors.push_back(*shared_of(descriptors[i]));
    return attribute;
  }
  const auto* first = static_cast<const std::byte*>(elements);
  attribute.bytes.assign(first, first + static_cast<std::size_t>(count) * size_of(rule.type));
  return attribute;
}

bool are_finalized(const Attribute& attribute) {
  return std::all_of(attribute.descriptors.begin(), attribute.descriptors.end(),
                     [](const auto& child) { return child->is_finalized; });
}

cudnnStatus_t finalize(Descriptor& d) {
  switch (d.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      return finalize_tensor(d);
    case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR:
      return finalize_operation(d);
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      return finalize_graph(d);
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      return finalize_heuristics(d);
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      return finalize_plan(d);
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
      return finalize_variant_pack(d);
    default:  // what an operation does
      return CUDNN_STATUS_SUCCESS;
  }
}

// Hands engines down: heuristics to configurations (one to each), a configuration to the engine it is for.
cudnnStatus_t get_descriptors(const Descriptor& from, cudnnBackendDescriptorType_t wanted, std::int64_t room,
                              std::int64_t* count, void* elements) {
  auto* const places = static_cast<cudnnBackendDescriptor_t*>(elements);
  const auto given = std::min<std::int64_t>(room, static_cast<std::int64_t>(from.engines.size()));
  for (std::int64_t i = 0; i < given; ++i) {
    Descriptor& to = **shared_of(places[i]);
    if (to.type != wanted || to.is_finalized) return bad("a place for a result is another descriptor");
    to.graph = from.graph;
    to.engines = {from.engines[static_cast<std::size_t>(i)]};
    to.is_finalized = true;
  }
  *count = given;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t get_notes(const Descriptor& engine, std::int64_t room, std::int64_t* count, void* elements) {
  std::vector<cudnnBackendNumericalNote_t> notes{CUDNN_NUMERICAL_NOTE_TENSOR_CORE};
  if (!engine.engines[0].is_deterministic) notes.push_back(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
  *count = static_cast<std::int64_t>(notes.size());
  const auto given = static_cast<std::size_t>(std::min(room, *count));
  std::memcpy(elements, notes.data(), given * sizeof notes[0]);
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t* descriptor) {
  if (descriptor == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no place for the descriptor");
  if (!is_emulated(type)) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "not emulated: a kind of descriptor");
  auto made = std::make_shared<Descriptor>();
  made->type = type;
  *descriptor = new SharedDescriptor(std::move(made));
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  if (descriptor == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no descriptor");
  delete shared_of(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count, const void* elements) {
  if (descriptor == nullptr || elements == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "null");
  Descriptor& d = **shared_of(descriptor);
  if (d.is_finalized) return bad("an attribute is set after the descriptor was finalized");
  const AttributeRule* const rule = rule_of(d.type, name);
  if (rule == nullptr) return bad("the descriptor has no such attribute");
  if (rule->type != type) return refuse(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "the attribute has another type");
  if (count < 1 || count > rule->most) return bad("too few or too many elements");
  d.attributes[name] = attribute_of(*rule, count, elements);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  if (descriptor == nullptr) return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "no descriptor");
  Descriptor& d = **shared_of(descriptor);
  if (d.is_finalized) return bad("finalized twice");
  if (!is_complete(d)) return bad("an attribute is missing");
  for (const auto& [name, attribute] : d.attributes) {
    if (!are_finalized(attribute)) return refuse(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED, "an attribute is not finalized");
  }
  const cudnnStatus_t status = finalize(d);
  d.is_finalized = status == CUDNN_STATUS_SUCCESS;
  return status;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t room, std::int64_t* count,
                                       void* elements) {
  if (descriptor == nullptr || count == nullptr || elements == nullptr) {
    return refuse(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "null");
  }
  const Descriptor& d = **shared_of(descriptor);
  if (!d.is_finalized) return refuse(CUDNN_STATUS_NOT_INITIALIZED, "the descriptor is not finalized");
  if (room < 1) return bad("room for no element");
  const auto is = [&](cudnnBackendDescriptorType_t of, cudnnBackendAttributeName_t which,
                      cudnnBackendAttributeType_t has) { return d.type == of && name == which && type == has; };
  constexpr auto kDescriptor = CUDNN_TYPE_BACKEND_DESCRIPTOR;
  if (is(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, CUDNN_ATTR_ENGINEHEUR_RESULTS, kDescriptor)) {
    return get_descriptors(d, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, room, count, elements);
  }
  if (is(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, CUDNN_ATTR_ENGINECFG_ENGINE, kDescriptor)) {
    return get_descriptors(d, CUDNN_BACKEND_ENGINE_DESCRIPTOR, room, count, elements);
  }
  if (is(CUDNN_BACKEND_ENGINE_DESCRIPTOR, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE)) {
    return get_notes(d, room, count, elements);
  }
  if (is(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64)) {
    *count = 1;
    *static_cast<std::int64_t*>(elements) = static_cast<std::int64_t>(d.engines[0].workspace_bytes);
    return CUDNN_STATUS_SUCCESS;
  }
  return bad("not emulated: an attribute that is asked for");
}

#include "runtime/fusion.hpp"

#include <utility>

#include "lib/base/check.hpp"
#include "runtime/fused_chains.hpp"

namespace mp::runtime {
namespace {

struct Addresses {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
};

void append(const FusionStep& step, Addresses& to) {
  for (const MemoryRange& range : step.inputs) to.inputs.push_back(range.first);
  for (const MemoryRange& range : step.outputs) to.outputs.push_back(range.first);
}

std::vector<Fusion> elementwise_chains(Backend& backend, const std::vector<FusionStep>& steps) {
  std::vector<Addresses> addresses(steps.size());
  std::vector<ElementwiseStep> elementwise;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    append(steps[i], addresses[i]);
    elementwise.push_back({.elementwise_size = steps[i].kernel != nullptr ? steps[i].kernel->elementwise_size() : 0,
                           .inputs = addresses[i].inputs,
                           .outputs = addresses[i].outputs});
  }
  std::vector<Fusion> fusions;
  for (const Chain& chain : find_chains(elementwise)) {
    Fusion fusion;
    std::vector<FusedPart> parts;
    for (std::size_t i = chain.first; i < chain.first + chain.count; ++i) {
      fusion.steps.push_back(i);
      parts.push_back({steps[i].kernel, steps[i].inputs.size(), steps[i].outputs.size()});
    }
    fusion.kernel = backend.fuse(parts);
    if (fusion.kernel) fusions.push_back(std::move(fusion));
  }
  return fusions;
}

void add(Fusion fusion, const std::vector<FusionStep>& steps, FusedProgram& program) {
  MP_CHECK(fusion.steps.size() > 1);
  const std::size_t first = fusion.steps.front();
  auto fused = std::make_unique<FusedSteps>();
  Addresses addresses;
  for (const std::size_t step : fusion.steps) {
    MP_CHECK(!program.begins_at[step] && !program.is_done_before[step]);
    program.is_done_before[step] = step != first;
    append(steps[step], addresses);
  }
  fused->kernel = std::move(fusion.kernel);
  fused->microbatch = steps[first].microbatch;
  fused->inputs = std::move(addresses.inputs);
  fused->outputs = std::move(addresses.outputs);
  program.begins_at[first] = std::move(fused);
}

}  // namespace

FusedProgram fuse_steps(Backend& backend, const std::vector<FusionStep>& steps) {
  FusedProgram program;
  program.begins_at.resize(steps.size());
  program.is_done_before.resize(steps.size(), false);
  for (Fusion& fusion : elementwise_chains(backend, steps)) add(std::move(fusion), steps, program);
  for (Fusion& fusion : backend.find_fusions(steps)) add(std::move(fusion), steps, program);
  return program;
}

}  // namespace mp::runtime

#include "runtime/gpu/fusion.hpp"

#include <utility>

#include "runtime/gpu/cross_entropy_fusion.hpp"
#include "runtime/gpu/embedding_fusion.hpp"
#include "runtime/gpu/fusion_steps.hpp"
#include "runtime/gpu/kernels/updates.hpp"
#include "runtime/gpu/normalization_fusion.hpp"
#include "runtime/gpu/product_fusion.hpp"

namespace mp::runtime::gpu {
namespace {

// An update reads nothing that another writes: each has a parameter and its state for itself. Empty parameters have no
// chunk in the table.
bool is_update(const FusionStep& step) {
  const UpdateRole* role = role_of<UpdateRole>(step);
  return role != nullptr && role->size > 0;
}

void find_updates(Device& device, std::span<const FusionStep> steps, std::vector<Fusion>& fusions) {
  for (std::size_t first = 0; first < steps.size();) {
    std::size_t end = first;
    std::vector<FusedPart> parts;
    Fusion fusion;
    for (; end < steps.size() && is_update(steps[end]); ++end) {
      fusion.steps.push_back(end);
      parts.push_back(part_of(steps[end]));
    }
    if (parts.size() > 1) {
      fusion.kernel = make_updates(device, parts);
      fusions.push_back(std::move(fusion));
    }
    first = end + 1;
  }
}

}  // namespace

std::vector<Fusion> find_fusions(Device& device, std::span<const FusionStep> steps, const FusionOptions& options) {
  std::vector<Fusion> fusions;
  find_updates(device, steps, fusions);
  StepOrder order(steps);
  if (options.embeddings) find_embedding_fusions(device, steps, order, fusions);
  if (options.losses) find_cross_entropy_fusions(device, steps, order, fusions);
  if (options.normalizations) find_normalization_fusions(device, steps, order, fusions);
  if (options.epilogues) find_product_fusions(device, steps, order, fusions);
  return fusions;
}

}  // namespace mp::runtime::gpu

#include "apps/mpplan/sample_text.hpp"

#include <fmt/core.h>

namespace mp::apps {

std::string sample_text(const StepSample& sample, std::int32_t microbatches) {
  if (sample.is_whole()) return "";
  std::string text = "Simulated was the pipeline";
  if (sample.replicas > 1) {
    text = fmt::format("Simulated was one of the {} replicas, with its {} of the {} microbatches", sample.replicas,
                       sample.microbatches, microbatches);
  }
  if (sample.fewer > 0) {
    text += fmt::format(", told from {} and {} of {}", sample.fewer, sample.more, sample.microbatches);
  }
  if (sample.replicas == 1) return text + ".";
  return text +
         "; the sum of the gradients over the replicas counts as a ring all-reduce behind the last backward pass.";
}

}  // namespace mp::apps

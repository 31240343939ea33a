// What of a step was simulated in the stead of the whole, in words.
#pragma once

#include <cstdint>
#include <string>

#include "lib/plan/sampled_step.hpp"

namespace mp::apps {

// One sentence; empty where all of it was. `microbatches` are those of the step.
[[nodiscard]] std::string sample_text(const StepSample& sample, std::int32_t microbatches);

}  // namespace mp::apps

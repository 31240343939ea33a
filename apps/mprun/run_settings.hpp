// What decides the numbers of every step: checkpoints keep it, ranks compare it.
#pragma once

#include "apps/mprun/job.hpp"
#include "lib/files/safetensors.hpp"
#include "lib/plan/prepare.hpp"
#include "runtime/data/training_data.hpp"

namespace mp::apps {

// Name → value, as people read them.
[[nodiscard]] Metadata settings_of(const Job& job, const PreparedPlan& prepared, const runtime::TrainingData& data);

}  // namespace mp::apps

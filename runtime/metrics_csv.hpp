// Metrics as comma-separated values (RFC 4180): a header, and a line a step.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/trainer.hpp"

namespace mp::runtime {

// All columns, also those that a run may not have: their cells are empty.
[[nodiscard]] std::string csv_header();
[[nodiscard]] std::string csv_line(const StepReport& report);

// As keep_metrics_until(), of such a file.
bool keep_csv_until(const std::string& path, std::int64_t step);

}  // namespace mp::runtime

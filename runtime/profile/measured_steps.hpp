// Times of a program's instructions, taken while it really trains.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// Each copy runs at least `least_steps` steps, then goes on until `seconds` have passed or `most_steps` are done.
struct MeasureOptions {
  std::int64_t least_steps = 3;
  std::int64_t most_steps = 200;
  double seconds = 2.0;
};

struct MeasuredSteps {
  std::vector<double> instruction_s;  // beside devices[0].instructions: the median over steps and copies
  double overhead_s = 0.0;            // median of what a step takes beyond its instructions
  std::int64_t steps = 0;             // measured, of the copy with the fewest
};

// Runs `copies` executors of a program for one device at once, so that what they share (cores, memory bandwidth,
// caches) is as busy as when that many devices train. Caches are as warm as in training, since it is training. A
// learning rate of 0 keeps the values what they are. Throws RunError as Executor does.
[[nodiscard]] MeasuredSteps measure_steps(const Program& program, const BackendFactory& backends,
                                          const DataSource& data, std::size_t copies, const MeasureOptions& options);

// Of at least one value; the mean of the two in the middle where their number is even.
[[nodiscard]] double median(std::vector<double> values);

}  // namespace mp::runtime

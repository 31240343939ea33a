// Times of a program's instructions, taken while it really trains.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/program/program.hpp"
#include "runtime/data/data_source.hpp"
#include "runtime/executor.hpp"

namespace mp::runtime {

// At least `least_steps` steps, then on until `seconds` have passed or `most_steps` are done.
struct MeasureOptions {
  std::int64_t least_steps = 3;
  std::int64_t most_steps = 200;
  double seconds = 2.0;
};

struct MeasuredSteps {
  std::vector<double> instruction_s;  // beside devices[0].instructions: the median over steps and devices
  double overhead_s = 0.0;            // median, before the first instruction of any device and after the last
  std::int64_t steps = 0;
};

// A program for one device, done by `devices` devices side by side: what they share (cores, memory bandwidth, caches,
// the data's thread) is as busy as when that many devices train. Nothing is handed out of it: no loss, no norm.
[[nodiscard]] Program side_by_side(Program program, std::size_t devices);

// Runs a program of equal devices. Caches are as warm as in training, since it is training. A learning rate of 0 keeps
// the values what they are. Throws RunError as Executor does.
[[nodiscard]] MeasuredSteps measure_steps(const Program& program, const BackendFactory& backends,
                                          const DataSource& data, const MeasureOptions& options);

// Of at least one value; the mean of the two in the middle where their number is even.
[[nodiscard]] double median(std::vector<double> values);

}  // namespace mp::runtime

#include "runtime/profile/measured_steps.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "lib/base/check.hpp"

namespace mp::runtime {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double>(end - start).count();
}

// What reading the clock adds to an interval.
double clock_cost_s() {
  constexpr int kReadings = 1001;
  std::vector<double> costs;
  for (int i = 0; i < kReadings; ++i) {
    const Clock::time_point start = Clock::now();
    costs.push_back(seconds_between(start, Clock::now()));
  }
  return median(std::move(costs));
}

// An executor and what was seen of its steps.
class Measurement {
 public:
  Measurement(const Program& program, const BackendFactory& backends, const DataSource& data)
      : executor_(program, backends), data_(data), samples_(program.devices[DeviceId{0}].instructions.size()) {
    constexpr int kWarmUpSteps = 1;
    executor_.initialise_parameters(0);
    executor_.record_times();
    for (int i = 0; i < kWarmUpSteps; ++i) step();
  }

  void measured_step(double clock_s) {
    const Clock::time_point start = Clock::now();
    step();
    const Clock::time_point end = Clock::now();
    Clock::time_point first_start = end;
    Clock::time_point last_end = start;
    for (const DeviceId device : ids<DeviceId>(executor_.program().devices.size())) {
      const std::vector<InstructionTime>& times = executor_.times(device);
      for (std::size_t i = 0; i < times.size(); ++i) {
        const double seconds = seconds_between(times[i].start, times[i].end);
        samples_[i].push_back(std::max(0.0, seconds - clock_s));
      }
      if (times.empty()) continue;
      first_start = std::min(first_start, times.front().start);
      last_end = std::max(last_end, times.back().end);
    }
    overheads_.push_back(seconds_between(start, first_start) + seconds_between(last_end, end));
  }

  [[nodiscard]] std::int64_t steps() const { return static_cast<std::int64_t>(overheads_.size()); }

  [[nodiscard]] MeasuredSteps result() && {
    MeasuredSteps result{.instruction_s = {}, .overhead_s = 0.0, .steps = steps()};
    result.overhead_s = median(std::move(overheads_));
    for (std::vector<double>& samples : samples_) result.instruction_s.push_back(median(std::move(samples)));
    return result;
  }

 private:
  void step() { executor_.run_step({.seed = 0, .step = step_++, .learning_rate = 0.0}, data_); }

  Executor executor_;
  const DataSource& data_;
  std::int64_t step_ = 0;
  std::vector<std::vector<double>> samples_;  // by instruction
  std::vector<double> overheads_;
};

}  // namespace

double median(std::vector<double> values) {
  MP_CHECK(!values.empty());
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2.0;
}

Program side_by_side(Program program, std::size_t devices) {
  MP_CHECK(program.devices.size() == 1 && devices >= 1);
  std::vector<Instruction>& list = program.devices[DeviceId{0}].instructions;
  std::erase_if(list, [](const Instruction& i) { return i.opcode == Opcode::kFetchLoss; });
  const DeviceProgram first = program.devices[DeviceId{0}];
  program.devices.assign(devices, first);
  return program;
}

MeasuredSteps measure_steps(const Program& program, const BackendFactory& backends, const DataSource& data,
                            const MeasureOptions& options) {
  MP_CHECK(options.least_steps >= 1);
  const double clock_s = clock_cost_s();
  Measurement measurement(program, backends, data);
  const Clock::time_point start = Clock::now();
  const auto is_done = [&] {
    if (measurement.steps() < options.least_steps) return false;
    return measurement.steps() >= options.most_steps || seconds_between(start, Clock::now()) >= options.seconds;
  };
  while (!is_done()) measurement.measured_step(clock_s);
  return std::move(measurement).result();
}

}  // namespace mp::runtime

#include "runtime/profile/measured_steps.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "lib/base/check.hpp"
#include "runtime/device_threads.hpp"

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

// One executor and what was seen of its steps.
class Copy {
 public:
  Copy(const Program& program, const BackendFactory& backends, const DataSource& data)
      : executor_(program, backends), data_(data), samples_(program.devices[DeviceId{0}].instructions.size()) {
    constexpr int kWarmUpSteps = 1;
    executor_.initialise_parameters(0);
    executor_.record_times();
    for (int i = 0; i < kWarmUpSteps; ++i) step();
  }

  void step() { executor_.run_step({.seed = 0, .step = step_++, .learning_rate = 0.0}, data_); }

  void measured_step(double clock_s) {
    const Clock::time_point start = Clock::now();
    step();
    double rest_s = seconds_between(start, Clock::now());
    const std::vector<InstructionTime>& times = executor_.times(DeviceId{0});
    for (std::size_t i = 0; i < times.size(); ++i) {
      const double seconds = seconds_between(times[i].start, times[i].end);
      samples_[i].push_back(std::max(0.0, seconds - clock_s));
      rest_s -= seconds + clock_s;
    }
    overheads_.push_back(std::max(0.0, rest_s));
  }

  [[nodiscard]] std::int64_t measured() const { return static_cast<std::int64_t>(overheads_.size()); }
  [[nodiscard]] const std::vector<double>& samples(std::size_t instruction) const { return samples_[instruction]; }
  [[nodiscard]] const std::vector<double>& overheads() const { return overheads_; }

 private:
  Executor executor_;
  const DataSource& data_;
  std::int64_t step_ = 0;
  std::vector<std::vector<double>> samples_;  // by instruction
  std::vector<double> overheads_;
};

// All copies at once; one that is done goes on without being measured until the others are, too.
void run_together(std::vector<std::unique_ptr<Copy>>& copies, const MeasureOptions& options) {
  const double clock_s = clock_cost_s();
  const Clock::time_point start = Clock::now();
  std::atomic<std::size_t> measuring{copies.size()};
  std::atomic<bool> failed{false};
  DeviceThreads threads(copies.size(), [&failed] { failed = true; });
  threads.run([&](std::size_t c) {
    Copy& copy = *copies[c];
    const auto is_done = [&] {
      if (copy.measured() < options.least_steps) return false;
      return copy.measured() >= options.most_steps || seconds_between(start, Clock::now()) >= options.seconds;
    };
    while (!failed && !is_done()) copy.measured_step(clock_s);
    --measuring;
    while (!failed && measuring > 0) copy.step();
  });
}

}  // namespace

double median(std::vector<double> values) {
  MP_CHECK(!values.empty());
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2.0;
}

MeasuredSteps measure_steps(const Program& program, const BackendFactory& backends, const DataSource& data,
                            std::size_t copies, const MeasureOptions& options) {
  MP_CHECK(program.devices.size() == 1 && copies >= 1 && options.least_steps >= 1);
  std::vector<std::unique_ptr<Copy>> running;
  for (std::size_t c = 0; c < copies; ++c) running.push_back(std::make_unique<Copy>(program, backends, data));
  run_together(running, options);
  MeasuredSteps result;
  const std::size_t instructions = program.devices[DeviceId{0}].instructions.size();
  for (std::size_t i = 0; i < instructions; ++i) {
    std::vector<double> all;
    for (const auto& copy : running) all.insert(all.end(), copy->samples(i).begin(), copy->samples(i).end());
    result.instruction_s.push_back(median(std::move(all)));
  }
  std::vector<double> overheads;
  result.steps = running.front()->measured();
  for (const auto& copy : running) {
    overheads.insert(overheads.end(), copy->overheads().begin(), copy->overheads().end());
    result.steps = std::min(result.steps, copy->measured());
  }
  result.overhead_s = median(std::move(overheads));
  return result;
}

}  // namespace mp::runtime

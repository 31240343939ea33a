// What it costs that a device has waited for another's word: at first its thread watches, then it sleeps.
#pragma once

#include <string>
#include <vector>

#include "lib/cluster/measured_times.hpp"

namespace mp {

struct WakeUp {
  double waited_s = 0.0;    // when the word comes
  double receiver_s = 0.0;  // until the one that waited goes on, beyond the link's latency
  double sender_s = 0.0;    // of the one whose word it is
  friend bool operator==(const WakeUp&, const WakeUp&) = default;
};

// Of a machine, out of its measured times, where a wake-up after each wait has signatures of its own
// (lib/costs/signature.hpp).
class WakeUps {
 public:
  WakeUps() = default;  // nothing costs anything
  explicit WakeUps(const MeasuredTimes& measured);

  // Linear between the measured waits, constant beyond the first and the last.
  [[nodiscard]] WakeUp after(double waited_s) const;
  [[nodiscard]] const std::vector<WakeUp>& measured() const { return points_; }  // ascending

 private:
  std::vector<WakeUp> points_;
};

// As measured after that wait, into the times of a profile.
void add_wake_up(MeasuredTimes& measured, const WakeUp& wake_up);

}  // namespace mp

#include "lib/plan/plan.hpp"

namespace mp {

std::string_view name_of(Schedule schedule) {
  switch (schedule) {
    case Schedule::kGpipe:
      return "gpipe";
    case Schedule::k1f1b:
      return "1f1b";
    case Schedule::kInterleaved:
      return "interleaved";
    case Schedule::kZeroBubble:
      return "zero-bubble";
  }
  return "";
}

std::optional<Schedule> find_schedule(std::string_view name) {
  for (const Schedule schedule : kSchedules) {
    if (name_of(schedule) == name) return schedule;
  }
  return std::nullopt;
}

}  // namespace mp

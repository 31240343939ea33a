#include "lib/plan/plan.hpp"

#include <array>

namespace mp {
namespace {

constexpr std::array kSchedules = {Schedule::kGpipe, Schedule::k1f1b};

}  // namespace

std::string_view name_of(Schedule schedule) {
  switch (schedule) {
    case Schedule::kGpipe:
      return "gpipe";
    case Schedule::k1f1b:
      return "1f1b";
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

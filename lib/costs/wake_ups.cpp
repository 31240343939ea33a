#include "lib/costs/wake_ups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

namespace mp {
namespace {

constexpr std::string_view kReceiver = "wake-up: after ";
constexpr std::string_view kSender = "waking: after ";
constexpr std::string_view kUnit = " us";

std::string wake_up_signature(std::string_view kind, double waited_s) {
  return fmt::format("{}{:g}{}", kind, waited_s * 1e6, kUnit);
}

// The wait that a signature of wake_up_signature(kind, …) names.
std::optional<double> wait_in(std::string_view signature, std::string_view kind) {
  if (!signature.starts_with(kind) || !signature.ends_with(kUnit)) return std::nullopt;
  const std::string_view number = signature.substr(kind.size(), signature.size() - kind.size() - kUnit.size());
  double microseconds = 0.0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), microseconds);
  if (error != std::errc{} || end != number.data() + number.size()) return std::nullopt;
  if (!(microseconds >= 0.0)) return std::nullopt;
  return microseconds * 1e-6;
}

}  // namespace

WakeUps::WakeUps(const MeasuredTimes& measured) {
  for (auto at = measured.times.lower_bound(kReceiver); at != measured.times.end(); ++at) {
    const auto& [name, time] = *at;
    if (!name.starts_with(kReceiver)) break;
    const std::optional<double> waited_s = wait_in(name, kReceiver);
    if (!waited_s) continue;
    const auto waking = measured.times.find(wake_up_signature(kSender, *waited_s));
    points_.push_back({.waited_s = *waited_s,
                       .receiver_s = time.alone_s,
                       .sender_s = waking == measured.times.end() ? 0.0 : waking->second.alone_s});
  }
  std::sort(points_.begin(), points_.end(), [](const WakeUp& a, const WakeUp& b) { return a.waited_s < b.waited_s; });
}

WakeUp WakeUps::after(double waited_s) const {
  if (points_.empty()) return {.waited_s = waited_s};
  const auto above = std::upper_bound(points_.begin(), points_.end(), waited_s,
                                      [](double waited, const WakeUp& point) { return waited < point.waited_s; });
  if (above == points_.begin()) return points_.front();
  if (above == points_.end()) return points_.back();
  const WakeUp& below = *(above - 1);
  const double part = (waited_s - below.waited_s) / (above->waited_s - below.waited_s);
  return {.waited_s = waited_s,
          .receiver_s = std::lerp(below.receiver_s, above->receiver_s, part),
          .sender_s = std::lerp(below.sender_s, above->sender_s, part)};
}

void add_wake_up(MeasuredTimes& measured, const WakeUp& wake_up) {
  measured.times[wake_up_signature(kReceiver, wake_up.waited_s)] = {wake_up.receiver_s, wake_up.receiver_s};
  measured.times[wake_up_signature(kSender, wake_up.waited_s)] = {wake_up.sender_s, wake_up.sender_s};
}

}  // namespace mp

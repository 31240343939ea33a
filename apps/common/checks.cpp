#include "apps/common/checks.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <system_error>
#include <utility>

namespace mp::apps {
namespace {

// Whether all of the text is a number of this kind.
template <class Number>
bool parse_whole(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

template <class Holds>
CLI::Validator numbers_that(Holds holds, std::string wanted) {
  return {[holds, wanted = std::move(wanted)](const std::string& text) -> std::string {
            double value = 0.0;
            const bool good = parse_whole(text, value) && std::isfinite(value) && holds(value);
            return good ? "" : fmt::format("a {} is expected, not {}", wanted, text);
          },
          ""};
}

}  // namespace

CLI::Validator not_negative() {
  return numbers_that([](double x) { return x >= 0.0; }, "number of 0 or more");
}

CLI::Validator positive() {
  return numbers_that([](double x) { return x > 0.0; }, "number above 0");
}

CLI::Validator between(double low, double high) {
  return numbers_that([=](double x) { return x >= low && x <= high; },
                      fmt::format("number from {:g} to {:g}", low, high));
}

CLI::Validator positive_seconds() {
  return {[](const std::string& text) -> std::string {
            double seconds = 0.0;
            const bool good = parse_whole(text, seconds) && std::isfinite(seconds) && seconds > 0.0;
            return good ? "" : fmt::format("a number of seconds above 0 is expected, not {}", text);
          },
          ""};
}

CLI::Validator seed_number() {
  return {[](const std::string& text) -> std::string {
            std::uint64_t seed = 0;
            return parse_whole(text, seed) ? ""
                                           : fmt::format("a whole number from 0 to 2^64 - 1 is expected, not {}", text);
          },
          ""};
}

}  // namespace mp::apps

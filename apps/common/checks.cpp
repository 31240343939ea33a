#include "apps/common/checks.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <system_error>

namespace mp::apps {
namespace {

// Whether all of the text is a number of this kind.
template <class Number>
bool parse_whole(const std::string& text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && rest == end;
}

}  // namespace

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

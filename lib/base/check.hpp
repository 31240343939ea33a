// MP_CHECK: our own mistakes, always on. MP_CHECK_HEAVY: recounts of bookkeeping, in test builds only.
#pragma once

#include <string_view>

namespace mp {

// Throws std::logic_error naming expression and place: a defect of this program, never of its input.
[[noreturn]] void check_failed(std::string_view expression, std::string_view file, int line);

}  // namespace mp

#define MP_CHECK(condition)                                               \
  do {                                                                    \
    if (!(condition)) ::mp::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#ifdef MP_HEAVY_CHECKS
#define MP_CHECK_HEAVY(condition) MP_CHECK(condition)
#else
#define MP_CHECK_HEAVY(condition) static_cast<void>(0)
#endif

// Counts operator new in the whole test program.
#pragma once

#include <cstdint>

namespace mp::runtime::test {

[[nodiscard]] std::int64_t allocations();  // so far, by all threads

}  // namespace mp::runtime::test

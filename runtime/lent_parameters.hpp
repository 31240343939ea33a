// Parameters of one program that another one, on the same devices, uses where they are.
#pragma once

#include <cstdint>

#include "lib/program/program.hpp"

namespace mp::runtime {

inline constexpr std::int64_t kLent = -1;  // a buffer's offset: it is in no arena of this program

[[nodiscard]] inline bool is_lent(const Buffer& buffer) { return buffer.offset_bytes == kLent; }

// Parameters of `borrower` that `lender` keeps on the same device, under the same name and of the same size, become
// lent; what is behind them in the arena moves up.
void lend_parameters(const Program& lender, Program& borrower);

}  // namespace mp::runtime

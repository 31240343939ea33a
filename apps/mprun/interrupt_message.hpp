// What the one who ends a training from outside is told at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mp::apps {

inline constexpr std::int64_t kNoCheckpoints = -1;  // none are written

// "SIGTERM: the training ends after this step; kept until then: the checkpoint of step 50". Writes it into `room` (at
// least 256 bytes) and returns its length. `kept_step`: of the newest checkpoint that is whole and on disk; 0: there is
// none yet. A signal handler may call it.
[[nodiscard]] std::size_t interrupt_message(int signal, std::int64_t kept_step, std::span<char> room) noexcept;

}  // namespace mp::apps

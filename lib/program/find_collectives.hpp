// Which messages of a Program could be collectives.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "lib/program/program.hpp"

namespace mp {

// What would take their place.
struct CollectiveMatch {
  struct Part {  // a member's
    DeviceId device = kNone<DeviceId>;
    std::vector<BufferId> gives = {};
    std::vector<BufferId> gets = {};
    std::int32_t start = 0;   // before which instruction of its list it may start at the earliest
    std::int32_t finish = 0;  // before which one it must be done; the list's size: at its end
    std::vector<std::pair<BufferId, BufferId>> copies = {};  // of what it got, to where it is read
  };
  Collective collective;
  std::vector<Part> parts;             // beside the members
  std::vector<Program::Step> removed;  // instructions
};

// No two of them remove the same instruction. That each by itself would keep a Program's guarantees but for the order
// of the whole: nobody touches the buffers between start and finish.
[[nodiscard]] std::vector<CollectiveMatch> find_collectives(const Program& program);

}  // namespace mp

// The part of check_program that needs no replay: ids in range, operands beside those of nodes, buffers inside the
// arena, parameters apart from all others, and `order` a merge of the devices' lists.
#pragma once

#include <string>
#include <vector>

#include "lib/program/program.hpp"

namespace mp {

[[nodiscard]] std::vector<std::string> check_layout(const Program& program);

}  // namespace mp

// METIS's .part.k format: line v holds the block of vertex v.
#pragma once

#include <string>
#include <string_view>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

[[nodiscard]] std::string part_text(const Assignment& assignment);
// Throws InputError(`source`) naming the line: not `vertices` lines, or a block that is not one of `blocks`.
[[nodiscard]] Assignment parse_part(std::string_view text, const std::string& source, std::int32_t vertices,
                                    std::int32_t blocks);

// Whole or not at all; throws RunError.
void write_part_file(const std::string& path, const Assignment& assignment);
[[nodiscard]] Assignment read_part_file(const std::string& path, std::int32_t vertices, std::int32_t blocks);

}  // namespace mp::partition

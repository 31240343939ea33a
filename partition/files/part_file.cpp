#include "partition/files/part_file.hpp"

#include <fmt/format.h>

#include <iterator>

#include "lib/files/atomic_file.hpp"
#include "partition/files/line_scanner.hpp"

namespace mp::partition {

std::string part_text(const Assignment& assignment) {
  std::string text;
  for (const BlockId b : assignment) fmt::format_to(std::back_inserter(text), "{}\n", index(b));
  return text;
}

Assignment parse_part(std::string_view text, const std::string& source, std::int32_t vertices, std::int32_t blocks) {
  LineScanner scanner(text, source);
  Assignment assignment;
  while (scanner.next_line()) {
    const std::optional<std::int64_t> block = scanner.next_number();
    if (!block) continue;
    if (*block < 0 || *block >= blocks)
      scanner.refuse(fmt::format("block {} is not one of the blocks 0 to {}", *block, blocks - 1));
    if (scanner.next_number()) scanner.refuse("more than one number; a line holds the block of one vertex");
    if (assignment.size() == static_cast<std::size_t>(vertices))
      scanner.refuse(fmt::format("a block for vertex {}, but the graph has {}", vertices + 1, vertices));
    assignment.push_back(make_id<BlockId>(*block));
  }
  if (assignment.size() < static_cast<std::size_t>(vertices))
    scanner.refuse(fmt::format("the file ends after {} of {} vertices", assignment.size(), vertices));
  return assignment;
}

void write_part_file(const std::string& path, const Assignment& assignment) {
  write_file_atomically(path, part_text(assignment));
}

Assignment read_part_file(const std::string& path, std::int32_t vertices, std::int32_t blocks) {
  // A block takes 11 characters at most, its line end one or two; comments may take as much again.
  const std::int64_t most_bytes = 4096 + 32 * std::int64_t{vertices};
  return parse_part(read_file(path, most_bytes), path, vertices, blocks);
}

}  // namespace mp::partition

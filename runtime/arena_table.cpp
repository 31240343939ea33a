#include "runtime/arena_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace mp::runtime {
namespace {

constexpr std::size_t kLargest = 5;

double megabytes(std::int64_t bytes) { return static_cast<double>(bytes) / 1e6; }

struct RoleSum {
  std::string_view what;
  std::int64_t size_bytes = 0;
  std::int64_t count = 0;
};

}  // namespace

std::string arena_table(const Program& program, DeviceId device) {
  const DeviceProgram& own = program.devices[device];
  std::array<RoleSum, 3> sums{
      {{"parameters and optimizer state"}, {"sums of gradients"}, {"activations and transfers"}}};
  std::vector<const Buffer*> largest;
  for (const Buffer& buffer : own.buffers) {
    if (buffer.role == BufferRole::kWhole) continue;
    RoleSum& sum = sums[static_cast<std::size_t>(buffer.role)];
    sum.size_bytes += buffer.size_bytes;
    ++sum.count;
    largest.push_back(&buffer);
  }
  const std::size_t shown = std::min(kLargest, largest.size());
  std::partial_sort(largest.begin(), largest.begin() + static_cast<std::ptrdiff_t>(shown), largest.end(),
                    [](const Buffer* a, const Buffer* b) { return a->size_bytes > b->size_bytes; });
  std::string text = fmt::format("what takes it, of {:.1f} MB:\n", megabytes(own.arena_bytes));
  for (const RoleSum& sum : sums) {
    const bool shares = &sum == &sums.back();
    text += fmt::format(
        "  {:<32} {:>12.1f} MB in {} tensors{}\n", sum.what, megabytes(sum.size_bytes), sum.count,
        shares ? fmt::format(", which share {:.1f} MB with the sums", megabytes(own.arena_bytes - own.persistent_bytes))
               : "");
  }
  for (std::size_t i = 0; i < shown; ++i) {
    text += fmt::format("  largest: '{}' {:.1f} MB\n", program.training.graph.tensor(largest[i]->tensor).name,
                        megabytes(largest[i]->size_bytes));
  }
  return text + "more devices, --microbatches, --recompute auto or --zero 1 when planning make it smaller";
}

}  // namespace mp::runtime

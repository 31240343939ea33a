#include "runtime/fused_chains.hpp"

#include <algorithm>
#include <functional>

namespace mp::runtime {
namespace {

std::vector<const std::byte*> buffers_of(const ElementwiseStep& step) {
  std::vector<const std::byte*> buffers;
  for (const void* input : step.inputs) buffers.push_back(static_cast<const std::byte*>(input));
  for (const void* output : step.outputs) buffers.push_back(static_cast<const std::byte*>(output));
  return buffers;
}

bool is_whole(const ElementwiseStep& step) {
  const auto buffers = buffers_of(step);
  return step.elementwise_size > 0 && std::find(buffers.begin(), buffers.end(), nullptr) == buffers.end();
}

// Of two buffers of `bytes`: neither the same nor apart.
bool is_shifted(const std::byte* a, const std::byte* b, std::int64_t bytes) {
  const std::less<> before;
  return a != b && before(a, b + bytes) && before(b, a + bytes);
}

bool extends(const std::vector<const std::byte*>& earlier, const ElementwiseStep& step) {
  const std::int64_t bytes = step.elementwise_size * std::int64_t{sizeof(float)};
  bool shares = false;
  for (const std::byte* buffer : buffers_of(step)) {
    shares = shares || std::find(earlier.begin(), earlier.end(), buffer) != earlier.end();
    if (std::any_of(earlier.begin(), earlier.end(), [&](const std::byte* e) { return is_shifted(e, buffer, bytes); })) {
      return false;
    }
  }
  return shares;
}

}  // namespace

std::vector<Chain> find_chains(std::span<const ElementwiseStep> steps) {
  std::vector<Chain> chains;
  for (std::size_t first = 0; first < steps.size();) {
    std::size_t end = first + 1;
    if (is_whole(steps[first])) {
      std::vector<const std::byte*> buffers = buffers_of(steps[first]);
      while (end < steps.size() && steps[end].elementwise_size == steps[first].elementwise_size &&
             is_whole(steps[end]) && extends(buffers, steps[end])) {
        const auto more = buffers_of(steps[end++]);
        buffers.insert(buffers.end(), more.begin(), more.end());
      }
    }
    if (end - first > 1) chains.push_back({first, end - first});
    first = end;
  }
  return chains;
}

}  // namespace mp::runtime

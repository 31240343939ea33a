// Where the inputs of a training step come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mp::runtime {

// Guarantees: what a slice holds depends on the arguments alone (and on the seed and files the source was made with),
// never on devices, threads or the order of calls. May be called by all device threads at once. Allocates nothing.
class DataSource {
 public:
  virtual ~DataSource() = default;
  // Fills input `input` (position in Graph::inputs()) for one microbatch of one step (both from 0).
  virtual void fill(std::size_t input, std::int64_t step, std::int32_t microbatch,
                    std::span<std::byte> slice) const = 0;
};

}  // namespace mp::runtime

// The order in which training meets the samples of a data set: every epoch each once, freshly shuffled.
#pragma once

#include <cstdint>

namespace mp::runtime {

// A permutation of 0 … size − 1 that is computed, not stored: a Feistel network over the next power of four, keyed by
// (seed, epoch), applied again as long as it leaves the range (Luby & Rackoff, SIAM J. Comput. 1988; Black & Rogaway,
// "Ciphers with arbitrary finite domains", CT-RSA 2002).
class SampleOrder {
 public:
  SampleOrder(std::uint64_t seed, std::int64_t size);  // size > 0
  // The sample at `position`, counted over all epochs.
  [[nodiscard]] std::int64_t at(std::int64_t position) const;
  [[nodiscard]] std::int64_t size() const { return size_; }

 private:
  std::uint64_t seed_;
  std::int64_t size_;
  std::uint32_t half_bits_;
};

}  // namespace mp::runtime

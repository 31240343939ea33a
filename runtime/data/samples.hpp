// Samples of one input: rows of numbers that can be had in any order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/data/array_file.hpp"

namespace mp::runtime {

// T: float, or std::int64_t for classes. Any thread may read.
template <class T>
class Samples {
 public:
  virtual ~Samples() = default;
  [[nodiscard]] virtual std::int64_t size() const = 0;
  [[nodiscard]] virtual std::int64_t elements() const = 0;  // of a sample
  // The span has as many elements as a sample.
  virtual void copy(std::int64_t sample, std::span<T> values) const = 0;
};

// values: sample after sample.
template <class T>
[[nodiscard]] std::unique_ptr<Samples<T>> make_stored_samples(std::vector<T> values, std::int64_t samples);
// The array's first extent counts the samples; each element is multiplied by `scale`.
template <class T>
[[nodiscard]] std::unique_ptr<Samples<T>> make_array_samples(ArrayFile array, double scale);

extern template std::unique_ptr<Samples<float>> make_stored_samples(std::vector<float>, std::int64_t);
extern template std::unique_ptr<Samples<std::int64_t>> make_stored_samples(std::vector<std::int64_t>, std::int64_t);
extern template std::unique_ptr<Samples<float>> make_array_samples(ArrayFile, double);
extern template std::unique_ptr<Samples<std::int64_t>> make_array_samples(ArrayFile, double);

}  // namespace mp::runtime

#include "runtime/data/samples.hpp"

#include <algorithm>
#include <utility>

namespace mp::runtime {
namespace {

template <class T>
class StoredSamples final : public Samples<T> {
 public:
  StoredSamples(std::vector<T> values, std::int64_t samples) : values_(std::move(values)), samples_(samples) {}
  [[nodiscard]] std::int64_t size() const override { return samples_; }
  [[nodiscard]] std::int64_t elements() const override { return static_cast<std::int64_t>(values_.size()) / samples_; }
  void copy(std::int64_t sample, std::span<T> values) const override {
    const auto first = static_cast<std::size_t>(sample) * values.size();
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(first), values.size(), values.begin());
  }

 private:
  std::vector<T> values_;
  std::int64_t samples_;
};

template <class T>
class ArraySamples final : public Samples<T> {
 public:
  ArraySamples(ArrayFile array, double scale) : array_(std::move(array)), scale_(scale) {}
  [[nodiscard]] std::int64_t size() const override { return array_.shape[0]; }
  [[nodiscard]] std::int64_t elements() const override { return mp::elements(array_.shape) / array_.shape[0]; }
  void copy(std::int64_t sample, std::span<T> values) const override {
    const std::int64_t first = sample * static_cast<std::int64_t>(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<T>(array_.at(first + static_cast<std::int64_t>(i)) * scale_);
    }
  }

 private:
  ArrayFile array_;
  double scale_;
};

}  // namespace

template <class T>
std::unique_ptr<Samples<T>> make_stored_samples(std::vector<T> values, std::int64_t samples) {
  return std::make_unique<StoredSamples<T>>(std::move(values), samples);
}

template <class T>
std::unique_ptr<Samples<T>> make_array_samples(ArrayFile array, double scale) {
  return std::make_unique<ArraySamples<T>>(std::move(array), scale);
}

template std::unique_ptr<Samples<float>> make_stored_samples(std::vector<float>, std::int64_t);
template std::unique_ptr<Samples<std::int64_t>> make_stored_samples(std::vector<std::int64_t>, std::int64_t);
template std::unique_ptr<Samples<float>> make_array_samples(ArrayFile, double);
template std::unique_ptr<Samples<std::int64_t>> make_array_samples(ArrayFile, double);

}  // namespace mp::runtime

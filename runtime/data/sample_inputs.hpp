// Inputs of samples that stand beside each other in files: images and their labels.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/data/array_file.hpp"
#include "runtime/data/input_opening.hpp"

namespace mp::runtime {

class SampleInputs {
 public:
  SampleInputs(const Graph& graph, const DataOptions& options, TrainingData& data)
      : graph_(graph), options_(options), data_(data) {}

  // Throws InputError.
  [[nodiscard]] FeedPair open(const GraphInput& input, bool is_labels);

 private:
  void check_sample_shape(const Tensor& tensor, const ArrayFile& array) const;
  void check_labels(const GraphInput& input, const ArrayFile& array) const;
  void check_count(const std::string& path, std::int64_t samples);

  const Graph& graph_;
  const DataOptions& options_;
  TrainingData& data_;
  std::int64_t samples_ = -1;  // of all inputs alike
  std::string path_;
};

}  // namespace mp::runtime

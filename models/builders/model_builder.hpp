// A Model written down node by node: what the builders of this folder share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/model.hpp"

namespace mp::models {

[[nodiscard]] Dimension fixed(std::int64_t extent);
[[nodiscard]] Dimension batch();  // the dimension that microbatches divide

[[nodiscard]] Initializer normal(double std);
[[nodiscard]] Initializer uniform(double bound);  // −bound … bound
[[nodiscard]] Initializer constant(double value);

// Tensors are known by their names; every function that adds a node returns the name of its first output, which is the
// node's own.
class ModelBuilder {
 public:
  ModelBuilder(std::string name, std::string description, std::int64_t batch_size);

  std::string input(std::string name, DataType type, std::vector<Dimension> shape, std::string data);
  std::string weight(std::string name, std::vector<std::int64_t> shape, Initializer initializer);
  // Not decayed: biases and the scales of normalisations.
  std::string vector(std::string name, std::int64_t extent, double value);
  // Kept, not trained: running statistics.
  std::string state(std::string name, std::int64_t extent, double value);

  std::string node(std::string op, std::string name, std::vector<std::string> inputs, Attributes attributes = {});
  // y = x·Wᵀ + b of a matrix x; W ("<name>.weight", [out, in]) and b ("<name>.bias") are added with it.
  std::string linear(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out,
                     Initializer initializer);
  void more_outputs(std::vector<std::string> names);  // of the last node
  void pin(std::int64_t device);                      // the last node

  [[nodiscard]] Model build(std::string loss, LossReduction reduction = LossReduction::kMean) &&;

 private:
  Model model_;
};

// Throws UsageError "<what> must be 1 or more, not 0" where an option is out of its range.
void need_positive(std::string_view what, std::int64_t value);

}  // namespace mp::models

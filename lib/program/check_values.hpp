// What the bytes of a buffer mean, told from the training graph alone: the checker's own view, which shares nothing
// with the compiler.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/ids.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// A tensor of a microbatch; the sum of the first `count` microbatches of a tensor; a parameter after `count` updates.
struct Value {
  TensorId tensor = kNone<TensorId>;
  std::int32_t microbatch = -1;
  std::int32_t count = 0;
  friend bool operator==(const Value&, const Value&) = default;
};

// Names of values, such that equal bytes have equal names: a view is what it views, an output stored over a parameter
// is that parameter after one more update, the sum of one microbatch is that microbatch's value.
class ValueNames {
 public:
  explicit ValueNames(const TrainingGraph& training);

  // What `reader` must find in its input `tensor`.
  [[nodiscard]] Value read(NodeId reader, TensorId tensor, std::int32_t microbatch) const;
  // What the producer of `tensor` leaves in it; of an input, what it is fed.
  [[nodiscard]] Value made(TensorId tensor, std::int32_t microbatch) const;
  [[nodiscard]] Value sum(TensorId tensor, std::int32_t microbatches) const;
  [[nodiscard]] Value parameter(TensorId tensor, std::int32_t updates) const { return {tensor, -1, updates}; }
  // What a message of `tensor` carries (microbatch −1: a parameter, a whole sum, something an update made).
  [[nodiscard]] Value sent(TensorId tensor, std::int32_t microbatch) const;
  // How often a step updates a parameter.
  [[nodiscard]] std::int32_t updates_of(TensorId parameter) const;
  // The parameter whose place an output takes; kNone where it has a place of its own.
  [[nodiscard]] TensorId stored_over(TensorId output) const { return stored_over_[output]; }
  [[nodiscard]] std::string text(const Value& value) const;

 private:
  [[nodiscard]] TensorId viewed(TensorId tensor) const;
  [[nodiscard]] std::int32_t updates_before(Phase phase, TensorId parameter, std::int32_t microbatch) const;

  const TrainingGraph& training_;
  IdVector<TensorId, TensorId> stored_over_;
  IdVector<TensorId, std::int32_t> pass_updates_;    // of parameters: by forward and backward nodes
  IdVector<TensorId, std::int32_t> update_updates_;  // of parameters: by update nodes
};

}  // namespace mp

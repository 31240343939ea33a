// What the bytes of a buffer mean, told from the training graph alone: the checker's own view, which shares nothing
// with the compiler.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/ids.hpp"
#include "lib/program/program.hpp"
#include "lib/program/replication.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

// A tensor of a microbatch; the sum of the first `count` microbatches of a tensor (of those that are a replica's, or of
// all replicas'), or of `count` from `microbatch` on; the whole sums of the first `count` replicas added up; a
// parameter after `count` updates.
struct Value {
  static constexpr std::int32_t kAll = -1;
  static constexpr std::int32_t kInTurn = -2;
  TensorId tensor = kNone<TensorId>;
  std::int32_t microbatch = -1;
  std::int32_t count = 0;
  std::int32_t replica = 0;  // position in its group; kAll: a sum of replicas; kInTurn: of microbatches of all replicas
  friend bool operator==(const Value&, const Value&) = default;
};

// What lies where a collective is still at work.
[[nodiscard]] inline Value unfinished(TensorId tensor) {
  return {.tensor = tensor, .microbatch = -1, .count = 0, .replica = Value::kAll};
}

// Names of values, such that equal bytes have equal names: a view is what it views, an output stored over a parameter
// is that parameter after one more update, the sum of one microbatch is that microbatch's value.
class ValueNames {
 public:
  explicit ValueNames(const Program& program);

  // What `reader` must find in its input `tensor`.
  [[nodiscard]] Value read(NodeId reader, TensorId tensor, std::int32_t microbatch) const;
  // What the producer of `tensor` leaves in it; of an input, what it is fed.
  [[nodiscard]] Value made(TensorId tensor, std::int32_t microbatch) const;
  // The first `count` microbatches of a replica, added up.
  [[nodiscard]] Value sum(TensorId tensor, std::int32_t replica, std::int32_t count) const;
  // All microbatches of a replica.
  [[nodiscard]] Value sum_of_replica(TensorId tensor, std::int32_t replica) const;
  // All microbatches of the first `replicas` replicas.
  [[nodiscard]] Value sum_of_replicas(TensorId tensor, std::int32_t replicas) const;
  // The first `count` microbatches, whichever replica has which: what ZeRO 2 and 3 add up.
  [[nodiscard]] Value sum_in_turn(TensorId tensor, std::int32_t count) const;
  // One microbatch of each replica, from this one on: of the first, sum_in_turn() of so many.
  [[nodiscard]] Value sum_of_turn(TensorId tensor, std::int32_t first_microbatch) const;
  // Everything there is of it: what an update reads.
  [[nodiscard]] Value whole_sum(TensorId tensor) const;
  // Is it added up microbatch by microbatch at one device?
  [[nodiscard]] bool is_added_in_turn(TensorId tensor) const;
  [[nodiscard]] std::int32_t replicas_of(TensorId tensor) const;  // of an activation: of its producer's group
  [[nodiscard]] Value parameter(TensorId tensor, std::int32_t updates) const { return {tensor, -1, updates}; }
  // May a message of `tensor` carry `value` (microbatch −1: a parameter, a sum, something an update made)?
  [[nodiscard]] bool may_be_sent(const Value& value, TensorId tensor, std::int32_t microbatch) const;
  // What a message of `tensor` carries where nothing else is found: the likeliest of these.
  [[nodiscard]] Value expected(TensorId tensor, std::int32_t microbatch) const;
  // How often a step updates a parameter on a device that keeps it.
  [[nodiscard]] std::int32_t updates_of(TensorId parameter, DeviceId device) const;
  // The parameter whose place an output takes; kNone where it has a place of its own.
  [[nodiscard]] TensorId stored_over(TensorId output) const { return stored_over_[output]; }
  [[nodiscard]] std::string text(const Value& value) const;

 private:
  [[nodiscard]] TensorId viewed(TensorId tensor) const;
  [[nodiscard]] std::int32_t updates_before(Phase phase, TensorId parameter, std::int32_t microbatch) const;

  [[nodiscard]] std::int32_t replicas_at_home(TensorId parameter) const;

  const TrainingGraph& training_;
  const Placement& placement_;
  std::int32_t zero_;
  Replication replication_;
  IdVector<TensorId, TensorId> stored_over_;
  IdVector<TensorId, std::int32_t> pass_updates_;    // of parameters: by forward and backward nodes, per microbatch
  IdVector<TensorId, std::int32_t> update_updates_;  // of parameters: by update nodes
};

}  // namespace mp

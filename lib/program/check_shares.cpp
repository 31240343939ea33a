#include "lib/program/check_shares.hpp"

#include <vector>

namespace mp {
namespace {

// A tensor and its place.
struct Placed {
  TensorId tensor = kNone<TensorId>;
  Buffer buffer;
};

std::vector<Placed> shares_of(const Buffer& buffer, TensorId tensor, const TrainingGraph& training) {
  const auto shared = training.shares.find(tensor);
  if (shared == training.shares.end()) return {{tensor, buffer}};
  std::vector<Placed> shares;
  Buffer place = buffer;
  for (const TensorId share : shared->second) {
    place.size_bytes = bytes(training.graph.tensor(share).type);
    shares.push_back({share, place});
    place.offset_bytes += place.size_bytes;
  }
  return shares;
}

Value with_tensor(Value value, TensorId from, TensorId to) {
  if (value.tensor == from) value.tensor = to;
  return value;
}

}  // namespace

std::optional<Value> value_of(const CheckedArena& arena, const Buffer& buffer, TensorId tensor,
                              const TrainingGraph& training) {
  std::optional<Value> all;
  for (const Placed& share : shares_of(buffer, tensor, training)) {
    const std::optional<Value> found = arena.value_in(share.buffer);
    if (!found) return std::nullopt;
    const Value value = with_tensor(*found, share.tensor, tensor);
    if (all && *all != value) return std::nullopt;
    all = value;
  }
  return all;
}

void write_value(CheckedArena& arena, const Buffer& buffer, const Value& value, const TrainingGraph& training) {
  for (const Placed& share : shares_of(buffer, value.tensor, training)) {
    arena.write(share.buffer, with_tensor(value, value.tensor, share.tensor));
  }
}

bool cuts_up(const TrainingGraph& training, NodeId n) {
  const std::vector<TensorId>& outputs = training.graph.node(n).outputs;
  return !outputs.empty() && training.whole_of_share.contains(outputs.front());
}

}  // namespace mp

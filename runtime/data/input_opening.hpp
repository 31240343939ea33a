// What the parts of open_training_data() share.
#pragma once

#include <memory>
#include <string>

#include "lib/graph/graph.hpp"
#include "runtime/data/feed.hpp"
#include "runtime/data/training_data.hpp"

namespace mp::runtime {

// Both parts of a set: what is trained on, and what is held out (null: too little of it, or the whole set was asked
// for).
struct FeedPair {
  std::shared_ptr<const Feed> training;
  std::shared_ptr<const Feed> held_out;
};

// Throws InputError about an input of the model.
[[noreturn]] void fail_at_input(const Graph& graph, const Tensor& input, const std::string& message);

// How many samples of a set there are; the fewest of all inputs' sets count.
void count_samples(TrainingData& data, std::int64_t trained, std::int64_t held_out);

}  // namespace mp::runtime

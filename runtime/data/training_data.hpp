// The data of a training run, or of an evaluation: every input of a graph with what fills it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/graph/graph.hpp"
#include "lib/plan/recipe.hpp"
#include "runtime/data/data_source.hpp"

namespace mp::runtime {

class Feed;

struct DataOptions {
  DataSources sources;
  std::uint64_t seed = 0;
  std::int32_t microbatches = 1;
  bool is_whole_set = false;  // nothing held out, and all samples in their order: to evaluate on
};

struct TrainingData {
  std::unique_ptr<DataSource> training;   // the next step is made ready by a thread beside
  std::unique_ptr<DataSource> held_out;   // never trained on; null where no input comes from a file large enough
  std::int64_t held_out_steps = 0;        // whole steps the held-out part fills, at least 1
  std::string description;                // "text: LICENSE (1 file, 35 kB)"; empty for random values alone
  std::optional<double> unigram_entropy;  // of the training text, in nats
  std::int64_t training_samples = 0;      // 0: random values alone, as many as one likes
  std::int64_t held_out_samples = 0;
  std::vector<std::shared_ptr<const Feed>> training_feeds;  // beside the graph's inputs
  std::vector<std::shared_ptr<const Feed>> held_out_feeds;  // empty without held_out
};

// Opens files and checks everything a step could stumble over: types and shapes, text longer than the context, tokens
// and labels within the model's range. Throws InputError naming file, input, and both values.
[[nodiscard]] TrainingData open_training_data(const Graph& graph, const DataOptions& options);

// The feeds' samples from `first_sample` on, cut into steps of so many microbatches.
[[nodiscard]] std::unique_ptr<DataSource> make_source(std::vector<std::shared_ptr<const Feed>> feeds,
                                                      std::int32_t microbatches, std::int64_t first_sample = 0);

// The number of values an index tensor may take: the least extent of what its readers look up with it (embedding
// tables, classes of a loss), through views; nullopt when nothing bounds it.
[[nodiscard]] std::optional<std::int64_t> index_bound(const Graph& graph, TensorId tensor);

}  // namespace mp::runtime

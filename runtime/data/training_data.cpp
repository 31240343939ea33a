#include "runtime/data/training_data.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/operators/operator.hpp"
#include "runtime/data/feed.hpp"
#include "runtime/data/prefetch.hpp"
#include "runtime/data/sample_inputs.hpp"
#include "runtime/data/token_inputs.hpp"

namespace mp::runtime {
namespace {

// What --data takes besides inputs, for slips of the keyboard.
constexpr std::array<std::string_view, 6> kSources = {"text", "token-files", "vocabulary", "images", "labels", "csv"};
constexpr std::string_view kKinds = "normal, tokens, next-tokens, images, labels, columns:<list>, copy:<input>";

class BatchSource final : public DataSource {
 public:
  BatchSource(std::vector<std::shared_ptr<const Feed>> feeds, std::int32_t microbatches, std::int64_t first_sample)
      : feeds_(std::move(feeds)), microbatches_(microbatches), first_sample_(first_sample) {}
  void fill(std::size_t input, std::int64_t step, std::int32_t microbatch, std::span<std::byte> slice) const override {
    feeds_[input]->fill(step * microbatches_ + microbatch, first_sample_, slice);
  }

 private:
  std::vector<std::shared_ptr<const Feed>> feeds_;
  std::int32_t microbatches_;
  std::int64_t first_sample_;
};

class Opener {
 public:
  Opener(const Graph& graph, const DataOptions& options)
      : graph_(graph), options_(options), tokens_(graph, options, data_), samples_(graph, options, data_) {}
  TrainingData open();

 private:
  std::string kind_of(const GraphInput& input) const;
  FeedPair open_input(const GraphInput& input);
  FeedPair open_normal(const Tensor& tensor) const;
  FeedPair copy_of(const Tensor& tensor, const std::string& source);
  [[nodiscard]] std::int64_t samples_a_step() const;
  void check_is_input(const std::string& name) const;

  const Graph& graph_;
  const DataOptions& options_;
  TrainingData data_;
  std::vector<FeedPair> feeds_;
  TokenInputs tokens_;
  SampleInputs samples_;
};

std::string Opener::kind_of(const GraphInput& input) const {
  const auto override_of = options_.sources.fill.find(graph_.tensor(input.tensor).name);
  return override_of == options_.sources.fill.end() ? input.data : override_of->second;
}

FeedPair Opener::open_input(const GraphInput& input) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const std::string kind = kind_of(input);
  if (kind == "normal") return open_normal(tensor);
  if (kind == "tokens") return tokens_.open(input, 0);
  if (kind == "next-tokens") return tokens_.open(input, 1);
  if (kind == "images") return samples_.open_images(input);
  if (kind == "labels") return samples_.open_labels(input);
  if (kind.starts_with("columns:")) return samples_.open_columns(input, std::string_view(kind).substr(8));
  if (kind.starts_with("copy:")) return copy_of(tensor, kind.substr(5));
  if (kind.empty())
    fail_at_input(graph_, tensor,
                  fmt::format("nothing says what fills it: --data {}=KIND, one of {}", tensor.name, kKinds));
  fail_at_input(graph_, tensor, fmt::format("'{}' is no kind of data; known: {}", kind, kKinds));
}

FeedPair Opener::open_normal(const Tensor& tensor) const {
  if (tensor.type.type != DataType::kFloat32) {
    fail_at_input(graph_, tensor, fmt::format("normal values are float32, but it is {}", to_string(tensor.type)));
  }
  return {make_normal_feed(options_.seed, "training input " + tensor.name),
          make_normal_feed(options_.seed, "held-out input " + tensor.name)};
}

FeedPair Opener::copy_of(const Tensor& tensor, const std::string& source) {
  const auto found = std::find_if(graph_.inputs().begin(), graph_.inputs().end(),
                                  [&](const GraphInput& other) { return graph_.tensor(other.tensor).name == source; });
  if (found == graph_.inputs().end())
    fail_at_input(graph_, tensor, fmt::format("is a copy of '{}', which is no input", source));
  const Tensor& original = graph_.tensor(found->tensor);
  if (kind_of(*found).starts_with("copy:"))
    fail_at_input(graph_, tensor, fmt::format("is a copy of '{}', itself a copy", source));
  if (original.type.type != tensor.type.type || elements(original.type.shape) != elements(tensor.type.shape)) {
    fail_at_input(
        graph_, tensor,
        fmt::format("is {}, but its original '{}' is {}", to_string(tensor.type), source, to_string(original.type)));
  }
  const auto position = static_cast<std::size_t>(found - graph_.inputs().begin());
  if (!feeds_[position].training) feeds_[position] = open_input(*found);
  return feeds_[position];
}

// A name that is no source of data (`--data text=…`) is taken for that of an input.
void Opener::check_is_input(const std::string& name) const {
  std::vector<std::string_view> known;
  for (const GraphInput& input : graph_.inputs()) known.push_back(graph_.tensor(input.tensor).name);
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  known.insert(known.end(), kSources.begin(), kSources.end());
  throw InputError("model '" + graph_.name() + "'",
                   Issue{"", fmt::format("has no input {} to fill{}", quoted(name), did_you_mean(name, known))});
}

TrainingData Opener::open() {
  for (const auto& [name, kind] : options_.sources.fill) check_is_input(name);
  feeds_.resize(graph_.inputs().size());
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    if (!feeds_[i].training) feeds_[i] = open_input(graph_.inputs()[i]);
  }
  const bool has_held_out =
      data_.held_out_samples > 0 &&
      std::all_of(feeds_.begin(), feeds_.end(), [](const FeedPair& f) { return f.held_out != nullptr; });
  for (const FeedPair& pair : feeds_) {
    data_.training_feeds.push_back(pair.training);
    if (has_held_out) data_.held_out_feeds.push_back(pair.held_out);
  }
  data_.training = prefetched(make_source(data_.training_feeds, options_.microbatches), graph_, options_.microbatches);
  if (!has_held_out) {
    data_.held_out_samples = 0;
    return std::move(data_);
  }
  data_.held_out = make_source(data_.held_out_feeds, options_.microbatches);
  data_.held_out_steps = std::max<std::int64_t>(1, data_.held_out_samples / samples_a_step());
  return std::move(data_);
}

std::int64_t Opener::samples_a_step() const {
  for (const GraphInput& input : graph_.inputs()) {
    const Shape& shape = graph_.tensor(input.tensor).type.shape;
    if (!shape.empty()) return shape[0] * options_.microbatches;
  }
  return options_.microbatches;
}

}  // namespace

void fail_at_input(const Graph& graph, const Tensor& input, const std::string& message) {
  throw InputError("model '" + graph.name() + "'", Issue{"input '" + input.name + "'", message});
}

void count_samples(TrainingData& data, std::int64_t trained, std::int64_t held_out) {
  const bool is_first = data.training_samples == 0;
  data.training_samples = is_first ? trained : std::min(data.training_samples, trained);
  data.held_out_samples = is_first ? held_out : std::min(data.held_out_samples, held_out);
}

std::unique_ptr<DataSource> make_source(std::vector<std::shared_ptr<const Feed>> feeds, std::int32_t microbatches,
                                        std::int64_t first_sample) {
  return std::make_unique<BatchSource>(std::move(feeds), microbatches, first_sample);
}

std::optional<std::int64_t> index_bound(const Graph& graph, TensorId tensor) {
  std::optional<std::int64_t> least;
  const auto limit = [&](std::optional<std::int64_t> bound) {
    if (bound) least = std::min(*bound, least.value_or(*bound));
  };
  for (const NodeId id : graph.consumers(tensor)) {
    const Node& node = graph.node(id);
    const auto extent = [&](std::int64_t axis) {
      const Shape& shape = graph.tensor(node.inputs[0]).type.shape;
      return shape[static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(shape.size()) : axis)];
    };
    if (node.inputs.size() > 1 && node.inputs[1] == tensor) {
      if (node.op->name == "Gather") limit(extent(node.attributes.get_int("axis", 0)));
      if (node.op->name == "SoftmaxCrossEntropyLoss") limit(extent(1));
    } else if (node.op->is_view && node.outputs[0] != kNone<TensorId>) {
      limit(index_bound(graph, node.outputs[0]));
    }
  }
  return least;
}

TrainingData open_training_data(const Graph& graph, const DataOptions& options) {
  return Opener(graph, options).open();
}

}  // namespace mp::runtime

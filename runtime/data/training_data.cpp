#include "runtime/data/training_data.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/operators/operator.hpp"
#include "runtime/data/feed.hpp"

namespace mp::runtime {
namespace {

constexpr std::string_view kKinds = "normal, tokens, next-tokens, images, labels, copy:<input>";

// Both parts of a set: what is trained on, and what is held out (null: too little of it).
struct FeedPair {
  std::shared_ptr<const Feed> training;
  std::shared_ptr<const Feed> held_out;
};

class BatchSource final : public DataSource {
 public:
  BatchSource(std::vector<std::shared_ptr<const Feed>> feeds, std::int32_t microbatches,
              std::shared_ptr<const Text> text)
      : feeds_(std::move(feeds)), microbatches_(microbatches), text_(std::move(text)) {}
  void fill(std::size_t input, std::int64_t step, std::int32_t microbatch, std::span<std::byte> slice) const override {
    feeds_[input]->fill(step * microbatches_ + microbatch, slice);
  }

 private:
  std::vector<std::shared_ptr<const Feed>> feeds_;
  std::int32_t microbatches_;
  std::shared_ptr<const Text> text_;  // the feeds read from it
};

class Opener {
 public:
  Opener(const Graph& graph, const DataOptions& options) : graph_(graph), options_(options) {}
  TrainingData open();

 private:
  [[noreturn]] void fail(const Tensor& input, const std::string& message) const {
    throw InputError("model '" + graph_.name() + "'", Issue{"input '" + input.name + "'", message});
  }
  std::string kind_of(const GraphInput& input) const;
  FeedPair open_input(const GraphInput& input);
  FeedPair open_normal(const Tensor& tensor) const;
  FeedPair open_tokens(const GraphInput& input, std::int64_t shift);
  FeedPair open_array(const GraphInput& input, bool is_labels);
  FeedPair copy_of(const Tensor& tensor, const std::string& source);
  void open_the_text(const GraphInput& input);
  void count_tokens(const GraphInput& input);
  void check_labels(const GraphInput& input, const ArrayFile& array) const;
  void check_sample_shape(const Tensor& tensor, const ArrayFile& array) const;
  Text find_text(const GraphInput& input) const;
  void hold_out(std::int64_t samples, std::int64_t rows);

  const Graph& graph_;
  const DataOptions& options_;
  std::vector<FeedPair> feeds_;
  std::shared_ptr<const Text> text_;
  std::int64_t context_ = 0;  // of every input of tokens
  std::optional<std::int64_t> counted_below_;
  std::shared_ptr<const TextWindows> training_windows_;
  std::shared_ptr<const TextWindows> held_out_windows_;
  std::int64_t array_samples_ = -1;  // of images and labels alike
  std::string array_path_;
  TrainingData data_;
};

std::string Opener::kind_of(const GraphInput& input) const {
  const auto override_of = options_.sources.fill.find(graph_.tensor(input.tensor).name);
  return override_of == options_.sources.fill.end() ? input.data : override_of->second;
}

FeedPair Opener::open_input(const GraphInput& input) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const std::string kind = kind_of(input);
  if (kind == "normal") return open_normal(tensor);
  if (kind == "tokens") return open_tokens(input, 0);
  if (kind == "next-tokens") return open_tokens(input, 1);
  if (kind == "images") return open_array(input, false);
  if (kind == "labels") return open_array(input, true);
  if (kind.starts_with("copy:")) return copy_of(tensor, kind.substr(5));
  if (kind.empty())
    fail(tensor, fmt::format("nothing says what fills it: --data {}=KIND, one of {}", tensor.name, kKinds));
  fail(tensor, fmt::format("'{}' is no kind of data; known: {}", kind, kKinds));
}

FeedPair Opener::open_normal(const Tensor& tensor) const {
  if (tensor.type.type != DataType::kFloat32) {
    fail(tensor, fmt::format("normal values are float32, but it is {}", to_string(tensor.type)));
  }
  return {make_normal_feed(options_.seed, "training input " + tensor.name),
          make_normal_feed(options_.seed, "held-out input " + tensor.name)};
}

Text Opener::find_text(const GraphInput& input) const {
  const DataSources& sources = options_.sources;
  if (!sources.token_files.empty()) {
    std::optional<std::size_t> width;
    if (sources.token_type) width = *sources.token_type == TokenType::kUint16 ? 2 : 4;
    return open_token_files(sources.token_files, {.width = width, .vocabulary = index_bound(graph_, input.tensor)});
  }
  return sources.text.empty() ? open_default_text() : open_text(sources.text);
}

void Opener::open_the_text(const GraphInput& input) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const std::int64_t context = context_ = tensor.type.shape[1];
  text_ = std::make_shared<const Text>(find_text(input));
  if (text_->training.size() <= context) {
    throw InputError(text_->description,
                     Issue{"", fmt::format("{} tokens to train on are too few for input '{}': a window of {} tokens and "
                                           "the one after it are needed",
                                           text_->training.size(), tensor.name, context)});
  }
  training_windows_ = std::make_shared<const TextWindows>(text_->training, context, options_.seed, true);
  if (text_->held_out.size() > context) {
    held_out_windows_ = std::make_shared<const TextWindows>(text_->held_out, context, options_.seed, false);
    hold_out(held_out_windows_->windows(), tensor.type.shape[0]);
  }
  data_.description = (options_.sources.token_files.empty() ? "text: " : "tokens: ") + text_->description;
}

FeedPair Opener::open_tokens(const GraphInput& input, std::int64_t shift) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const Shape& shape = tensor.type.shape;
  if (tensor.type.type != DataType::kInt64 || shape.size() != 2 || elements(shape) == 0) {
    fail(tensor, fmt::format("tokens are int64[batch, context], but it is {}", to_string(tensor.type)));
  }
  if (!text_) open_the_text(input);
  const std::int64_t context = shape[1];
  if (context_ != context) {
    fail(tensor, fmt::format("has a context of {}, but another input of tokens has {}", context, context_));
  }
  count_tokens(input);
  FeedPair feeds{make_token_feed(training_windows_, context, shift), nullptr};
  if (held_out_windows_) feeds.held_out = make_token_feed(held_out_windows_, context, shift);
  return feeds;
}

// Also checks that the model knows all of them.
void Opener::count_tokens(const GraphInput& input) {
  constexpr std::int64_t kMostCounted = 1 << 24;
  const std::optional<std::int64_t> bound = index_bound(graph_, input.tensor);
  if (bound == counted_below_ && data_.unigram_entropy) return;  // the targets of the tokens
  const TokenCounts trained = text_->training.counts(bound.value_or(kMostCounted));
  const TokenCounts held_out = text_->held_out.counts(bound.value_or(kMostCounted));
  const std::optional<std::string>& beyond = trained.first_beyond ? trained.first_beyond : held_out.first_beyond;
  if (bound && beyond) {
    throw InputError(*beyond, Issue{"", fmt::format("input '{}' of the model takes values below {}: its vocabulary is "
                                                    "too small{}",
                                                    graph_.tensor(input.tensor).name, *bound,
                                                    options_.sources.token_files.empty() ? ", bytes need 256" : "")});
  }
  counted_below_ = bound;
  data_.unigram_entropy = entropy(trained.of_token);
}

void Opener::hold_out(std::int64_t samples, std::int64_t rows) {
  const std::int64_t steps = samples / (rows * options_.microbatches);
  data_.held_out_steps =
      std::max<std::int64_t>(1, data_.held_out_steps == 0 ? steps : std::min(steps, data_.held_out_steps));
}

void Opener::check_sample_shape(const Tensor& tensor, const ArrayFile& array) const {
  const auto sample = [](const Shape& shape) {  // without the first extent and extents of 1
    Shape rest(shape.begin() + 1, shape.end());
    std::erase(rest, 1);
    return rest;
  };
  const Shape& wanted = tensor.type.shape;
  if (array.shape.empty() || wanted.empty() || elements(array.shape) == 0 || elements(wanted) == 0) {
    throw InputError(array.path, Issue{"", fmt::format("holds no samples: shape {}", to_string(array.shape))});
  }
  const std::int64_t own = elements(array.shape) / array.shape[0];
  const bool is_flat = wanted.size() == 2 && wanted[1] == own;
  if (is_flat || sample(array.shape) == sample(wanted)) return;
  throw InputError(array.path, Issue{"", fmt::format("holds samples in the shape {}, but input '{}' of the model is {}",
                                                     to_string(array.shape), tensor.name, to_string(tensor.type))});
}

void Opener::check_labels(const GraphInput& input, const ArrayFile& array) const {
  const std::int64_t bound = index_bound(graph_, input.tensor).value_or(std::int64_t{1} << 53);
  for (std::int64_t i = 0; i < elements(array.shape); ++i) {
    const double label = array.at(i);
    if (label >= 0.0 && label < static_cast<double>(bound)) continue;
    throw InputError(array.path,
                     Issue{fmt::format("element {}", i),
                           fmt::format("label {} is not within 0 … {}, the classes of the model", label, bound - 1)});
  }
}

FeedPair Opener::open_array(const GraphInput& input, bool is_labels) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const std::string_view what = is_labels ? "labels" : "images";
  const DataType type = is_labels ? DataType::kInt64 : DataType::kFloat32;
  if (tensor.type.type != type)
    fail(tensor, fmt::format("{} are {}, but it is {}", what, name_of(type), to_string(tensor.type)));
  const std::optional<std::string>& path = is_labels ? options_.sources.labels : options_.sources.images;
  if (!path)
    fail(tensor, fmt::format("wants {0}: give a .npy or IDX file with --data {0}=FILE, a recipe that names "
                             "one (--recipe; see configs/), or other values with --data {1}=normal",
                             what, tensor.name));
  auto array = std::make_shared<const ArrayFile>(runtime::open_array(*path));
  check_sample_shape(tensor, *array);
  if (is_labels) check_labels(input, *array);
  const std::int64_t samples = array->shape[0];
  if (array_samples_ >= 0 && array_samples_ != samples) {
    throw InputError(*path,
                     Issue{"", fmt::format("holds {} samples, but {} holds {}", samples, array_path_, array_samples_)});
  }
  array_samples_ = samples;
  array_path_ = *path;
  data_.description +=
      fmt::format("{}{}: {} ({} samples)", data_.description.empty() ? "" : ", ", what, *path, samples);
  const std::int64_t held_out = samples / kHeldOutDivisor;
  const std::int64_t trained = samples - held_out;
  const auto make = is_labels ? make_label_feed : make_image_feed;
  FeedPair feeds{make({array, 0, SampleOrder(options_.seed, trained), true}), nullptr};
  if (held_out > 0) {
    feeds.held_out = make({array, trained, SampleOrder(options_.seed, held_out), false});
    hold_out(held_out, tensor.type.shape[0]);
  }
  return feeds;
}

FeedPair Opener::copy_of(const Tensor& tensor, const std::string& source) {
  const auto found = std::find_if(graph_.inputs().begin(), graph_.inputs().end(),
                                  [&](const GraphInput& other) { return graph_.tensor(other.tensor).name == source; });
  if (found == graph_.inputs().end()) fail(tensor, fmt::format("is a copy of '{}', which is no input", source));
  const Tensor& original = graph_.tensor(found->tensor);
  if (kind_of(*found).starts_with("copy:")) fail(tensor, fmt::format("is a copy of '{}', itself a copy", source));
  if (original.type.type != tensor.type.type || elements(original.type.shape) != elements(tensor.type.shape)) {
    fail(tensor,
         fmt::format("is {}, but its original '{}' is {}", to_string(tensor.type), source, to_string(original.type)));
  }
  const auto position = static_cast<std::size_t>(found - graph_.inputs().begin());
  if (!feeds_[position].training) feeds_[position] = open_input(*found);
  return feeds_[position];
}

TrainingData Opener::open() {
  for (const auto& [name, kind] : options_.sources.fill) {
    const bool is_input = std::any_of(graph_.inputs().begin(), graph_.inputs().end(),
                                      [&](const GraphInput& i) { return graph_.tensor(i.tensor).name == name; });
    if (!is_input) throw InputError("model '" + graph_.name() + "'", Issue{"", "has no input '" + name + "' to fill"});
  }
  feeds_.resize(graph_.inputs().size());
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    if (!feeds_[i].training) feeds_[i] = open_input(graph_.inputs()[i]);
  }
  std::vector<std::shared_ptr<const Feed>> training;
  std::vector<std::shared_ptr<const Feed>> held_out;
  for (const FeedPair& pair : feeds_) {
    training.push_back(pair.training);
    if (pair.held_out) held_out.push_back(pair.held_out);
  }
  data_.training = std::make_unique<BatchSource>(std::move(training), options_.microbatches, text_);
  if (data_.held_out_steps > 0 && held_out.size() == feeds_.size()) {
    data_.held_out = std::make_unique<BatchSource>(std::move(held_out), options_.microbatches, text_);
  }
  return std::move(data_);
}

}  // namespace

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

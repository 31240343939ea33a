#include "runtime/data/sample_inputs.hpp"

#include <fmt/core.h>

#include <optional>
#include <string_view>
#include <vector>

#include "lib/base/error.hpp"

namespace mp::runtime {

void SampleInputs::check_sample_shape(const Tensor& tensor, const ArrayFile& array) const {
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

void SampleInputs::check_labels(const GraphInput& input, const ArrayFile& array) const {
  const std::int64_t bound = index_bound(graph_, input.tensor).value_or(std::int64_t{1} << 53);
  for (std::int64_t i = 0; i < elements(array.shape); ++i) {
    const double label = array.at(i);
    if (label >= 0.0 && label < static_cast<double>(bound)) continue;
    throw InputError(array.path,
                     Issue{fmt::format("element {}", i),
                           fmt::format("label {} is not within 0 … {}, the classes of the model", label, bound - 1)});
  }
}

void SampleInputs::check_count(const std::string& path, std::int64_t samples) {
  if (samples_ >= 0 && samples_ != samples) {
    throw InputError(path, Issue{"", fmt::format("holds {} samples, but {} holds {}", samples, path_, samples_)});
  }
  samples_ = samples;
  path_ = path;
}

FeedPair SampleInputs::open(const GraphInput& input, bool is_labels) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const std::string_view what = is_labels ? "labels" : "images";
  const DataType type = is_labels ? DataType::kInt64 : DataType::kFloat32;
  if (tensor.type.type != type) {
    fail_at_input(graph_, tensor, fmt::format("{} are {}, but it is {}", what, name_of(type), to_string(tensor.type)));
  }
  const std::optional<std::string>& path = is_labels ? options_.sources.labels : options_.sources.images;
  if (!path) {
    fail_at_input(
        graph_, tensor,
        fmt::format("wants {0}: give a .npy or IDX file with --data {0}=FILE, a recipe that names one (--recipe; "
                    "see configs/), or other values with --data {1}=normal",
                    what, tensor.name));
  }
  auto array = std::make_shared<const ArrayFile>(open_array(*path));
  check_sample_shape(tensor, *array);
  if (is_labels) check_labels(input, *array);
  const std::int64_t samples = array->shape[0];
  check_count(*path, samples);
  data_.description +=
      fmt::format("{}{}: {} ({} samples)", data_.description.empty() ? "" : ", ", what, *path, samples);
  const std::int64_t held_out = options_.is_whole_set ? 0 : samples / kHeldOutDivisor;
  const std::int64_t trained = samples - held_out;
  count_samples(data_, trained, held_out);
  const auto make = is_labels ? make_label_feed : make_image_feed;
  FeedPair feeds{make({array, 0, SampleOrder(options_.seed, trained), !options_.is_whole_set}), nullptr};
  if (held_out > 0) feeds.held_out = make({array, trained, SampleOrder(options_.seed, held_out), false});
  return feeds;
}

}  // namespace mp::runtime

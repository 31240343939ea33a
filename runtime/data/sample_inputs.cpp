#include "runtime/data/sample_inputs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

constexpr std::string_view kColumns = "columns:";

bool is_folder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

}  // namespace

void SampleInputs::check_type(const Tensor& tensor, std::string_view what, DataType type) const {
  if (tensor.type.type == type) return;
  fail_at_input(graph_, tensor, fmt::format("{} are {}, but it is {}", what, name_of(type), to_string(tensor.type)));
}

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
    const bool is_within = label >= 0.0 && label < static_cast<double>(bound);
    if (is_within && label == std::floor(label)) continue;
    throw InputError(
        array.path,
        Issue{fmt::format("element {}", i),
              is_within ? fmt::format("label {} is no whole number: labels are classes", label)
                        : fmt::format("label {} is not within 0 … {}, the classes of the model", label, bound - 1)});
  }
}

template <class T>
FeedPair SampleInputs::feeds(std::unique_ptr<Samples<T>> samples, const std::string& path, std::string_view what) {
  const std::int64_t count = samples->size();
  if (samples_ >= 0 && samples_ != count) {
    throw InputError(path, Issue{"", fmt::format("holds {} samples, but {} holds {}", count, path_, samples_)});
  }
  samples_ = count;
  path_ = path;
  data_.description += fmt::format("{}{}: {} ({} samples)", data_.description.empty() ? "" : ", ", what, path, count);
  const std::int64_t held_out = options_.is_whole_set ? 0 : count / kHeldOutDivisor;
  const std::int64_t trained = count - held_out;
  count_samples(data_, trained, held_out);
  // Tables and folders are often sorted by class: mixed once, the same way for everybody.
  std::optional<SampleOrder> numbering;
  if (table_ || folder_) numbering = SampleOrder(0, count);
  const std::shared_ptr<const Samples<T>> shared = std::move(samples);
  FeedPair pair{make_sample_feed<T>(shared, {.first = 0,
                                             .order = SampleOrder(options_.seed, trained),
                                             .is_shuffled = !options_.is_whole_set,
                                             .numbering = numbering}),
                nullptr};
  if (held_out > 0) {
    pair.held_out = make_sample_feed<T>(shared, {.first = trained,
                                                 .order = SampleOrder(options_.seed, held_out),
                                                 .is_shuffled = false,
                                                 .numbering = numbering});
  }
  return pair;
}

const CsvTable& SampleInputs::table(const Tensor& tensor) {
  if (!options_.sources.csv)
    fail_at_input(graph_, tensor, "is filled from columns: give their file with --data csv=FILE");
  if (!table_) table_.emplace(*options_.sources.csv);
  return *table_;
}

const ImageFolder& SampleInputs::folder(const std::string& path) {
  if (!folder_) folder_ = open_image_folder(path);
  return *folder_;
}

// Columns that are neither the label's, where there is an input of labels, nor another input's.
std::vector<std::size_t> SampleInputs::features() const {
  std::set<std::size_t> taken;
  if (!options_.sources.csv->label.empty()) taken.insert(table_->label());
  for (const GraphInput& input : graph_.inputs()) {
    const auto given = options_.sources.fill.find(graph_.tensor(input.tensor).name);
    const std::string_view kind = given == options_.sources.fill.end() ? std::string_view(input.data) : given->second;
    if (kind == "labels" && !options_.sources.labels) taken.insert(table_->label());
    if (!kind.starts_with(kColumns)) continue;
    for (const std::size_t column : table_->find(kind.substr(kColumns.size()))) taken.insert(column);
  }
  std::vector<std::size_t> left;
  for (std::size_t column = 0; column < table_->columns(); ++column) {
    if (!taken.contains(column)) left.push_back(column);
  }
  return left;
}

FeedPair SampleInputs::open_csv(const GraphInput& input, const std::vector<std::size_t>& columns) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const Shape& shape = tensor.type.shape;
  const bool has_rows = !shape.empty() && shape[0] > 0;
  if (!has_rows || elements(shape) / shape[0] != static_cast<std::int64_t>(columns.size())) {
    throw InputError(table_->path(),
                     Issue{"", fmt::format("{} of its {} columns are for input '{}' of the model, which is {}",
                                           columns.size(), table_->columns(), tensor.name, to_string(tensor.type))});
  }
  const std::string what = fmt::format("{} columns", columns.size());
  if (tensor.type.type == DataType::kFloat32) {
    return feeds(make_stored_samples(table_->numbers(columns), table_->rows()), table_->path(), what);
  }
  check_type(tensor, "columns for an input that is not float32", DataType::kInt64);
  return feeds(make_stored_samples(table_->integers(columns, index_bound(graph_, input.tensor)), table_->rows()),
               table_->path(), what);
}

FeedPair SampleInputs::open_columns(const GraphInput& input, std::string_view list) {
  return open_csv(input, table(graph_.tensor(input.tensor)).find(list));
}

FeedPair SampleInputs::open_images(const GraphInput& input) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const DataSources& sources = options_.sources;
  check_type(tensor, "images", DataType::kFloat32);
  if (!sources.images && sources.csv) {
    static_cast<void>(table(tensor));
    return open_csv(input, features());
  }
  if (!sources.images) {
    fail_at_input(
        graph_, tensor,
        fmt::format("wants images: give a .npy or IDX file, or a folder, with --data images=FILE, a recipe that "
                    "names one (--recipe; see configs/), or other values with --data {}=normal",
                    tensor.name));
  }
  if (is_folder(*sources.images)) {
    const std::optional<ImageShape> shape = image_shape_of(tensor.type);
    if (!shape) {
      fail_at_input(graph_, tensor,
                    fmt::format("pictures are [batch, 1 or 3, height, width] or square ones in a row, but "
                                "it is {}",
                                to_string(tensor.type)));
    }
    const Normalisation normalisation{sources.image_mean, sources.image_std};
    for (const std::size_t count : {sources.image_mean.size(), sources.image_std.size()}) {
      if (count <= 1 || count == shape->channels) continue;
      fail_at_input(graph_, tensor,
                    fmt::format("has {} channels, but {} means or deviations are given", shape->channels, count));
    }
    return feeds(make_image_samples(folder(*sources.images), *shape, normalisation), *sources.images, "images");
  }
  if (!sources.image_mean.empty() || !sources.image_std.empty()) {
    throw InputError(*sources.images, Issue{"", "is no folder of pictures, for which image-mean and image-std are"});
  }
  ArrayFile array = open_array(*sources.images);
  check_sample_shape(tensor, array);
  const double scale = array.element == ArrayElement::kUint8 ? 1.0 / 255.0 : 1.0;
  return feeds(make_array_samples<float>(std::move(array), scale), *sources.images, "images");
}

FeedPair SampleInputs::open_labels(const GraphInput& input) {
  const Tensor& tensor = graph_.tensor(input.tensor);
  const DataSources& sources = options_.sources;
  check_type(tensor, "labels", DataType::kInt64);
  const std::optional<std::int64_t> bound = index_bound(graph_, input.tensor);
  if (!sources.labels && sources.images && is_folder(*sources.images)) {
    const ImageFolder& images = folder(*sources.images);
    if (bound && static_cast<std::int64_t>(images.classes.size()) > *bound) {
      throw InputError(images.path, Issue{"", fmt::format("has {} subfolders, one for each class, but the model has {} "
                                                          "classes",
                                                          images.classes.size(), *bound)});
    }
    const auto count = static_cast<std::int64_t>(images.labels.size());
    return feeds(make_stored_samples(images.labels, count), images.path,
                 fmt::format("{} classes", images.classes.size()));
  }
  if (!sources.labels && sources.csv) {
    const CsvTable& csv = table(tensor);
    return feeds(make_stored_samples(csv.classes(csv.label(), bound), csv.rows()), csv.path(), "labels");
  }
  if (!sources.labels) {
    fail_at_input(graph_, tensor,
                  "wants labels: give a .npy or IDX file with --data labels=FILE, a table with --data csv=FILE, or a "
                  "recipe that names one (--recipe; see configs/)");
  }
  ArrayFile array = open_array(*sources.labels);
  check_sample_shape(tensor, array);
  check_labels(input, array);
  return feeds(make_array_samples<std::int64_t>(std::move(array), 1.0), *sources.labels, "labels");
}

}  // namespace mp::runtime

// Inputs of samples that stand beside each other in files: pictures, columns of tables, arrays, and their classes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "runtime/data/array_file.hpp"
#include "runtime/data/csv_table.hpp"
#include "runtime/data/image_folder.hpp"
#include "runtime/data/input_opening.hpp"
#include "runtime/data/samples.hpp"

namespace mp::runtime {

class SampleInputs {
 public:
  SampleInputs(const Graph& graph, const DataOptions& options, TrainingData& data)
      : graph_(graph), options_(options), data_(data) {}

  // All throw InputError.
  [[nodiscard]] FeedPair open_images(const GraphInput& input);
  [[nodiscard]] FeedPair open_labels(const GraphInput& input);
  // "price,4,7-9": columns of the CSV file.
  [[nodiscard]] FeedPair open_columns(const GraphInput& input, std::string_view list);

 private:
  [[nodiscard]] FeedPair open_csv(const GraphInput& input, const std::vector<std::size_t>& columns);
  [[nodiscard]] std::vector<std::size_t> features() const;
  void check_type(const Tensor& tensor, std::string_view what, DataType type) const;
  void check_sample_shape(const Tensor& tensor, const ArrayFile& array) const;
  void check_labels(const GraphInput& input, const ArrayFile& array) const;
  // What is described as "images: FILE (n samples)".
  template <class T>
  [[nodiscard]] FeedPair feeds(std::unique_ptr<Samples<T>> samples, const std::string& path, std::string_view what);
  const CsvTable& table(const Tensor& tensor);
  const ImageFolder& folder(const std::string& path);

  const Graph& graph_;
  const DataOptions& options_;
  TrainingData& data_;
  std::optional<CsvTable> table_;
  std::optional<ImageFolder> folder_;
  std::int64_t samples_ = -1;  // of all inputs alike
  std::string path_;
};

}  // namespace mp::runtime

#include "lib/files/data_fields.hpp"

#include <optional>
#include <vector>

#include "lib/files/paths.hpp"

namespace mp {
namespace {

std::optional<std::string> read_path(JsonValue value) {
  if (!value.present()) return std::nullopt;
  return value.nonempty_string();
}

// One path, or several.
std::vector<std::string> read_paths(JsonValue value) {
  std::vector<std::string> paths;
  if (value.kind() == JsonKind::kString) {
    paths.push_back(value.nonempty_string());
  } else {
    for (const JsonValue item : value.items()) paths.push_back(item.nonempty_string());
  }
  return paths;
}

}  // namespace

// A path, or an object that says more.
CsvSource read_csv(JsonValue value) {
  if (value.kind() == JsonKind::kString) return {.path = value.nonempty_string()};
  const JsonObject fields = value.object({"path", "header", "label", "separator"});
  CsvSource csv{.path = fields.require("path").nonempty_string()};
  if (fields["header"].present()) csv.has_header = fields["header"].boolean();
  if (fields["label"].present()) csv.label = fields["label"].nonempty_string();
  if (fields["separator"].present()) {
    const std::string separator = fields["separator"].nonempty_string();
    if (separator.size() != 1) fields["separator"].issue("must be one character");
    csv.separator = separator.empty() ? ',' : separator.front();
  }
  return csv;
}

std::vector<double> read_numbers(JsonValue value, bool are_positive) {
  std::vector<double> numbers;
  if (value.is_number()) {
    numbers.push_back(are_positive ? value.positive_number() : value.number());
  } else {
    for (const JsonValue item : value.items()) numbers.push_back(are_positive ? item.positive_number() : item.number());
  }
  return numbers;
}

DataSources read_data_sources(JsonValue value) {
  const JsonObject fields = value.object({"text", "vocabulary", "token_files", "token_type", "images", "labels",
                                          "image_mean", "image_std", "csv", "fill"});
  DataSources data;
  data.text = read_paths(fields["text"]);
  data.token_files = read_paths(fields["token_files"]);
  if (!data.text.empty() && !data.token_files.empty())
    fields["token_files"].issue("is instead of text: give one of them");
  if (fields["token_type"].present()) data.token_type = fields["token_type"].enumerator("token type", kTokenTypes);
  data.images = read_path(fields["images"]);
  data.labels = read_path(fields["labels"]);
  data.vocabulary = read_path(fields["vocabulary"]);
  if (fields["image_mean"].present()) data.image_mean = read_numbers(fields["image_mean"], false);
  if (fields["image_std"].present()) data.image_std = read_numbers(fields["image_std"], true);
  if (fields["csv"].present()) data.csv = read_csv(fields["csv"]);
  for (const auto& [input, source] : fields["fill"].members()) {
    data.fill.emplace(input, source.nonempty_string());
  }
  return data;
}

void find_from(const std::string& file, DataSources& data) {
  for (std::string& path : data.text) path = path_from_file(file, path);
  for (std::string& path : data.token_files) path = path_from_file(file, path);
  if (data.images) data.images = path_from_file(file, *data.images);
  if (data.labels) data.labels = path_from_file(file, *data.labels);
  if (data.vocabulary) data.vocabulary = path_from_file(file, *data.vocabulary);
  if (data.csv) data.csv->path = path_from_file(file, data.csv->path);
}

}  // namespace mp

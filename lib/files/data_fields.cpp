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

DataSources read_data_sources(JsonValue value) {
  const JsonObject fields = value.object({"text", "token_files", "token_type", "images", "labels", "fill"});
  DataSources data;
  data.text = read_paths(fields["text"]);
  data.token_files = read_paths(fields["token_files"]);
  if (!data.text.empty() && !data.token_files.empty()) fields["token_files"].issue("is instead of text: give one of them");
  if (fields["token_type"].present()) data.token_type = fields["token_type"].enumerator("token type", kTokenTypes);
  data.images = read_path(fields["images"]);
  data.labels = read_path(fields["labels"]);
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
}

}  // namespace mp

// Files of other systems as models (and the devices they name): one entry and one file per format.
//
// A new format is a file beside this one with a function like import_metis(), a line in formats.cpp, and its
// description in docs/import-formats.md.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"

namespace mp::partition {

struct ImportedModel {
  Model model;
  std::optional<Cluster> cluster;  // where the format names devices
  // Writes the values of the model's parameters to a file, as safetensors; empty where the format holds none. What was
  // imported must still be there: `bytes` and the files that it names.
  std::function<void(const std::string& path)> write_values{};
};

struct ImportFormat {
  std::string_view name;         // as --format spells it
  std::string_view description;  // one line, for --help
  // Whether a file of these bytes looks like this format. `path` may help where the bytes say little.
  bool (*recognises)(std::string_view bytes, std::string_view path);
  // Throws InputError (source: `path`) with everything wrong with the file.
  ImportedModel (*import)(std::string_view bytes, const std::string& path);
};

// In the order in which files are tried; at most one should recognise a file.
[[nodiscard]] std::span<const ImportFormat> import_formats();

// By name; by the look of the file. Null where there is none.
[[nodiscard]] const ImportFormat* find_import_format(std::string_view name);
[[nodiscard]] const ImportFormat* recognise_import_format(std::string_view bytes, std::string_view path);

// "models/gnmt.json" → "gnmt": what a model without a name of its own is called.
[[nodiscard]] std::string model_name_of(std::string_view path);

}  // namespace mp::partition

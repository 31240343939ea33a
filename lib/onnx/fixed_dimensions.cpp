#include "lib/onnx/fixed_dimensions.hpp"

#include <set>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"

namespace mp::onnx {
namespace {

// By the names that the file has: its first dimension is called "batch" where no other is.
Bindings as_in_file(const Bindings& fixed, const std::set<std::string, std::less<>>& names, const File& file,
                    const std::string& path) {
  Bindings result;
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (const auto& [name, extent] : fixed) {
    if (names.contains(name)) {
      result[name] = extent;
    } else if (name == kBatchDimension && !file.inputs.front().shape.empty()) {
      result[file.inputs.front().shape.front().name] = extent;
    } else {
      throw InputError(path, Issue{"", fmt::format("no input has a dimension {} to bind{}", quoted(name),
                                                   did_you_mean(name, known))});
    }
  }
  return result;
}

}  // namespace

std::string name_of_open(const Value& input, std::size_t dimension) {
  return dimension == 0 ? std::string(kBatchDimension) : fmt::format("{}.{}", input.name, dimension);
}

void fix_dimensions(File& file, const Bindings& fixed, const std::string& path) {
  if (fixed.empty() || file.inputs.empty()) return;
  std::set<std::string, std::less<>> names;
  for (Value& input : file.inputs) {
    for (std::size_t d = 0; d < input.shape.size(); ++d) {
      Dimension& dimension = input.shape[d];
      if (dimension.extent == 0 && dimension.name.empty()) dimension.name = name_of_open(input, d);
      if (!dimension.name.empty()) names.insert(dimension.name);
    }
  }
  const Bindings extents = as_in_file(fixed, names, file, path);
  for (auto* list : {&file.inputs, &file.outputs}) {
    for (Value& value : *list) {
      for (Dimension& dimension : value.shape) {
        const auto found = extents.find(dimension.name);
        if (!dimension.name.empty() && found != extents.end()) dimension = {found->second, ""};
      }
    }
  }
  file.values.clear();
}

}  // namespace mp::onnx

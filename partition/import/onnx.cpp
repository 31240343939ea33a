#include "partition/import/onnx.hpp"

#include <charconv>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/graph/builder.hpp"
#include "lib/onnx/to_model.hpp"

namespace mp::partition {
namespace {

// "/nodes/3/inputs/0" → "node 'conv1' (Conv), inputs/0": pointers into a file that nobody has seen help nobody.
std::string place_in_file(const std::string& place, const Model& model) {
  constexpr std::string_view kNodes = "/nodes/";
  if (!place.starts_with(kNodes)) return place;
  std::size_t position = 0;
  const char* end_of_place = place.data() + place.size();
  const auto [end, error] = std::from_chars(place.data() + kNodes.size(), end_of_place, position);
  if (error != std::errc() || position >= model.nodes.size()) return place;
  const std::string_view rest(end, static_cast<std::size_t>(end_of_place - end));
  const ModelNode& node = model.nodes[position];
  return fmt::format("node {} ({}){}{}", quoted(node.name), node.op, rest.empty() ? "" : ", ",
                     rest.empty() ? rest : rest.substr(1));
}

void check_shapes(const Model& model, const std::string& path) {
  try {
    static_cast<void>(bind_model(model, {}, path));
  } catch (const InputError& error) {
    std::vector<Issue> issues = error.issues();
    for (Issue& issue : issues) issue.place = place_in_file(issue.place, model);
    throw InputError(path, std::move(issues));
  }
}

}  // namespace

bool looks_like_onnx(std::string_view bytes, std::string_view path) {
  return path.ends_with(".onnx") || onnx::looks_like_onnx(bytes);
}

ImportedModel import_onnx(std::string_view bytes, const std::string& path) {
  return import_onnx_fixed(bytes, path, {});
}

ImportedModel import_onnx_fixed(std::string_view bytes, const std::string& path, const Bindings& fixed) {
  auto read = std::make_shared<onnx::Imported>(onnx::import(bytes, path, fixed));
  check_shapes(read->model, path);
  ImportedModel imported;
  imported.model = read->model;
  if (!read->values.empty())
    imported.write_values = [read, path](const std::string& output) { onnx::write_values(*read, path, output); };
  return imported;
}

}  // namespace mp::partition

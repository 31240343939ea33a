#include "lib/onnx/to_model.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "lib/base/text.hpp"
#include "lib/files/safetensors.hpp"
#include "lib/graph/issue_list.hpp"
#include "lib/onnx/constants.hpp"
#include "lib/onnx/fixed_dimensions.hpp"
#include "lib/onnx/node_conversion.hpp"
#include "lib/onnx/tensor_values.hpp"

namespace mp::onnx {
namespace {

constexpr std::int64_t kDefaultBatch = 1;
constexpr std::int64_t kDefaultExtent = 16;  // of other named dimensions: only shapes are checked with it
constexpr std::int64_t kPiece = 1 << 16;     // elements converted at a time

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

std::string name_of_model(const File& file, const std::string& path) {
  const bool is_generic = file.name.empty() || file.name == "main_graph" || file.name == "torch_jit" ||
                          file.name == "graph" || file.name == "main";
  if (!is_generic) return file.name;
  std::string name = path.substr(path.find_last_of('/') + 1);
  name = name.substr(0, name.find_last_of('.'));
  return name.empty() ? "model" : name;
}

std::string place_of(const Node& node, std::size_t position) {
  return node.name.empty() ? fmt::format("node {} ({})", position, node.op)
                           : fmt::format("node {} ({})", quoted(node.name), node.op);
}

// Builds the model from the outputs back: what nothing needs is left out.
class ModelMaker {
 public:
  ModelMaker(const File& file, const std::string& path)
      : file_(file), path_(path), folder_(folder_of(path)), constants_(file, folder_, path) {}

  Imported make() {
    refuse_foreign_parts();
    std::vector<bool> is_constant;
    for (const Node& node : file_.nodes) is_constant.push_back(constants_.evaluate(node));
    for (const Value& output : file_.outputs) needed_.insert(output.name);
    for (std::size_t i = file_.nodes.size(); i-- > 0;) take(file_.nodes[i], i, is_constant[i]);
    std::reverse(imported_.model.nodes.begin(), imported_.model.nodes.end());
    name_nodes();
    add_parameters();
    add_inputs();
    find_loss();
    describe();
    std::move(issues_).throw_if_any(path_);
    return std::move(imported_);
  }

 private:
  bool needs(std::string_view tensor) const { return needed_.find(tensor) != needed_.end(); }

  void refuse_foreign_parts() {
    if (file_.has_sparse_initializers)
      issues_.add(
          "", [] { return std::string("sparse initializers are not known here; export the model with dense ones"); });
    for (const std::string& function : file_.functions) {
      issues_.add("function " + quoted(function), [] {
        return std::string(
            "functions of a model's own are not known here: inline them (onnx.inliner.inline_local_functions)");
      });
    }
  }

  void take(const Node& node, std::size_t position, bool is_constant) {
    const bool is_needed =
        std::any_of(node.outputs.begin(), node.outputs.end(), [&](const std::string& output) { return needs(output); });
    if (!is_needed || (is_constant && take_constant(node, position))) return;
    Conversion conversion = convert(node, constants_, file_.opset, [&](std::string_view t) { return needs(t); });
    for (std::string& problem : conversion.problems)
      issues_.add(place_of(node, position), [&] { return std::move(problem); });
    for (std::size_t n = conversion.nodes.size(); n-- > 0;) {
      ModelNode& made = conversion.nodes[n];
      for (const std::string& input : made.inputs)
        if (!input.empty()) needed_.insert(input);
      if (made.op == "BatchNormalization" && made.inputs.size() == 5)
        states_.insert(made.inputs.begin() + 3, made.inputs.end());
      imported_.model.nodes.push_back(std::move(made));
    }
  }

  // A value computed from constants alone that is data of a real node: a parameter that is never trained. False: it
  // depends on named dimensions, so the nodes that compute it stay.
  bool take_constant(const Node& node, std::size_t position) {
    const std::string& name = node.outputs[0];
    if (const Tensor* tensor = constants_.tensor(name)) {
      made_.push_back(*tensor);
      return true;
    }
    const IntegerConstant& constant = *constants_.integers(name);
    Tensor tensor;
    tensor.name = name;
    tensor.type = ElementType::kInt64;
    tensor.dims = constant.shape;
    for (const Dimension& value : constant.values) {
      if (!value.name.empty()) {
        issues_.add(place_of(node, position), [&] {
          return fmt::format(
              "its result depends on the dimension {} and is read as data; fix it: mpplan import --bind {}=N",
              quoted(value.name), value.name);
        });
      }
      tensor.integers.push_back(value.extent);
    }
    made_.push_back(std::move(tensor));
    return true;
  }

  void name_nodes() {
    std::set<std::string, std::less<>> names;
    std::map<std::string, std::int64_t, std::less<>> counts;
    for (ModelNode& node : imported_.model.nodes) {
      const std::string wanted = !node.name.empty() ? node.name : node.outputs.front();
      node.name = wanted;
      while (!names.insert(node.name).second) node.name = fmt::format("{}.{}", wanted, ++counts[wanted] + 1);
    }
  }

  void add_parameters() {
    for (const Tensor& tensor : file_.initializers)
      if (needs(tensor.name)) add_parameter(tensor, true);
    for (std::size_t i = made_.size(); i-- > 0;) add_parameter(made_[i], false);
  }

  void add_parameter(const Tensor& tensor, bool may_be_trained) {
    if (!parameters_.insert(tensor.name).second) return;
    try {
      const Values values(tensor, folder_, path_);
      ModelParameter parameter{
          .name = tensor.name, .type = values.type(), .shape = {}, .initializer = statistics_of(values)};
      for (const std::int64_t extent : tensor.dims) parameter.shape.push_back({extent, ""});
      parameter.trainable = may_be_trained && parameter.type == DataType::kFloat32 && !tensor.dims.empty() &&
                            states_.find(tensor.name) == states_.end();
      parameter.weight_decay = tensor.dims.size() > 1;
      converted_.insert(tensor.type);
      imported_.model.parameters.push_back(std::move(parameter));
      imported_.values.push_back(tensor);
    } catch (const InputError& error) {
      issues_.add_all("", error.issues());
    }
  }

  void add_inputs() {
    for (const Value& value : file_.inputs) {
      if (parameters_.contains(value.name) || constants_.tensor(value.name) != nullptr || !needs(value.name)) continue;
      const std::optional<DataType> type = type_of(value.type);
      if (!value.is_tensor || !type || !value.has_shape) {
        issues_.add("input " + quoted(value.name), [&] {
          return value.is_tensor && type
                     ? std::string("has no shape; export the model with one (names may stand for extents)")
                     : fmt::format("is no tensor of a type known here ({})", name_of(value.type));
        });
        continue;
      }
      converted_.insert(value.type);
      ModelInput input{.name = value.name, .type = *type, .shape = value.shape, .data = {}};
      for (std::size_t d = 0; d < input.shape.size(); ++d) {
        Dimension& dimension = input.shape[d];
        if (!dimension.name.empty()) dimension.extent = 0;
        if (dimension.extent == 0 && dimension.name.empty()) dimension.name = name_of_open(value, d);
      }
      imported_.model.inputs.push_back(std::move(input));
    }
    name_batch();
  }

  // The dimension that microbatches divide is "batch" here: the first input's first, where that has a name.
  void name_batch() {
    std::string batch;
    bool is_there = false;
    for (const ModelInput& input : imported_.model.inputs) {
      for (const Dimension& dimension : input.shape) is_there = is_there || dimension.name == kBatchDimension;
      if (batch.empty() && !input.shape.empty()) batch = input.shape.front().name;
    }
    for (ModelInput& input : imported_.model.inputs) {
      for (Dimension& dimension : input.shape) {
        if (!is_there && !batch.empty() && dimension.name == batch) dimension.name = kBatchDimension;
        if (dimension.name.empty()) continue;
        imported_.model.dimensions.emplace(dimension.name,
                                           dimension.name == kBatchDimension ? kDefaultBatch : kDefaultExtent);
      }
    }
  }

  void find_loss() {
    constexpr std::array<std::string_view, 1> kLosses = {"SoftmaxCrossEntropyLoss"};
    for (const ModelNode& node : imported_.model.nodes) {
      const bool is_loss = std::find(kLosses.begin(), kLosses.end(), node.op) != kLosses.end();
      const bool is_output = std::any_of(file_.outputs.begin(), file_.outputs.end(),
                                         [&](const Value& v) { return v.name == node.outputs.front(); });
      if (!is_loss || !is_output) continue;
      imported_.model.loss = node.outputs.front();
      const bool is_sum = node.attributes.get_string("reduction", "mean") == "sum";
      imported_.model.loss_reduction = is_sum ? LossReduction::kSum : LossReduction::kMean;
    }
  }

  void describe() {
    Model& model = imported_.model;
    model.name = name_of_model(file_, path_);
    model.description =
        fmt::format("From ONNX (opset {}{}{}).", file_.opset, file_.producer.empty() ? "" : ", ", file_.producer);
    for (const ElementType type : converted_) {
      const std::optional<DataType> own = type_of(type);
      if (own && mp::name_of(*own) != name_of(type) && type != ElementType::kFloat)
        model.description += fmt::format(" {} became {}.", name_of(type), mp::name_of(*own));
    }
    if (model.nodes.empty()) issues_.add("", [] { return std::string("no node is left that an output needs"); });
  }

  const File& file_;
  const std::string& path_;
  const std::string folder_;
  Constants constants_;
  Imported imported_;
  IssueList issues_;
  std::vector<Tensor> made_;                   // constants that are data, last first
  std::set<std::string, std::less<>> needed_;  // tensors
  std::set<std::string, std::less<>> states_;  // running statistics
  std::set<std::string, std::less<>> parameters_;
  std::set<ElementType> converted_;
};

}  // namespace

Imported import(std::string_view bytes, const std::string& path, const Bindings& fixed) {
  File file = read_file(bytes, path);
  fix_dimensions(file, fixed, path);
  return ModelMaker(file, path).make();
}

void write_values(const Imported& imported, const std::string& onnx_path, const std::string& path) {
  std::vector<TensorToStore> tensors;
  for (std::size_t i = 0; i < imported.values.size(); ++i) {
    const ModelParameter& parameter = imported.model.parameters[i];
    tensors.push_back({parameter.name, {parameter.type, imported.values[i].dims}});
  }
  SafetensorsWriter writer(path, tensors, {{"model", imported.model.name}});
  for (const Tensor& tensor : imported.values) {
    const Values values(tensor, folder_of(onnx_path), onnx_path);
    for (std::int64_t first = 0; first < values.count(); first += kPiece) {
      const std::string piece = values.bytes(first, std::min(kPiece, values.count() - first));
      writer.write(std::as_bytes(std::span(piece)));
    }
  }
  writer.commit();
}

}  // namespace mp::onnx

#include "runtime/cpu/layout.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <string_view>
#include <vector>

#include "lib/operators/operator.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::array kConvolutions = std::to_array<std::string_view>({"Conv", "ConvTranspose", "ConvWeightGrad"});
// Every element by itself, or by its channel: operands of the shape of the whole all in one layout.
constexpr std::array kAlike = std::to_array<std::string_view>({
    "Abs",
    "AbsGrad",
    "Add",
    "BatchNormalization",
    "BatchNormalizationInputGrad",
    "BatchNormalizationWeightGrad",
    "Elu",
    "EluGrad",
    "Erf",
    "ErfGrad",
    "Exp",
    "Gelu",
    "GeluGrad",
    "LeakyRelu",
    "LeakyReluGrad",
    "MaxPool",
    "MaxPoolGrad",
    "Mul",
    "Neg",
    "Relu",
    "ReluGrad",
    "Sigmoid",
    "SigmoidGrad",
    "Sub",
    "Swish",
    "SwishGrad",
    "Tanh",
    "TanhGrad",
});

template <std::size_t N>
bool is_among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Groups of tensors that have one layout (union–find), and what speaks for and against blocks.
class Groups {
 public:
  explicit Groups(const Graph& graph)
      : graph_(graph),
        parents_(graph.tensors().size()),
        is_plain_(graph.tensors().size(), false),
        is_convolved_(graph.tensors().size(), false) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }

  void visit(const Node& node) {
    if (is_among(kConvolutions, node.op_name)) {
      const std::size_t images = node.op_name == "ConvWeightGrad" ? 2 : 1;
      for (std::size_t i = 0; i < node.inputs.size(); ++i)
        i < images ? convolve(node.inputs[i]) : keep_plain(node.inputs[i]);
      for (const TensorId output : node.outputs) images == 1 ? convolve(output) : keep_plain(output);
    } else if (node.op_name == "GlobalAveragePool") {
      keep_plain(node.outputs[0]);
    } else if ((node.op_name == "ReduceSum" || node.op_name == "ReduceMean") && sums_channels(node)) {
      keep_plain(node.outputs[0]);
    } else if (node.op_name == "GlobalAveragePoolGrad") {
      keep_plain(node.inputs[0]);
    } else if (is_among(kAlike, node.op_name)) {
      join_images(node);
    } else if ((node.op_name == "Concat" || node.op_name == "Split") && joins_channels(node)) {
      join_all(node);
    } else {
      for (const TensorId tensor : node.inputs) keep_plain(tensor);
      for (const TensorId tensor : node.outputs) keep_plain(tensor);
    }
  }

  std::vector<bool> blocked() {
    std::vector<bool> result(parents_.size());
    for (std::size_t t = 0; t < result.size(); ++t) {
      if (!can_be_blocked(TensorId{static_cast<std::int32_t>(t)})) is_plain_[root(t)] = true;
    }
    for (std::size_t t = 0; t < result.size(); ++t) result[t] = is_convolved_[root(t)] && !is_plain_[root(t)];
    return result;
  }

 private:
  [[nodiscard]] bool can_be_blocked(TensorId id) const {
    const Tensor& tensor = graph_.tensor(id);
    const Shape& shape = tensor.type.shape;
    return tensor.kind == TensorKind::kActivation && id != graph_.loss() && !graph_.consumers(id).empty() &&
           tensor.type.type == DataType::kFloat32 && shape.size() == 4 && shape[1] > 0 &&
           shape[1] % kChannelBlock == 0 && shape[2] * shape[3] > 1;
  }

  // A sum over all but the channels: the gradient of a bias.
  static bool sums_channels(const Node& node) {
    return node.inputs.size() == 1 && node.attributes.get_ints("axes", {}) == std::vector<std::int64_t>{0, 2, 3};
  }

  static bool joins_channels(const Node& node) {
    const std::int64_t axis = node.attributes.get_int("axis", 0);
    return axis == 1 || axis == -3;
  }

  // Operands of four axes; smaller ones (of a channel, a scalar) are plain, and mean the same beside blocks only where
  // they are normalisations' or have one element.
  void join_images(const Node& node) {
    const bool is_normalization = node.op_name.starts_with("BatchNormalization");
    TensorId first = kNone<TensorId>;
    bool is_plain = false;
    for (const auto* operands : {&node.inputs, &node.outputs}) {
      for (const TensorId id : *operands) {
        if (id == kNone<TensorId>) continue;
        const Shape& shape = graph_.tensor(id).type.shape;
        if (shape.size() != 4) {
          is_plain = is_plain || (!is_normalization && elements(shape) != 1);
        } else if (first == kNone<TensorId>) {
          first = id;
        } else {
          const bool is_pool = node.op_name.starts_with("MaxPool");
          is_plain = is_plain || (!is_pool && shape != graph_.tensor(first).type.shape);
          join(first, id);
        }
      }
    }
    if (is_plain && first != kNone<TensorId>) keep_plain(first);
  }

  void join_all(const Node& node) {
    TensorId first = node.inputs[0];
    for (const TensorId id : node.inputs) join(first, id);
    for (const TensorId id : node.outputs) join(first, id);
  }

  void join(TensorId a, TensorId b) {
    if (a == kNone<TensorId> || b == kNone<TensorId>) return;
    const std::size_t to = root(index(a));
    const std::size_t from = root(index(b));
    if (to == from) return;
    parents_[from] = to;
    is_plain_[to] = is_plain_[to] || is_plain_[from];
    is_convolved_[to] = is_convolved_[to] || is_convolved_[from];
  }
  void convolve(TensorId id) {
    if (id != kNone<TensorId>) is_convolved_[root(index(id))] = true;
  }
  void keep_plain(TensorId id) {
    if (id != kNone<TensorId>) is_plain_[root(index(id))] = true;
  }
  std::size_t root(std::size_t t) {
    while (parents_[t] != t) t = parents_[t] = parents_[parents_[t]];
    return t;
  }

  const Graph& graph_;
  std::vector<std::size_t> parents_;
  std::vector<bool> is_plain_;      // of roots
  std::vector<bool> is_convolved_;  // of roots
};

}  // namespace

Layouts::Layouts(const Graph& graph) {
  Groups groups(graph);
  for (const Node& node : graph.nodes()) groups.visit(node);
  is_blocked_ = groups.blocked();
}

}  // namespace mp::runtime::cpu

#include "lib/training/decoding.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

constexpr int kNowhere = -1;  // no axis of the tensor is the sequence: the same at every position

constexpr std::array<std::string_view, 20> kElementwise{"Abs",  "Add",      "Cast",      "Div",   "Elu", "Erf", "Exp",
                                                        "Gelu", "Identity", "LeakyRelu", "Log",   "Mul", "Neg", "Pow",
                                                        "Relu", "Sigmoid",  "Sqrt",      "Swish", "Sub", "Tanh"};

struct Undecodable {
  std::string why;
};

class Decoder {
 public:
  Decoder(const Graph& whole, TensorId tokens)
      : whole_(whole),
        context_(whole.tensor(tokens).type.shape.back()),
        builder_(whole.name()),
        copy_(whole.tensors().size(), kNone<TensorId>),
        axis_(whole.tensors().size(), kNowhere) {
    const auto input = [&](std::string_view name, DataType type, Shape shape) {
      return builder_.add_input(builder_.fresh_name(name), {type, std::move(shape)}, "");
    };
    result_.token = input("decode.token", DataType::kInt64, {1, 1});
    result_.position = input("decode.position", DataType::kInt64, {1});
    result_.is_here = input("decode.is_here", DataType::kBool, {1, context_, 1});
    result_.is_visible = input("decode.is_visible", DataType::kBool, {1, context_});
    copy_[tokens] = result_.token;
    axis_[tokens] = 1;
    need(static_cast<std::int64_t>(whole.tensor(tokens).type.shape.size()) == 2 && context_ > 1 &&
             whole.tensor(tokens).type.shape[0] == 1,
         fmt::format("its tokens {} are no sequence by itself", to_string(whole.tensor(tokens).type.shape)));
  }

  DecodingGraph run(TensorId scores) && {
    const std::vector<bool> is_needed = ancestors(scores);
    for (const NodeId id : ids<NodeId>(whole_.nodes().size())) {
      if (!is_needed[index(id)]) continue;
      node_ = id;
      take(whole_.node(id));
      result_.origin.resize(builder_.peek().nodes().size(), id);
    }
    need(axis_[scores] != kNowhere, "its scores do not depend on the tokens");
    result_.scores = copy_[scores];
    result_.graph = std::move(builder_).build();
    return std::move(result_);
  }

 private:
  void need(bool is_so, const std::string& why) const {
    if (!is_so) throw Undecodable{why};
  }
  [[noreturn]] void refuse(std::string_view why) const {
    const Node& node = whole_.node(node_);
    throw Undecodable{fmt::format("node '{}' ({}): {}", node.name, node.op_name, why)};
  }

  std::vector<bool> ancestors(TensorId scores) const {
    std::vector<bool> is_needed(whole_.nodes().size(), false);
    std::vector<TensorId> open{scores};
    while (!open.empty()) {
      const NodeId producer = whole_.tensor(open.back()).producer;
      open.pop_back();
      if (producer == kNone<NodeId> || is_needed[index(producer)]) continue;
      is_needed[index(producer)] = true;
      for (const TensorId input : whole_.node(producer).inputs) {
        if (input != kNone<TensorId>) open.push_back(input);
      }
    }
    return is_needed;
  }

  [[nodiscard]] const Shape& shape(TensorId tensor) const { return whole_.tensor(tensor).type.shape; }
  [[nodiscard]] std::size_t rank(TensorId tensor) const { return shape(tensor).size(); }
  [[nodiscard]] bool is_sequence(TensorId tensor) const {
    return tensor != kNone<TensorId> && axis_[tensor] != kNowhere;
  }

  TensorId copy(TensorId tensor) {
    if (tensor == kNone<TensorId> || copy_[tensor] != kNone<TensorId>)
      return tensor == kNone<TensorId> ? tensor : copy_[tensor];
    const Tensor& original = whole_.tensor(tensor);
    if (original.kind != TensorKind::kParameter)
      refuse(fmt::format("reads '{}', which is no part of the text", original.name));
    const GraphParameter& parameter = whole_.parameters()[static_cast<std::size_t>(original.source)];
    return copy_[tensor] = builder_.add_parameter(original.name, original.type, parameter.initializer,
                                                  parameter.trainable, parameter.weight_decay);
  }

  // Of what is the same for every text: its row of this position, where `axis` runs over the positions.
  TensorId at_position(TensorId tensor, std::ptrdiff_t axis) {
    const TensorId all = copy(tensor);
    if (axis < 0 || shape(tensor)[static_cast<std::size_t>(axis)] != context_) return all;
    return builder_.add("Gather", builder_.fresh_name(whole_.tensor(tensor).name + ".row"), {all, result_.position},
                        {{"axis", static_cast<std::int64_t>(axis)}});
  }

  // The node over one position; its first output has the sequence along `axis`.
  void put(const Node& node, std::vector<TensorId> inputs, int axis) {
    put(node, std::move(inputs), axis, node.attributes);
  }
  void put(const Node& node, std::vector<TensorId> inputs, int axis, Attributes attributes) {
    for (std::size_t o = 1; o < node.outputs.size(); ++o) {
      if (node.outputs[o] != kNone<TensorId>) refuse("has more than one output");
    }
    copy_[node.outputs[0]] =
        builder_.add(node.op_name, builder_.fresh_name(node.name), std::move(inputs), std::move(attributes));
    axis_[node.outputs[0]] = axis;
  }

  void take(const Node& node) {
    const std::string_view op = node.op_name;
    if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](TensorId t) { return is_sequence(t); })) {
      std::vector<TensorId> inputs;
      for (const TensorId input : node.inputs) inputs.push_back(copy(input));
      return put(node, std::move(inputs), kNowhere);
    }
    if (op == "Where" || std::find(kElementwise.begin(), kElementwise.end(), op) != kElementwise.end()) {
      return elementwise(node);
    }
    if (op == "LayerNormalization" || op == "RMSNormalization" || op == "Softmax" || op == "LogSoftmax") {
      return along_last_axes(node);
    }
    if (op == "Gather") return gather(node);
    if (op == "Gemm" || op == "MatMul") return product(node);
    if (op == "Reshape" || op == "Squeeze" || op == "Unsqueeze" || op == "Flatten") return view(node);
    if (op == "Transpose") return transpose(node);
    if (op == "RotaryEmbedding") return rotate(node);
    if (op == "Attention") return attend(node);
    refuse("is not known to look at one position alone");
  }

  void elementwise(const Node& node) {
    const std::size_t out_rank = rank(node.outputs[0]);
    const auto behind = [&](TensorId t) { return static_cast<std::ptrdiff_t>(out_rank - rank(t)); };
    std::ptrdiff_t axis = kNowhere;
    for (const TensorId input : node.inputs) {
      if (!is_sequence(input)) continue;
      const std::ptrdiff_t own = axis_[input] + behind(input);
      if (axis != kNowhere && own != axis) refuse("puts positions of one operand beside other ones of another");
      axis = own;
    }
    std::vector<TensorId> inputs;
    for (const TensorId input : node.inputs) {
      inputs.push_back(is_sequence(input) || input == kNone<TensorId> ? copy(input)
                                                                      : at_position(input, axis - behind(input)));
    }
    put(node, std::move(inputs), static_cast<int>(axis));
  }

  void along_last_axes(const Node& node) {
    const TensorId x = node.inputs[0];
    std::int64_t first = node.attributes.get_int("axis", -1);
    if (first < 0) first += static_cast<std::int64_t>(rank(x));
    const bool is_softmax = node.op_name == "Softmax" || node.op_name == "LogSoftmax";
    const bool is_apart = is_softmax ? first != axis_[x] : first > axis_[x];
    if (!is_sequence(x) || !is_apart) refuse("takes several positions together");
    std::vector<TensorId> inputs;
    for (const TensorId input : node.inputs) {
      if (input != x && is_sequence(input)) refuse("has a scale that depends on the text");
      inputs.push_back(copy(input));
    }
    put(node, std::move(inputs), axis_[x]);
  }

  void gather(const Node& node) {
    const TensorId table = node.inputs[0];
    const TensorId indices = node.inputs[1];
    if (is_sequence(table)) refuse("picks out of the sequence");
    std::int64_t axis = node.attributes.get_int("axis", 0);
    if (axis < 0) axis += static_cast<std::int64_t>(rank(table));
    put(node, {copy(table), copy(indices)}, static_cast<int>(axis) + axis_[indices]);
  }

  void product(const Node& node) {
    const TensorId a = node.inputs[0];
    const bool is_gemm = node.op_name == "Gemm";
    const bool is_rows = is_sequence(a) && !is_sequence(node.inputs[1]) && rank(node.inputs[1]) == 2 &&
                         axis_[a] + 1 < static_cast<int>(rank(a)) && node.attributes.get_int("transA", 0) == 0;
    if (!is_rows) refuse("multiplies along the sequence");
    std::vector<TensorId> inputs{copy(a), copy(node.inputs[1])};
    if (is_gemm && node.inputs.size() > 2 && node.inputs[2] != kNone<TensorId>) {
      const TensorId c = node.inputs[2];
      inputs.push_back(is_sequence(c) ? copy(c) : at_position(c, static_cast<std::ptrdiff_t>(rank(c)) - 2));
    }
    put(node, std::move(inputs), axis_[a]);
  }

  // The sequence is the axis of its extent that has as many elements before it as it had.
  void view(const Node& node) {
    const TensorId x = node.inputs[0];
    if (!is_sequence(x)) refuse("takes its shape from the text");
    const auto before = [](const Shape& s, std::size_t axis) {
      std::int64_t product = 1;
      for (std::size_t i = 0; i < axis; ++i) product *= s[i];
      return product;
    };
    const std::int64_t wanted = before(shape(x), static_cast<std::size_t>(axis_[x]));
    Shape out = shape(node.outputs[0]);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] != context_ || before(out, i) != wanted) continue;
      out[i] = 1;
      copy_[node.outputs[0]] = builder_.add("Reshape", builder_.fresh_name(node.name), {copy(x)},
                                            {{"shape", std::vector<std::int64_t>(out.begin(), out.end())}});
      axis_[node.outputs[0]] = static_cast<int>(i);
      return;
    }
    refuse("mixes positions with other axes");
  }

  void transpose(const Node& node) {
    const TensorId x = node.inputs[0];
    std::vector<std::int64_t> order = node.attributes.get_ints("perm", {});
    for (std::size_t i = rank(x); order.empty() && i-- > 0;)
      order.insert(order.begin(), static_cast<std::int64_t>(rank(x) - 1 - i));
    const auto place = std::find(order.begin(), order.end(), std::int64_t{axis_[x]});
    if (place == order.end()) refuse("has an order of axes that cannot be followed");
    put(node, {copy(x)}, static_cast<int>(place - order.begin()));
  }

  void rotate(const Node& node) {
    const TensorId x = node.inputs[0];
    const int axis = rank(x) == 4 ? 2 : 1;
    if (axis_[x] != axis) refuse("turns other axes than the sequence");
    const auto given = [&](std::size_t i) { return i < node.inputs.size() && node.inputs[i] != kNone<TensorId>; };
    if (given(3) && (is_sequence(node.inputs[3]) || is_sequence(node.inputs[1])))
      refuse("takes its angles from the text");
    if (given(3))
      return put(node, {copy(x), copy(node.inputs[1]), copy(node.inputs[2]), at_position(node.inputs[3], 1)}, axis);
    if (given(1)) {
      if (is_sequence(node.inputs[1]) || is_sequence(node.inputs[2])) refuse("takes its angles from the text");
      return put(node, {copy(x), at_position(node.inputs[1], 1), at_position(node.inputs[2], 1)}, axis);
    }
    Attributes attributes;
    for (const auto& [name, value] : node.attributes.values()) {
      if (name != "theta") attributes.set(name, value);
    }
    const std::int64_t heads = node.attributes.get_int("num_heads", 1);
    const std::int64_t size = rank(x) == 4 ? shape(x)[3] : shape(x)[2] / heads;
    const std::int64_t chosen = node.attributes.get_int("rotary_embedding_dim", 0);
    const TensorType table{DataType::kFloat32, {1, 1, (chosen == 0 ? size : chosen) / 2}};
    DecodingGraph::Rotation rotation{.theta = node.attributes.get_float("theta", 10000.0)};
    rotation.cosines = builder_.add_input(builder_.fresh_name(node.name + ".cosines"), table, "");
    rotation.sines = builder_.add_input(builder_.fresh_name(node.name + ".sines"), table, "");
    result_.rotations.push_back(rotation);
    put(node, {copy(x), rotation.cosines, rotation.sines}, axis, attributes);
  }

  TensorId with_those_before(TensorId row) {
    const Tensor& original = whole_.tensor(row);
    DecodingGraph::Cache cache{.row = copy_[row], .whole = row};
    cache.before = builder_.add_input(builder_.fresh_name(original.name + ".before"), original.type, "");
    result_.caches.push_back(cache);
    return builder_.add("Where", builder_.fresh_name(original.name + ".all"),
                        {result_.is_here, cache.row, cache.before});
  }

  void attend(const Node& node) {
    bool is_self = node.inputs.size() == 3 || std::all_of(node.inputs.begin() + 3, node.inputs.end(),
                                                          [](TensorId t) { return t == kNone<TensorId>; });
    for (std::size_t i = 0; i < 3; ++i) is_self = is_self && is_sequence(node.inputs[i]) && axis_[node.inputs[i]] == 1;
    if (!is_self || node.attributes.get_int("is_causal", 0) == 0) refuse("is no causal self-attention without a mask");
    Attributes attributes = node.attributes;
    attributes.set("is_causal", std::int64_t{0});
    const TensorId keys = with_those_before(node.inputs[1]);
    const TensorId values = with_those_before(node.inputs[2]);
    put(node, {copy(node.inputs[0]), keys, values, result_.is_visible}, 1, attributes);
  }

  const Graph& whole_;
  std::int64_t context_;
  GraphBuilder builder_;
  IdVector<TensorId, TensorId> copy_;  // by tensor of the whole graph; kNone: none yet
  IdVector<TensorId, int> axis_;       // likewise: its sequence
  NodeId node_ = kNone<NodeId>;        // being copied
  DecodingGraph result_;
};

}  // namespace

std::optional<DecodingGraph> decoding_graph(const Graph& whole, TensorId tokens, TensorId scores,
                                            std::string& why_not) {
  try {
    return Decoder(whole, tokens).run(scores);
  } catch (const Undecodable& reason) {
    why_not = reason.why;
  } catch (const InputError& error) {  // an operator that does not take a sequence of one
    why_not = error.what();
  }
  return std::nullopt;
}

}  // namespace mp

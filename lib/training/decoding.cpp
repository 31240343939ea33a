#include "lib/training/decoding.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
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
  Decoder(const Graph& whole, const DecodingOptions& options)
      : whole_(whole),
        options_(options),
        context_(whole.tensor(options.tokens).type.shape.back()),
        builder_(whole.name()),
        copy_(whole.tensors().size(), kNone<TensorId>),
        axis_(whole.tensors().size(), kNowhere) {
    const Shape& shape = whole.tensor(options.tokens).type.shape;
    need(shape.size() == 2 && context_ > 1 && shape[0] == 1,
         fmt::format("its tokens {} are no sequence by itself", to_string(shape)));
    const std::int64_t positions = options.positions;
    result_.tokens = add_input("decode.tokens", {DataType::kInt64, {1, positions}});
    result_.positions = result_.last = add_input("decode.positions", {DataType::kInt64, {positions}});
    if (positions > 1) {
      result_.last = add_input("decode.last", {DataType::kInt64, {1}});
      result_.row = add_input("decode.row", {DataType::kInt64, {1}});
    }
    copy_[options.tokens] = result_.tokens;
    axis_[options.tokens] = 1;
  }

  DecodingGraph run() && {
    const TensorId scores = options_.scores;
    const std::vector<bool> is_needed = ancestors(scores);
    for (const NodeId id : ids<NodeId>(whole_.nodes().size())) {
      if (!is_needed[index(id)]) continue;
      node_ = id;
      take(whole_.node(id));
      result_.origin.resize(builder_.peek().nodes().size(), id);
    }
    need(axis_[scores] != kNowhere, "its scores do not depend on the tokens");
    result_.scores = copy_[scores];
    if (result_.row != kNone<TensorId>) {
      node_ = whole_.tensor(scores).producer;
      result_.scores = builder_.add("Gather", builder_.fresh_name("decode.scores"), {result_.scores, result_.row},
                                    {{"axis", std::int64_t{axis_[scores]}}});
      result_.origin.resize(builder_.peek().nodes().size(), node_);
    }
    result_.graph = std::move(builder_).build();
    return std::move(result_);
  }

 private:
  TensorId add_input(std::string_view name, TensorType type) {
    return builder_.add_input(builder_.fresh_name(name), std::move(type), "");
  }
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
    return parameter_here(tensor);
  }

  // The parameter on the device of the node: a token takes too little time to bring it from another one.
  TensorId parameter_here(TensorId tensor) {
    const NodeId home = options_.home[tensor];
    const DeviceId own = home == kNone<NodeId> ? DeviceId{0} : options_.device_of[home];
    const DeviceId device = options_.device_of[node_];
    const auto [place, is_new] = parameters_.try_emplace({tensor, device}, kNone<TensorId>);
    if (!is_new) return place->second;
    const Tensor& original = whole_.tensor(tensor);
    const GraphParameter& parameter = whole_.parameters()[static_cast<std::size_t>(original.source)];
    const std::string name = device == own ? original.name : builder_.fresh_name(original.name + ".copy");
    place->second =
        builder_.add_parameter(name, original.type, parameter.initializer, parameter.trainable, parameter.weight_decay);
    if (device != own) result_.copies.push_back({place->second, tensor});
    return place->second;
  }

  // Of what is the same for every text: its rows of these positions, where `axis` runs over the positions.
  TensorId at_position(TensorId tensor, std::ptrdiff_t axis) {
    const TensorId all = copy(tensor);
    if (axis < 0 || shape(tensor)[static_cast<std::size_t>(axis)] != context_) return all;
    return builder_.add("Gather", builder_.fresh_name(whole_.tensor(tensor).name + ".row"), {all, result_.positions},
                        {{"axis", static_cast<std::int64_t>(axis)}});
  }

  // The node over these positions; its first output has the sequence along `axis`.
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
      out[i] = options_.positions;
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
    const DecodingGraph::Rotation rotation =
        rotation_of((chosen == 0 ? size : chosen) / 2, node.attributes.get_float("theta", 10000.0));
    put(node, {copy(x), rotation.cosines, rotation.sines}, axis, attributes);
  }

  // Those of all nodes that turn alike.
  DecodingGraph::Rotation rotation_of(std::int64_t pairs, double theta) {
    const TensorType table{DataType::kFloat32, {1, options_.positions, pairs}};
    for (const DecodingGraph::Rotation& known : result_.rotations) {
      if (known.theta == theta && builder_.type(known.cosines) == table) return known;
    }
    DecodingGraph::Rotation rotation{.theta = theta};
    rotation.cosines = add_input("decode.cosines", table);
    rotation.sines = add_input("decode.sines", table);
    result_.rotations.push_back(rotation);
    return rotation;
  }

  // Rows of all positions, none yet.
  TensorId cache_of(TensorId rows) {
    const Tensor& original = whole_.tensor(rows);
    return builder_.add_parameter(builder_.fresh_name(original.name + ".cache"), original.type, Initializer{}, false,
                                  false);
  }

  void attend(const Node& node) {
    bool is_self = node.inputs.size() == 3 || std::all_of(node.inputs.begin() + 3, node.inputs.end(),
                                                          [](TensorId t) { return t == kNone<TensorId>; });
    for (std::size_t i = 0; i < 3; ++i) is_self = is_self && is_sequence(node.inputs[i]) && axis_[node.inputs[i]] == 1;
    if (!is_self || node.attributes.get_int("is_causal", 0) == 0) refuse("is no causal self-attention without a mask");
    if (std::any_of(node.outputs.begin() + 1, node.outputs.end(), [](TensorId t) { return t != kNone<TensorId>; })) {
      refuse("has more than one output");
    }
    Node cached;
    cached.name = builder_.fresh_name(node.name);
    cached.op_name = "GroupQueryAttention";
    for (std::size_t i = 0; i < 3; ++i) cached.inputs.push_back(copy(node.inputs[i]));
    for (std::size_t i = 1; i < 3; ++i) cached.inputs.push_back(cache_of(node.inputs[i]));
    cached.inputs.push_back(result_.last);
    cached.attributes.set("num_heads", node.attributes.get_int("q_num_heads", 1));
    cached.attributes.set("kv_num_heads", node.attributes.get_int("kv_num_heads", 1));
    if (node.attributes.has("scale")) cached.attributes.set("scale", node.attributes.get_float("scale", 1.0));
    const std::string name = cached.name;
    const NodeId made = builder_.add_node(std::move(cached), {name, name + ".keys", name + ".values"});
    copy_[node.outputs[0]] = builder_.peek().node(made).outputs[0];
    axis_[node.outputs[0]] = 1;
  }

  const Graph& whole_;
  const DecodingOptions& options_;
  std::int64_t context_;
  GraphBuilder builder_;
  IdVector<TensorId, TensorId> copy_;  // by tensor of the whole graph that is no parameter; kNone: none yet
  std::map<std::pair<TensorId, DeviceId>, TensorId> parameters_;  // of the whole graph, by the device that reads them
  IdVector<TensorId, int> axis_;                                  // likewise: its sequence
  NodeId node_ = kNone<NodeId>;                                   // being copied
  DecodingGraph result_;
};

}  // namespace

std::optional<DecodingGraph> decoding_graph(const Graph& whole, const DecodingOptions& options, std::string& why_not) {
  try {
    return Decoder(whole, options).run();
  } catch (const Undecodable& reason) {
    why_not = reason.why;
  } catch (const InputError& error) {  // an operator that does not take so short a sequence
    why_not = error.what();
  }
  return std::nullopt;
}

}  // namespace mp

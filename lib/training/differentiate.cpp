// Reverse-mode differentiation by rewriting the graph (Griewank & Walther, Evaluating Derivatives, 2008, chapter 3):
// forward nodes are visited in reverse order; each appends the nodes that turn the gradients of its outputs into
// contributions to the gradients of its inputs.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/operator.hpp"
#include "lib/training/training_graph.hpp"
#include "lib/training/update_nodes.hpp"

namespace mp {
namespace {

struct Contribution {
  TensorId gradient = kNone<TensorId>;
  NodeId consumer = kNone<NodeId>;  // forward node it comes from
};

class Differentiator {
 public:
  Differentiator(const Graph& forward, const DifferentiateOptions& options)
      : forward_(forward), options_(options), builder_(forward), contributions_(forward.tensors().size()) {
    result_.forward_nodes = static_cast<std::int32_t>(forward.nodes().size());
    result_.microbatches = options.microbatches;
    result_.clip_norm = options.optimizer.clip_norm;
    for (const NodeId id : ids<NodeId>(forward.nodes().size())) mark(id, Phase::kForward, id);
  }

  TrainingGraph run() && {
    check_groups();
    find_what_depends_on_parameters();
    if (forward_.loss() != kNone<TensorId>) seed_loss();
    for (std::size_t i = forward_.nodes().size(); i-- > 0;) visit(make_id<NodeId>(i));
    find_homes();
    for (const GraphParameter& parameter : forward_.parameters()) {
      if (parameter.trainable) finish_parameter(parameter);
    }
    result_.graph = std::move(builder_).build();
    return std::move(result_);
  }

 private:
  // A pattern that fits no trained parameter is a slip, which would leave one in the wrong group.
  void check_groups() const {
    if (forward_.loss() == kNone<TensorId>) return;
    for (const ParameterGroup& group : options_.optimizer.groups) {
      for (const std::string& pattern : group.patterns) check_pattern(pattern);
    }
  }

  void check_pattern(const std::string& pattern) const {
    std::vector<std::string_view> names;
    for (const GraphParameter& parameter : forward_.parameters()) {
      if (!parameter.trainable) continue;
      names.push_back(forward_.tensor(parameter.tensor).name);
      if (matches(pattern, names.back())) return;
    }
    throw InputError("<optimizer>", Issue{"groups", quoted(pattern) + " matches no trained parameter of model " +
                                                        quoted(forward_.name()) + did_you_mean(pattern, names)});
  }

  void mark(NodeId node, Phase phase, NodeId placed_with) {
    MP_CHECK(result_.phase.size() == index(node));
    result_.phase.push_back(phase);
    result_.placed_with.push_back(placed_with);
  }

  // Marks every node appended since the last mark.
  void mark_appended(Phase phase, NodeId placed_with) {
    for (std::size_t i = result_.phase.size(); i < builder_.peek().nodes().size(); ++i) {
      mark(make_id<NodeId>(i), phase, placed_with);
    }
  }

  // Data has no gradient, nor has anything made of data alone: work on it would be for nothing.
  void find_what_depends_on_parameters() {
    const bool has_loss = forward_.loss() != kNone<TensorId>;
    depends_.assign(forward_.tensors().size(), false);
    for (const GraphParameter& parameter : forward_.parameters()) {
      if (parameter.trainable && has_loss) depends_[index(parameter.tensor)] = true;
    }
    for (const Node& node : forward_.nodes()) {
      // A graph without a loss is one of measured costs: what such a node makes has a gradient that costs transfer.
      bool any = !has_loss && node.cost.has_value();
      for (const TensorId input : node.inputs) {
        any = any || (has_loss && input != kNone<TensorId> && depends_[index(input)]);
      }
      for (const TensorId output : node.outputs) {
        if (output != kNone<TensorId>) depends_[index(output)] = any && has_gradient(forward_.tensor(output).type.type);
      }
    }
  }

  static bool has_gradient(DataType type) { return type != DataType::kInt64 && type != DataType::kBool; }

  void seed_loss() {
    const Tensor& loss = forward_.tensor(forward_.loss());
    if (loss.producer == kNone<NodeId> || !depends_[index(forward_.loss())]) return;
    const bool mean = forward_.loss_reduction() == LossReduction::kMean;
    Attributes attributes{{"value_float", mean ? 1.0 / options_.microbatches : 1.0}, {"shape", loss.type.shape}};
    const TensorId seed = builder_.add("Constant", builder_.fresh_name(loss.name + ".grad"), {}, std::move(attributes));
    mark_appended(Phase::kBackward, loss.producer);
    contributions_[forward_.loss()].push_back({seed, loss.producer});
  }

  // Left fold in the order the contributions came, which is the reverse order of the consumers.
  TensorId fold(TensorId tensor, Phase phase) {
    const std::vector<Contribution>& terms = contributions_[tensor];
    if (terms.empty()) return kNone<TensorId>;
    TensorId sum = terms.front().gradient;
    for (std::size_t i = 1; i < terms.size(); ++i) {
      sum = add(sum, terms[i].gradient, forward_.node(terms[i].consumer).name + ".grad.sum");
      mark_appended(phase, terms[i].consumer);
    }
    return sum;
  }

  // Bytes without a type are as good as added where they meet.
  TensorId add(TensorId a, TensorId b, const std::string& name) {
    const std::string fresh = builder_.fresh_name(name);
    const TensorType type = builder_.type(a);
    if (type.type != DataType::kOpaque) return builder_.add("Add", fresh, {a, b});
    Node node;
    node.name = fresh;
    node.op_name = "Add";
    node.inputs = {a, b};
    node.cost = MeasuredCost{};
    const NodeId added = builder_.add_opaque(std::move(node), {fresh}, {type});
    return builder_.peek().node(added).outputs[0];
  }

  void visit(NodeId id) {
    const Node& node = forward_.node(id);
    std::vector<TensorId> output_gradients;
    bool reached = false;
    for (const TensorId output : node.outputs) {
      output_gradients.push_back(output == kNone<TensorId> ? kNone<TensorId> : fold(output, Phase::kBackward));
      reached = reached || output_gradients.back() != kNone<TensorId>;
    }
    std::vector<bool> wanted;
    bool wants_any = false;
    for (const TensorId input : node.inputs) {
      wanted.push_back(input != kNone<TensorId> && depends_[index(input)]);
      wants_any = wants_any || wanted.back();
    }
    const bool is_measured = node.cost && (node.op->is_opaque || node.op->differentiate == nullptr);
    if (forward_.loss() == kNone<TensorId>) {
      if (node.cost && (reached || node.cost->backward_s > 0.0)) append_opaque(id, output_gradients);
    } else if (is_measured) {
      if (reached && wants_any) append_opaque(id, output_gradients);
    } else if (reached && wants_any) {
      append_gradient(id, std::move(output_gradients), std::move(wanted));
    }
  }

  void append_gradient(NodeId id, std::vector<TensorId> output_gradients, std::vector<bool> wanted) {
    const Node& node = forward_.node(id);
    if (node.op->differentiate == nullptr) {
      throw InputError("<graph>",
                       Issue{node.name, "a trained parameter reaches the loss through this node, but " + node.op->name +
                                            " has no gradient: mark the parameters before it "
                                            "\"trainable\": false, or use another operator"});
    }
    const std::size_t first = builder_.peek().nodes().size();
    GradientBuilder gradient(builder_, id, std::move(output_gradients), std::move(wanted));
    node.op->differentiate(gradient);
    mark_appended(Phase::kBackward, id);
    if (node.cost && node.cost->backward_s > 0.0) share_cost(node.cost->backward_s, first);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId term = gradient.input_gradients()[i];
      if (!gradient.wants(i) || term == kNone<TensorId>) continue;
      const TensorId input = forward_.node(id).inputs[i];
      contributions_[input].push_back({in_type_of_sum(term, input, id), id});
    }
  }

  // Activations have gradients of their own type, parameters of float32: they are summed over the microbatches.
  TensorId in_type_of_sum(TensorId term, TensorId input, NodeId consumer) {
    const Tensor& tensor = forward_.tensor(input);
    const bool is_parameter = tensor.kind == TensorKind::kParameter;
    const DataType wanted = is_parameter ? DataType::kFloat32 : tensor.type.type;
    if (builder_.type(term).type == wanted) return term;
    const std::string name =
        builder_.fresh_name(builder_.peek().tensor(term).name + "." + std::string(name_of(wanted)));
    const TensorId cast = builder_.add("Cast", name, {term}, {{"to", std::string(name_of(wanted))}});
    mark_appended(Phase::kBackward, consumer);
    return cast;
  }

  // A measured backward time is that of all backward nodes of the node together.
  void share_cost(double backward_s, std::size_t first) {
    std::vector<NodeId> shares;
    for (std::size_t i = first; i < builder_.peek().nodes().size(); ++i) {
      if (!builder_.peek().node(make_id<NodeId>(i)).op->is_view) shares.push_back(make_id<NodeId>(i));
    }
    MeasuredCost cost;
    cost.forward_s = backward_s / static_cast<double>(std::max<std::size_t>(shares.size(), 1));
    for (const NodeId id : shares) builder_.set_cost(id, cost);
  }

  // Reads the node's inputs again and the gradients of its outputs; sends the bytes of each input back.
  void append_opaque(NodeId id, const std::vector<TensorId>& output_gradients) {
    const Node& node = forward_.node(id);
    Node backward;
    backward.name = builder_.fresh_name(node.name + ".grad");
    backward.op_name = node.op_name + "Grad";
    backward.cost =
        MeasuredCost{.forward_s = node.cost->backward_s, .backward_s = 0, .parameter_bytes = 0, .output_bytes = {}};
    std::vector<TensorId> sources;
    std::vector<std::string> outputs;
    std::vector<TensorType> types;
    std::set<TensorId> seen;
    for (const TensorId input : node.inputs) {
      if (input == kNone<TensorId> || !seen.insert(input).second) continue;
      backward.inputs.push_back(input);
      const Tensor& tensor = forward_.tensor(input);
      if (tensor.kind == TensorKind::kInput || !depends_[index(input)]) continue;
      sources.push_back(input);
      outputs.push_back(builder_.fresh_name(node.name + ".grad." + std::to_string(outputs.size())));
      types.push_back(tensor.type);
    }
    for (const TensorId gradient : output_gradients) {
      if (gradient != kNone<TensorId>) backward.inputs.push_back(gradient);
    }
    const NodeId appended = builder_.add_opaque(std::move(backward), outputs, types);
    mark_appended(Phase::kBackward, id);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      contributions_[sources[i]].push_back({builder_.peek().node(appended).outputs[i], id});
    }
  }

  // A parameter lives with its first consumer; one that nobody reads with the first node.
  void find_homes() {
    result_.home.assign(forward_.tensors().size(), kNone<NodeId>);
    if (forward_.nodes().empty()) return;
    for (const GraphParameter& parameter : forward_.parameters()) {
      const auto consumers = forward_.consumers(parameter.tensor);
      result_.home[parameter.tensor] = consumers.empty() ? NodeId{0} : consumers.front();
    }
  }

  // What a step sums must be a tensor of its own: no view, and nothing that other backward nodes read, too.
  TensorId own(TensorId gradient, NodeId consumer, const std::string& parameter) {
    const Tensor& tensor = builder_.peek().tensor(gradient);
    bool copied = tensor.producer == kNone<NodeId> || result_.phase[tensor.producer] != Phase::kBackward ||
                  builder_.peek().node(tensor.producer).op->is_view;
    copied = copied || is_read_by_backward(gradient);
    if (!copied) return gradient;
    Attributes shape{{"shape", tensor.type.shape}};
    const TensorId copy =
        builder_.add("Expand", builder_.fresh_name(parameter + ".grad.copy"), {gradient}, std::move(shape));
    mark_appended(Phase::kBackward, consumer);
    return copy;
  }

  bool is_read_by_backward(TensorId gradient) {
    if (read_.empty()) {
      read_.assign(builder_.peek().tensors().size(), false);
      for (const Node& node : builder_.peek().nodes()) {
        for (const TensorId input : node.inputs) {
          if (input != kNone<TensorId>) read_[index(input)] = true;
        }
      }
    }
    return index(gradient) < read_.size() && read_[index(gradient)];
  }

  void finish_parameter(const GraphParameter& parameter) {
    std::vector<Contribution>& terms = contributions_[parameter.tensor];
    const Tensor tensor = forward_.tensor(parameter.tensor);
    const bool is_float = tensor.type.type == DataType::kFloat32 || tensor.type.type == DataType::kBfloat16;
    if (terms.empty() || !is_float) return;
    for (Contribution& term : terms) term.gradient = own(term.gradient, term.consumer, tensor.name);
    const TensorId gradient = fold(parameter.tensor, Phase::kUpdate);
    TrainedParameter trained = append_update(builder_, parameter, gradient, options_.optimizer);
    const NodeId home = result_.home[parameter.tensor];
    mark_appended(Phase::kUpdate, home);
    result_.home.resize(builder_.peek().tensors().size(), kNone<NodeId>);
    for (const TensorId state : trained.state) result_.home[state] = home;
    result_.trained.push_back(std::move(trained));
  }

  const Graph& forward_;
  const DifferentiateOptions& options_;
  GraphBuilder builder_;
  IdVector<TensorId, std::vector<Contribution>> contributions_;
  std::vector<bool> depends_;  // by tensor: on a trained parameter
  std::vector<bool> read_;     // by tensor: by any node, when the last backward node was appended
  TrainingGraph result_;
};

}  // namespace

TrainingGraph differentiate(const Graph& forward, const DifferentiateOptions& options) {
  TrainingGraph result = Differentiator(forward, options).run();
  result.home.resize(result.graph.tensors().size(), kNone<NodeId>);
  return result;
}

bool TrainingGraph::is_accumulated(TensorId tensor) const {
  const NodeId producer = graph.tensor(tensor).producer;
  if (producer == kNone<NodeId> || phase[producer] != Phase::kBackward) return false;
  for (const NodeId reader : graph.consumers(tensor)) {
    if (phase[reader] == Phase::kUpdate) return true;
  }
  return false;
}

}  // namespace mp

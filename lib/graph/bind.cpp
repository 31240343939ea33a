#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "lib/base/text.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/dimensions.hpp"
#include "lib/graph/issue_list.hpp"
#include "lib/graph/model_check.hpp"
#include "lib/graph/node_check.hpp"
#include "lib/graph/topology.hpp"
#include "lib/operators/operator.hpp"

namespace mp {
namespace {

constexpr std::int64_t kMaxDevice = 65535;
constexpr double kMaxGraphBytes = 4503599627370496.0;  // 2⁵²

}  // namespace

// The phases of bind_model(): names, then order, then types. What follows from an earlier issue is not reported again.
class ModelBinder {
 public:
  ModelBinder(const Model& model, const Bindings& bindings)
      : model_(model), dimensions_(model, bindings, issues_), builder_(model.name), nodes_(model.nodes.size()) {}

  Graph run(std::string_view source) && {
    declare_inputs();
    declare_parameters();
    declare_nodes();
    resolve_inputs();
    check_data_sources(model_, issues_);
    const std::vector<std::int32_t> order = ordered();
    for (std::size_t i = 0; i < nodes_.size(); ++i) check_node(i);
    for (const std::int32_t i : order) add_node(static_cast<std::size_t>(i));
    set_loss();
    check_total_size();
    std::move(issues_).throw_if_any(std::string(source));
    return std::move(builder_).build();
  }

 private:
  // A name of a tensor: where it comes from, and its id once its type is known.
  struct Source {
    std::int32_t node = -1;
    TensorId id = kNone<TensorId>;
    std::int32_t reads = 0;  // by inputs of nodes
  };
  struct NodeState {
    std::vector<Source*> inputs;  // null: absent or dangling
    bool good = true;             // nothing of its own is wrong so far
    bool dangling = false;        // an input does not exist
  };

  static std::string place_of(std::size_t node) { return "/nodes/" + std::to_string(node); }

  // The new name's entry; null, with an issue, where the name is empty or taken.
  Source* declare(const std::string& name, const std::string& place, std::string_view what) {
    if (name.empty()) {
      issues_.add(place, [&] { return std::string(what) + " needs a name"; });
      return nullptr;
    }
    const auto [entry, is_new] = tensors_.try_emplace(name);
    if (is_new) return &entry->second;
    issues_.add(place, [&] { return "there is already a tensor named " + quoted(name); });
    return nullptr;
  }

  std::optional<TensorType> bound_type(DataType type, const std::vector<Dimension>& shape, const std::string& place) {
    TensorType bound{type, {}};
    if (!dimensions_.resolve(shape, place, bound.shape)) return std::nullopt;
    const std::string problem = type_problem(bound);
    if (problem.empty()) return bound;
    issues_.add(place, [&] { return to_string(bound) + " " + problem; });
    return std::nullopt;
  }

  void declare_inputs() {
    for (std::size_t i = 0; i < model_.inputs.size(); ++i) {
      const ModelInput& input = model_.inputs[i];
      const std::string place = "/inputs/" + std::to_string(i);
      Source* source = declare(input.name, place + "/name", "an input");
      const std::optional<TensorType> type = bound_type(input.type, input.shape, place);
      if (source != nullptr && type) source->id = builder_.add_input(input.name, *type, input.data);
    }
  }

  void declare_parameters() {
    for (std::size_t i = 0; i < model_.parameters.size(); ++i) {
      const ModelParameter& parameter = model_.parameters[i];
      const std::string place = "/parameters/" + std::to_string(i);
      Source* source = declare(parameter.name, place + "/name", "a parameter");
      check_parameter(parameter, place, issues_);
      const std::optional<TensorType> type = bound_type(parameter.type, parameter.shape, place);
      if (source == nullptr || !type) continue;
      source->id = builder_.add_parameter(parameter.name, *type, parameter.initializer, parameter.trainable,
                                          parameter.weight_decay, parameter.shard);
    }
  }

  void declare_nodes() {
    std::unordered_set<std::string_view> names;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const ModelNode& node = model_.nodes[i];
      if (node.name.empty()) {
        issues_.add(place_of(i) + "/name", [] { return std::string("a node needs a name"); });
        nodes_[i].good = false;
      } else if (!names.insert(node.name).second) {
        issues_.add(place_of(i) + "/name", [&] { return "there is already a node named " + quoted(node.name); });
        nodes_[i].good = false;
      }
      for (std::size_t o = 0; o < node.outputs.size(); ++o) {
        if (node.outputs[o].empty()) continue;
        Source* source = declare(node.outputs[o], place_of(i) + "/outputs/" + std::to_string(o), "an output");
        if (source != nullptr) source->node = static_cast<std::int32_t>(i);
        nodes_[i].good = nodes_[i].good && source != nullptr;
      }
    }
  }

  void resolve_inputs() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (std::size_t k = 0; k < model_.nodes[i].inputs.size(); ++k) {
        const std::string& name = model_.nodes[i].inputs[k];
        const auto found = tensors_.find(name);
        nodes_[i].inputs.push_back(name.empty() || found == tensors_.end() ? nullptr : &found->second);
        if (name.empty()) continue;
        if (found != tensors_.end()) {
          ++found->second.reads;
          continue;
        }
        issues_.add(place_of(i) + "/inputs/" + std::to_string(k), [&] { return no_tensor(name); });
        nodes_[i].dangling = true;
      }
    }
  }

  std::string no_tensor(const std::string& name) const {
    std::vector<std::string_view> known;
    for (const ModelInput& input : model_.inputs) known.push_back(input.name);
    for (const ModelParameter& parameter : model_.parameters) known.push_back(parameter.name);
    for (const ModelNode& node : model_.nodes) known.insert(known.end(), node.outputs.begin(), node.outputs.end());
    return "no input, parameter or node output is named " + quoted(name) + did_you_mean(name, known);
  }

  std::vector<std::int32_t> ordered() {
    Predecessors predecessors(nodes_.size());
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      for (const Source* source : nodes_[i].inputs) {
        if (source != nullptr && source->node >= 0) predecessors[i].push_back(source->node);
      }
    }
    std::vector<std::int32_t> order = topological_order(predecessors);
    if (order.size() == nodes_.size()) return order;
    for (const std::vector<std::int32_t>& cycle : find_cycles(predecessors, order)) {
      issues_.add(place_of(static_cast<std::size_t>(cycle.front())), [&] { return describe_cycle(model_, cycle); });
    }
    return order;
  }

  void check_node(std::size_t i) {
    const ModelNode& from = model_.nodes[i];
    Node& node = nodes_built_.emplace_back();
    node.name = from.name;
    node.op_name = from.op;
    node.attributes = from.attributes;
    node.cost = from.cost;
    node.colocate = from.colocate;
    node.backward = from.backward;
    node.device = from.device;
    for (const std::string& input : from.inputs) {
      node.inputs.push_back(input.empty() ? kNone<TensorId> : TensorId{0});  // the ids follow in add_node
    }
    const std::size_t before = issues_.found();
    if (from.device && (*from.device < 0 || *from.device > kMaxDevice)) {
      issues_.add(place_of(i) + "/device", [&] {
        return "a device must lie between 0 and " + std::to_string(kMaxDevice) + ", not " +
               std::to_string(*from.device);
      });
    }
    node.op = operator_of(from.op, from.cost);
    if (node.op == nullptr) {
      issues_.add(place_of(i) + "/op", [&] { return unknown_operator(from.op); });
    } else {
      issues_.add_all(place_of(i), check_form(node, from.outputs.size()));
    }
    nodes_[i].good = nodes_[i].good && issues_.found() == before;
  }

  // Adds the node to the graph if it and everything before it is good.
  void add_node(std::size_t i) {
    if (!nodes_[i].good || nodes_[i].dangling) return;
    Node& node = nodes_built_[i];
    std::vector<const TensorType*> types;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const Source* source = nodes_[i].inputs[k];
      if (source != nullptr && source->id == kNone<TensorId>) return;
      node.inputs[k] = source == nullptr ? kNone<TensorId> : source->id;
      types.push_back(source == nullptr ? nullptr : &builder_.type(source->id));
    }
    check_in_place(i);
    const std::vector<std::string>& outputs = model_.nodes[i].outputs;
    const InferredTypes inferred = infer_types(node, types, outputs.size());
    issues_.add_all(place_of(i), inferred.issues);
    if (!inferred.issues.empty()) return;
    const NodeId id = builder_.append(std::move(node), outputs, inferred.types);
    for (const TensorId output : builder_.peek().node(id).outputs) {
      if (output != kNone<TensorId>) tensors_.find(builder_.peek().tensor(output).name)->second.id = output;
    }
  }

  // What a node updates in place, nobody else may read: its value would depend on the order of the nodes.
  void check_in_place(std::size_t i) {
    for (const InPlace& pair : nodes_built_[i].op->in_place) {
      const std::vector<std::string>& outputs = model_.nodes[i].outputs;
      if (pair.output >= outputs.size() || outputs[pair.output].empty()) continue;
      if (pair.input >= nodes_[i].inputs.size() || nodes_[i].inputs[pair.input] == nullptr) continue;
      const Source& source = *nodes_[i].inputs[pair.input];
      const Tensor& tensor = builder_.peek().tensor(source.id);
      const bool is_state = tensor.kind == TensorKind::kParameter &&
                            !builder_.peek().parameters()[static_cast<std::size_t>(tensor.source)].trainable;
      if (is_state && source.reads == 1) continue;
      issues_.add(place_of(i) + "/inputs/" + std::to_string(pair.input), [&] {
        return quoted(tensor.name) + " is updated in place, so it must be a parameter with \"trainable\": false that " +
               "nothing else reads";
      });
    }
  }

  void set_loss() {
    if (model_.loss.empty()) return;
    const auto found = tensors_.find(model_.loss);
    if (found == tensors_.end()) {
      issues_.add("/loss", [&] { return no_tensor(model_.loss); });
      return;
    }
    if (found->second.node < 0) {
      issues_.add("/loss", [&] { return "the loss must be made by a node, but " + quoted(model_.loss) + " is not"; });
      return;
    }
    if (found->second.id == kNone<TensorId>) return;
    const TensorType& type = builder_.type(found->second.id);
    if (type.type == DataType::kFloat32 && elements(type.shape) == 1) {
      builder_.set_loss(found->second.id, model_.loss_reduction);
    } else {
      issues_.add("/loss", [&] {
        return "the loss must be one float32 number, but " + quoted(model_.loss) + " is " + to_string(type);
      });
    }
  }

  // Each tensor weighs as often as it is written and read, so that no sum over the graph can overflow.
  void check_total_size() {
    double total = 0.0;
    for (const auto& [name, source] : tensors_) {
      if (source.id == kNone<TensorId>) continue;
      total += static_cast<double>(bytes(builder_.type(source.id))) * (1.0 + source.reads);
    }
    if (total <= kMaxGraphBytes) return;
    issues_.add("", [&] {
      return "the tensors are too large together: " + std::to_string(static_cast<std::int64_t>(total / 1e12)) +
             " TB written and read once, more than " + std::to_string(static_cast<std::int64_t>(kMaxGraphBytes / 1e12));
    });
  }

  const Model& model_;
  IssueList issues_;
  DimensionBinder dimensions_;
  GraphBuilder builder_;
  std::unordered_map<std::string_view, Source> tensors_;
  std::vector<NodeState> nodes_;
  std::vector<Node> nodes_built_;
};

Graph bind_model(const Model& model, const Bindings& bindings, std::string_view source) {
  return ModelBinder(model, bindings).run(source);
}

}  // namespace mp

#include "lib/program/share_out.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/graph/builder.hpp"
#include "lib/graph/node_outputs.hpp"
#include "lib/graph/shard_parameters.hpp"
#include "lib/operators/operator.hpp"
#include "lib/program/shared_parameters.hpp"
#include "lib/training/rewrite.hpp"

namespace mp {
namespace {

// Rebuilds the graph with shares in the place of the states, sums and updates of the parameters chosen.
class Sharer {
 public:
  Sharer(const TrainingGraph& training, const Placement& placement, const Replication& replication,
         const std::vector<std::size_t>& chosen)
      : training_(training),
        graph_(training.graph),
        builder_(training.graph.name()),
        members_(training.graph.tensors().size(), 0),
        kept_of_(training.graph.tensors().size(), kNone<TensorId>),
        update_of_(training.graph.nodes().size(), -1),
        is_dropped_(training.graph.nodes().size(), false),
        tensor_(training.graph.tensors().size(), kNone<TensorId>),
        trained_(training.trained.size()) {
    for (const std::size_t i : chosen) {
      const TrainedParameter& trained = training.trained[i];
      update_of_[trained.update] = static_cast<std::int32_t>(i);
      const std::int64_t members = replication.size(placement[training.home[trained.parameter]]);
      members_[trained.parameter] = members;
      kept_of_[trained.parameter] = trained.parameter;
      for (const TensorId state : trained.state) {
        members_[state] = members;
        kept_of_[state] = trained.parameter;
      }
      drop_sums(trained.gradient, members);
    }
  }

  TrainingGraph run() && {
    for (const GraphInput& input : graph_.inputs()) {
      const Tensor& tensor = graph_.tensor(input.tensor);
      tensor_[input.tensor] = builder_.add_input(tensor.name, tensor.type, input.data);
    }
    for (const GraphParameter& parameter : graph_.parameters()) add_parameter(parameter);
    for (const NodeId n : ids<NodeId>(graph_.nodes().size())) {
      if (is_dropped_[n]) continue;
      if (update_of_[n] >= 0) {
        append_updates(static_cast<std::size_t>(update_of_[n]));
      } else {
        copy(n);
      }
    }
    if (graph_.loss() != kNone<TensorId>) builder_.set_loss(tensor_[graph_.loss()], graph_.loss_reduction());
    finish();
    return std::move(result_);
  }

 private:
  // The gradient is not made as a whole any more; of what it is the sum, the passes' own are cut up.
  void drop_sums(TensorId gradient, std::int64_t members) {
    const NodeId producer = graph_.tensor(gradient).producer;
    members_[gradient] = members;
    if (training_.phase[producer] != Phase::kUpdate) return;
    is_dropped_[producer] = true;
    for (const TensorId t : graph_.node(producer).inputs) drop_sums(t, members);
  }

  [[nodiscard]] std::vector<std::int64_t> sizes(TensorId t) const {
    return share_sizes(elements(graph_.tensor(t).type.shape), members_[t]);
  }

  void mark(Phase phase, NodeId placed_with) {
    result_.phase.push_back(phase);
    result_.placed_with.push_back(placed_with);
  }

  [[nodiscard]] std::string name_of_share(const std::string& whole, std::size_t i) const {
    return builder_.fresh_name(whole + ".share." + std::to_string(i));
  }

  // Where the first share lies in what files have.
  [[nodiscard]] ParameterShard place_of(TensorId parameter) const {
    const Tensor& tensor = graph_.tensor(parameter);
    const Shape& shape = tensor.type.shape;
    const auto& shard = graph_.parameters()[static_cast<std::size_t>(tensor.source)].shard;
    if (!shard) return {.of = tensor.name, .whole = shape, .axis = kElementsAxis, .begin = 0};
    const std::int64_t row = elements(shape) / shape.front();
    return {.of = shard->of, .whole = shard->whole, .axis = kElementsAxis, .begin = shard->begin * row};
  }

  // Of what an optimizer keeps there are only shares, named after those of its parameter.
  void add_parameter(const GraphParameter& parameter) {
    const TensorId t = parameter.tensor;
    const Tensor& tensor = graph_.tensor(t);
    if (members_[t] == 0 || kept_of_[t] == t) {
      tensor_[t] = builder_.add_parameter(tensor.name, tensor.type, parameter.initializer, parameter.trainable,
                                          parameter.weight_decay, parameter.shard);
    }
    if (members_[t] == 0) return;
    const std::string& of = graph_.tensor(kept_of_[t]).name;
    ParameterShard place = place_of(kept_of_[t]);
    const std::vector<std::int64_t> of_shares = sizes(t);
    for (std::size_t i = 0; i < of_shares.size(); ++i) {
      const std::string name = of + ".share." + std::to_string(i) + tensor.name.substr(of.size());
      shares_[t].push_back(builder_.add_parameter(builder_.fresh_name(name), {tensor.type.type, {of_shares[i]}},
                                                  parameter.initializer, parameter.trainable, parameter.weight_decay,
                                                  place));
      place.begin += of_shares[i];
    }
  }

  void copy(NodeId n) {
    Node node = graph_.node(n);
    for (TensorId& t : node.inputs) t = t == kNone<TensorId> ? t : tensor_[t];
    const auto [names, types] = outputs_of(graph_, n);
    mark(training_.phase[n], training_.placed_with[n]);
    const NodeId copied = builder_.add_checked(std::move(node), names, types);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i].empty()) continue;
      const TensorId t = graph_.node(n).outputs[i];
      tensor_[t] = builder_.peek().node(copied).outputs[i];
    }
    for (const TensorId t : graph_.node(n).outputs) {
      if (t != kNone<TensorId> && members_[t] > 0) cut_up(t, training_.placed_with[n]);
    }
  }

  // Nothing runs that: the shares are where the whole is.
  void cut_up(TensorId gradient, NodeId placed_with) {
    const Tensor& tensor = graph_.tensor(gradient);
    const TensorId flat = builder_.add("Reshape", builder_.fresh_name(tensor.name + ".flat"), {tensor_[gradient]},
                                       {{"shape", Shape{elements(tensor.type.shape)}}});
    mark(Phase::kBackward, placed_with);
    Node node;
    node.name = builder_.fresh_name(tensor.name + ".shares");
    node.op_name = "Split";
    node.inputs = {flat};
    node.attributes = {{"axis", std::int64_t{0}}, {"split", sizes(gradient)}};
    std::vector<std::string> names;
    for (std::size_t i = 0; i < static_cast<std::size_t>(members_[gradient]); ++i) {
      names.push_back(name_of_share(tensor.name, i));
    }
    const NodeId split = builder_.add_node(std::move(node), names);
    mark(Phase::kBackward, placed_with);
    shares_[gradient] = builder_.peek().node(split).outputs;
  }

  // The i-th share of what was a sum.
  TensorId share_of_gradient(TensorId gradient, std::size_t i) {
    const NodeId producer = graph_.tensor(gradient).producer;
    if (training_.phase[producer] != Phase::kUpdate) return shares_.at(gradient)[i];
    std::vector<TensorId> terms;
    for (const TensorId t : graph_.node(producer).inputs) terms.push_back(share_of_gradient(t, i));
    const TensorId sum = builder_.add("Add", name_of_share(graph_.tensor(gradient).name, i), std::move(terms));
    mark(Phase::kUpdate, training_.placed_with[producer]);
    return sum;
  }

  void append_updates(std::size_t position) {
    const TrainedParameter& trained = training_.trained[position];
    for (std::size_t i = 0; i < static_cast<std::size_t>(members_[trained.parameter]); ++i) {
      append_update(trained, i, trained_[position]);
    }
  }

  void append_update(const TrainedParameter& trained, std::size_t i, std::vector<TrainedParameter>& updates) {
    TrainedParameter share{.parameter = shares_.at(trained.parameter)[i],
                           .gradient = share_of_gradient(trained.gradient, i),
                           .update = kNone<NodeId>,
                           .state = {}};
    for (const TensorId state : trained.state) share.state.push_back(shares_.at(state)[i]);
    Node node = graph_.node(trained.update);
    node.name = name_of_share(node.name, i);
    for (TensorId& t : node.inputs) {
      if (t != kNone<TensorId>) t = t == trained.gradient ? share.gradient : shares_.at(t)[i];
    }
    std::vector<std::string> names;
    for (const TensorId t : graph_.node(trained.update).outputs) {
      names.push_back(t == kNone<TensorId> ? "" : name_of_share(graph_.tensor(t).name, i));
    }
    share.update = builder_.add_node(std::move(node), names);
    mark(Phase::kUpdate, training_.placed_with[trained.update]);
    updates.push_back(std::move(share));
  }

  void finish() {
    result_.graph = std::move(builder_).build();
    result_.home.assign(result_.graph.tensors().size(), kNone<NodeId>);
    for (const GraphParameter& parameter : graph_.parameters()) {
      const TensorId t = parameter.tensor;
      if (tensor_[t] != kNone<TensorId>) result_.home[tensor_[t]] = training_.home[t];
      if (members_[t] == 0) continue;
      for (const TensorId share : shares_.at(t)) result_.home[share] = training_.home[t];
    }
    finish_trained();
    for (const auto& [whole, shares] : shares_) {
      if (tensor_[whole] == kNone<TensorId>) continue;
      result_.shares.emplace(tensor_[whole], shares);
      for (const TensorId share : shares) result_.whole_of_share.emplace(share, tensor_[whole]);
    }
    carry_over_step(training_, tensor_, result_);
  }

  void finish_trained() {
    for (std::size_t i = 0; i < trained_.size(); ++i) {
      if (!trained_[i].empty()) {
        for (TrainedParameter& share : trained_[i]) result_.trained.push_back(std::move(share));
        continue;
      }
      TrainedParameter whole = training_.trained[i];
      whole.parameter = tensor_[whole.parameter];
      whole.gradient = tensor_[whole.gradient];
      whole.update = result_.graph.find_node(graph_.node(whole.update).name).value();
      for (TensorId& state : whole.state) state = tensor_[state];
      result_.trained.push_back(std::move(whole));
    }
  }

  const TrainingGraph& training_;
  const Graph& graph_;
  GraphBuilder builder_;
  IdVector<TensorId, std::int64_t> members_;  // of tensors that are shared out: who shares; else 0
  IdVector<TensorId, TensorId> kept_of_;      // of these parameters and what an optimizer keeps of them: the parameter
  IdVector<NodeId, std::int32_t> update_of_;  // of updates of these: position in trained; else −1
  IdVector<NodeId, bool> is_dropped_;         // sums of whole gradients
  IdVector<TensorId, TensorId> tensor_;       // old → new; kNone: there are only shares
  std::map<TensorId, std::vector<TensorId>> shares_;    // old → new
  std::vector<std::vector<TrainedParameter>> trained_;  // beside training_.trained: of shares
  TrainingGraph result_;
};

}  // namespace

std::vector<std::size_t> spread(const std::vector<std::int64_t>& sizes, std::vector<std::int64_t>& owned) {
  std::vector<std::size_t> by_size(sizes.size());
  std::iota(by_size.begin(), by_size.end(), std::size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(), [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  std::vector<std::size_t> owner(sizes.size(), 0);
  for (const std::size_t i : by_size) {
    owner[i] = static_cast<std::size_t>(std::min_element(owned.begin(), owned.end()) - owned.begin());
    owned[owner[i]] += sizes[i];
  }
  return owner;
}

std::vector<std::int64_t> share_sizes(std::int64_t elements, std::int64_t shares) {
  const std::int64_t blocks = (elements + kShareElements - 1) / kShareElements;
  MP_CHECK(shares >= 1 && blocks >= shares);
  std::vector<std::int64_t> sizes;
  std::int64_t begin = 0;
  for (std::int64_t i = 0; i < shares; ++i) {
    const std::int64_t end = std::min(elements, (i + 1) * blocks / shares * kShareElements);
    sizes.push_back(end - begin);
    begin = end;
  }
  return sizes;
}

TrainingGraph share_out(TrainingGraph training, const Placement& placement, const Replication& replication,
                        std::int32_t zero) {
  if (zero == 0 || training.gradient_norm != kNone<TensorId> || !training.shares.empty()) return training;
  const std::vector<std::size_t> chosen = parameters_to_share(training, placement, replication);
  if (chosen.empty()) return training;
  return Sharer(training, placement, replication, chosen).run();
}

}  // namespace mp

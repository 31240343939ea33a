#include "partition/search/model_chain.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include "lib/base/check.hpp"
#include "lib/costs/costs.hpp"

namespace mp::partition {
namespace {

StageSeconds& operator+=(StageSeconds& sum, const StageSeconds& more) {
  sum.forward_s += more.forward_s;
  sum.backward_s += more.backward_s;
  sum.update_s += more.update_s;
  return sum;
}

StageBytes& operator+=(StageBytes& sum, const StageBytes& more) {
  sum.parameters += more.parameters;
  sum.optimizer += more.optimizer;
  sum.gradients += more.gradients;
  sum.activations += more.activations;
  return sum;
}

// A gradient is read, its sum read and written; the first microbatch writes its own into the sum instead.
double accumulate_seconds(const TrainingGraph& training, TensorId gradient, const DeviceType& type) {
  if (training.microbatches == 1) return 0.0;
  const double all = type.launch_overhead_s + 3.0 * static_cast<double>(bytes(training.graph.tensor(gradient).type)) /
                                                  type.memory_bandwidth_bytes_per_s;
  return all * (training.microbatches - 1) / training.microbatches;
}

// Bytes of everything but parameters that a node reads and makes.
std::int64_t operand_bytes(const Graph& graph, const Node& node) {
  std::int64_t sum = 0;
  for (const std::vector<TensorId>* operands : {&node.inputs, &node.outputs}) {
    for (const TensorId t : *operands) {
      if (t != kNone<TensorId> && graph.tensor(t).kind != TensorKind::kParameter) sum += bytes(graph.tensor(t).type);
    }
  }
  return sum;
}

}  // namespace

ModelChain::ModelChain(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                       std::vector<UnitId> order, const ChainLanes& lanes)
    : order_(std::move(order)), counts_(order_.size(), true), place_of_(order_.size(), 0) {
  MP_CHECK(order_.size() == units.nodes.size());
  if (lanes.lanes.count > 1) {
    for (const UnitId unit : order_) counts_[index(unit)] = lanes.lanes.of[unit] == 0;
  }
  pins_before_.assign(1, 0);
  for (std::size_t place = 0; place < order_.size(); ++place) {
    place_of_[index(order_[place])] = place;
    pinned_.push_back(units.pinned[order_[place]]);
    pins_before_.push_back(pins_before_.back() + (pinned_.back() ? 1 : 0));
  }
  add_seconds(training, units, cluster);
  if (lanes.lanes.count > 1) add_exchanges(training, units, lanes);
  for (std::vector<StageSeconds>& sums : seconds_) {
    for (std::size_t place = 0; place < order_.size(); ++place) sums[place + 1] += sums[place];
  }
  add_bytes(training, units, cluster);
  add_cuts(training, units);
}

void ModelChain::add_exchanges(const TrainingGraph& training, const PlacementUnits& units, const ChainLanes& lanes) {
  for (const LaneExchange& exchange : lane_exchanges(training, units, lanes.lanes)) {
    const double time_s =
        lanes.between.latency_s + static_cast<double>(exchange.bytes) / lanes.between.bandwidth_bytes_per_s;
    for (std::vector<StageSeconds>& of_type : seconds_) {
      StageSeconds& own = of_type[place_of_[index(exchange.unit)] + 1];
      (exchange.forward ? own.forward_s : own.backward_s) += time_s;
    }
  }
}

void ModelChain::add_seconds(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster) {
  const Graph& graph = training.graph;
  for (const DeviceType& type : cluster.types) {
    std::vector<StageSeconds> sums(order_.size() + 1);
    const auto at = [&](NodeId n) -> StageSeconds& { return sums[place_of_[index(units.unit_of[n])] + 1]; };
    for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
      if (!counts_[index(units.unit_of[n])]) continue;
      const double seconds = node_seconds(graph, n, type);
      switch (training.phase[n]) {
        case Phase::kForward:
          at(n).forward_s += seconds;
          break;
        case Phase::kBackward:
          at(n).backward_s += seconds;
          break;
        case Phase::kUpdate:
          at(n).update_s += seconds;
          break;
      }
    }
    for (const TensorId t : ids<TensorId>(graph.tensors().size())) {
      const NodeId producer = graph.tensor(t).producer;
      if (producer == kNone<NodeId> || !training.is_accumulated(t)) continue;
      if (!counts_[index(units.unit_of[producer])]) continue;
      at(producer).backward_s += accumulate_seconds(training, t, type);
    }
    seconds_.push_back(std::move(sums));
  }
}

void ModelChain::add_bytes(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster) {
  const Graph& graph = training.graph;
  bytes_.assign(order_.size() + 1, {});
  working_.assign(1, std::vector<std::int64_t>(order_.size(), 0));
  for (const TensorId t : ids<TensorId>(graph.tensors().size())) {
    const NodeId producer = graph.tensor(t).producer;
    if (producer == kNone<NodeId> || !training.is_accumulated(t)) continue;
    if (!counts_[index(units.unit_of[producer])]) continue;
    bytes_[place_of_[index(units.unit_of[producer])] + 1].gradients += mp::bytes(graph.tensor(t).type);
  }
  const IdVector<UnitId, UnitCost> costs = unit_costs(training, units, cluster.types.front());
  for (const UnitId unit : ids<UnitId>(units.nodes.size())) {
    if (!counts_[index(unit)]) continue;
    StageBytes& own = bytes_[place_of_[index(unit)] + 1];
    own.parameters = costs[unit].parameter_bytes;
    own.optimizer = costs[unit].state_bytes - own.gradients;
    own.activations = costs[unit].activation_bytes;
  }
  for (const NodeId n : ids<NodeId>(graph.nodes().size())) {
    if (training.phase[n] == Phase::kUpdate || !counts_[index(units.unit_of[n])]) continue;
    std::int64_t& largest = working_[0][place_of_[index(units.unit_of[n])]];
    largest = std::max(largest, operand_bytes(graph, graph.node(n)));
  }
  for (std::size_t place = 0; place < order_.size(); ++place) bytes_[place + 1] += bytes_[place];
  for (std::size_t half = 1; 2 * half <= order_.size(); half *= 2) {
    const std::vector<std::int64_t>& narrow = working_.back();
    std::vector<std::int64_t> wide;
    for (std::size_t place = 0; place + 2 * half <= order_.size(); ++place) {
      wide.push_back(std::max(narrow[place], narrow[place + half]));
    }
    working_.push_back(std::move(wide));
  }
}

void ModelChain::add_cuts(const TrainingGraph& training, const PlacementUnits& units) {
  // Changes from one place to the next; summed up at the end.
  cuts_.assign(order_.size() + 1, {});
  for (const Flow& flow : units.flows) {
    if (!counts_[index(flow.from)]) continue;  // its lane's link carries it at the same time
    std::size_t first = place_of_[index(flow.from)];
    std::size_t last = first;
    for (const UnitId reader : flow.readers) {
      first = std::min(first, place_of_[index(reader)]);
      last = std::max(last, place_of_[index(reader)]);
    }
    const std::int64_t size = mp::bytes(training.graph.tensor(flow.tensor).type);
    const NodeId producer = training.graph.tensor(flow.tensor).producer;
    const bool once =
        producer == kNone<NodeId> || training.phase[producer] == Phase::kUpdate || training.is_accumulated(flow.tensor);
    const bool forward = !once && training.phase[producer] == Phase::kForward;
    CutBytes& begins = cuts_[first + 1];
    CutBytes* ends = last + 1 < cuts_.size() ? &cuts_[last + 1] : nullptr;
    const auto change = [&](auto member, auto amount) {
      begins.*member += amount;
      if (ends != nullptr) ends->*member -= amount;
    };
    change(once ? &CutBytes::once : (forward ? &CutBytes::forward : &CutBytes::backward), size);
    if (!once) change(forward ? &CutBytes::forward_messages : &CutBytes::backward_messages, 1);
  }
  for (std::size_t place = 1; place < cuts_.size(); ++place) {
    cuts_[place].forward += cuts_[place - 1].forward;
    cuts_[place].backward += cuts_[place - 1].backward;
    cuts_[place].once += cuts_[place - 1].once;
    cuts_[place].forward_messages += cuts_[place - 1].forward_messages;
    cuts_[place].backward_messages += cuts_[place - 1].backward_messages;
  }
}

StageSeconds ModelChain::seconds(std::size_t from, std::size_t to, std::int32_t device_type) const {
  const std::vector<StageSeconds>& sums = seconds_[static_cast<std::size_t>(device_type)];
  return {.forward_s = sums[to].forward_s - sums[from].forward_s,
          .backward_s = sums[to].backward_s - sums[from].backward_s,
          .update_s = sums[to].update_s - sums[from].update_s};
}

StageBytes ModelChain::bytes(std::size_t from, std::size_t to) const {
  StageBytes result{.parameters = bytes_[to].parameters - bytes_[from].parameters,
                    .optimizer = bytes_[to].optimizer - bytes_[from].optimizer,
                    .gradients = bytes_[to].gradients - bytes_[from].gradients,
                    .activations = bytes_[to].activations - bytes_[from].activations,
                    .working = 0};
  if (from == to) return result;
  const auto level = static_cast<std::size_t>(std::bit_width(to - from) - 1);
  result.working = std::max(working_[level][from], working_[level][to - (std::size_t{1} << level)]);
  return result;
}

ModelChain::Pinned ModelChain::pinned(std::size_t from, std::size_t to) const {
  Pinned result;
  if (pins_before_[from] == pins_before_[to]) return result;
  for (std::size_t place = from; place < to; ++place) {
    if (!pinned_[place]) continue;
    result.clash = result.clash || (result.device && *result.device != *pinned_[place]);
    result.device = pinned_[place];
  }
  return result;
}

std::vector<std::size_t> ModelChain::cut_places(std::size_t limit) const {
  std::vector<std::size_t> places;
  if (size() + 1 <= limit) {
    for (std::size_t place = 0; place <= size(); ++place) places.push_back(place);
    return places;
  }
  MP_CHECK(limit >= 3);
  const double all_s = seconds(0, size(), 0).pass_s();
  const auto spans = static_cast<double>(limit - 2);
  places.push_back(0);
  std::size_t place = 1;
  for (std::size_t span = 0; span + 2 < limit && place < size(); ++span) {
    const double end_s = all_s * (static_cast<double>(span) + 1.0) / spans;
    std::size_t best = place;
    const auto traffic = [&](std::size_t p) { return cuts_[p].forward + cuts_[p].backward; };
    const std::size_t begin = place;
    for (; place < size() && (place == begin || seconds(0, place, 0).pass_s() <= end_s); ++place) {
      if (traffic(place) <= traffic(best)) best = place;
    }
    places.push_back(best);
  }
  places.push_back(size());
  return places;
}

std::vector<UnitId> units_in_model_order(const PlacementUnits& units) {
  std::vector<UnitId> order;
  for (const UnitId unit : ids<UnitId>(units.nodes.size())) order.push_back(unit);
  std::sort(order.begin(), order.end(),
            [&](UnitId a, UnitId b) { return units.nodes[a].front() < units.nodes[b].front(); });
  return order;
}

}  // namespace mp::partition

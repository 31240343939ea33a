#include "partition/mapping/objective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "lib/base/error.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

Distances all_apart(std::int32_t devices) {
  const auto count = static_cast<std::size_t>(devices);
  Distances result{.devices = devices, .matrix = std::vector<Weight>(count * count, 1)};
  for (std::size_t d = 0; d < count; ++d) result.matrix[d * count + d] = 0;
  return result;
}

// Edges weighed by the distance between their ends. The cut is the case of all distances 1.
class DistanceObjective final : public Objective {
 public:
  DistanceObjective(const WeightedGraph& graph, const Assignment& start, Distances distances)
      : graph_(graph),
        assignment_(start),
        distances_(std::move(distances)),
        value_(mapping_cost(graph, start, distances_)) {}

  [[nodiscard]] Weight value() const override { return value_; }
  [[nodiscard]] Weight gain(VertexId v, BlockId to) const override {
    const BlockId from = assignment_[v];
    Weight gain = 0;
    for (std::size_t i = 0; i < graph_.neighbours_of(v).size(); ++i) {
      const BlockId other = assignment_[graph_.neighbours_of(v)[i]];
      gain += graph_.edge_weights_of(v)[i] * (distances_.between(from, other) - distances_.between(to, other));
    }
    return gain;
  }
  void move(VertexId v, BlockId to) override {
    value_ -= gain(v, to);
    assignment_[v] = to;
  }
  void for_each_affected(VertexId v, const std::function<void(VertexId)>& visit) const override {
    for (const VertexId u : graph_.neighbours_of(v)) visit(u);
  }

 private:
  const WeightedGraph& graph_;
  Assignment assignment_;
  Distances distances_;
  Weight value_;
};

// Counts, for every tensor, its readers in each block: the value changes when a count comes from or goes to 0.
class VolumeObjective final : public Objective {
 public:
  VolumeObjective(const TensorHyperedges& tensors, const Assignment& start, std::int32_t blocks)
      : tensors_(tensors),
        assignment_(start),
        blocks_(static_cast<std::size_t>(blocks)),
        counts_(tensors.tensors() * blocks_, 0),
        read_by_(start.size()),
        sent_by_(start.size()),
        value_(communication_volume(tensors, start, blocks)) {
    for (std::size_t t = 0; t < tensors.tensors(); ++t) {
      sent_by_[tensors.sources[t]].push_back(t);
      for (const VertexId v : tensors.readers_of(t)) {
        read_by_[v].push_back(t);
        ++count(t, start[v]);
      }
    }
  }

  [[nodiscard]] Weight value() const override { return value_; }
  [[nodiscard]] Weight gain(VertexId v, BlockId to) const override {
    const BlockId from = assignment_[v];
    if (from == to) return 0;
    Weight gain = 0;
    for (const std::size_t t : read_by_[v]) {
      const BlockId source = assignment_[tensors_.sources[t]];
      if (count(t, from) == 1 && from != source) gain += tensors_.bytes[t];
      if (count(t, to) == 0 && to != source) gain -= tensors_.bytes[t];
    }
    for (const std::size_t t : sent_by_[v]) {
      if (count(t, to) > 0) gain += tensors_.bytes[t];
      if (count(t, from) > 0) gain -= tensors_.bytes[t];
    }
    return gain;
  }
  void move(VertexId v, BlockId to) override {
    value_ -= gain(v, to);
    for (const std::size_t t : read_by_[v]) {
      --count(t, assignment_[v]);
      ++count(t, to);
    }
    assignment_[v] = to;
  }
  void for_each_affected(VertexId v, const std::function<void(VertexId)>& visit) const override {
    const auto visit_tensor = [&](std::size_t t) {
      visit(tensors_.sources[t]);
      for (const VertexId u : tensors_.readers_of(t)) visit(u);
    };
    for (const std::size_t t : read_by_[v]) visit_tensor(t);
    for (const std::size_t t : sent_by_[v]) visit_tensor(t);
  }

 private:
  [[nodiscard]] std::int32_t& count(std::size_t t, BlockId b) { return counts_[t * blocks_ + index(b)]; }
  [[nodiscard]] std::int32_t count(std::size_t t, BlockId b) const { return counts_[t * blocks_ + index(b)]; }

  const TensorHyperedges& tensors_;
  Assignment assignment_;
  std::size_t blocks_;
  std::vector<std::int32_t> counts_;  // tensors × blocks
  IdVector<VertexId, std::vector<std::size_t>> read_by_;
  IdVector<VertexId, std::vector<std::size_t>> sent_by_;
  Weight value_;
};

[[noreturn]] void refuse(const std::string& message) {
  throw InputError("<distances>", Issue{.place = "", .message = message});
}

}  // namespace

void TensorHyperedges::add(VertexId source, std::vector<VertexId> tensor_readers, Weight tensor_bytes) {
  std::sort(tensor_readers.begin(), tensor_readers.end());
  tensor_readers.erase(std::unique(tensor_readers.begin(), tensor_readers.end()), tensor_readers.end());
  std::erase(tensor_readers, source);
  sources.push_back(source);
  readers.insert(readers.end(), tensor_readers.begin(), tensor_readers.end());
  offsets.push_back(static_cast<std::int64_t>(readers.size()));
  bytes.push_back(tensor_bytes);
}

Weight communication_volume(const TensorHyperedges& tensors, const Assignment& assignment, std::int32_t blocks) {
  std::vector<std::size_t> last_seen(static_cast<std::size_t>(blocks), 0);  // tensor + 1
  Weight volume = 0;
  for (std::size_t t = 0; t < tensors.tensors(); ++t) {
    last_seen[index(assignment[tensors.sources[t]])] = t + 1;
    for (const VertexId v : tensors.readers_of(t))
      if (std::exchange(last_seen[index(assignment[v])], t + 1) != t + 1) volume += tensors.bytes[t];
  }
  return volume;
}

Weight mapping_cost(const WeightedGraph& graph, const Assignment& assignment, const Distances& distances) {
  Weight cost = 0;
  for (const VertexId v : ids<VertexId>(assignment.size()))
    for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i)
      if (v < graph.neighbours_of(v)[i])
        cost += graph.edge_weights_of(v)[i] * distances.between(assignment[v], assignment[graph.neighbours_of(v)[i]]);
  return cost;
}

void check_distances(const WeightedGraph& graph, const Distances& distances) {
  const auto devices = static_cast<std::size_t>(std::max(0, distances.devices));
  if (devices == 0 || distances.matrix.size() != devices * devices)
    refuse(fmt::format("{} entries for {} devices; {} are needed", distances.matrix.size(), distances.devices,
                       devices * devices));
  for (std::size_t a = 0; a < devices; ++a) {
    for (std::size_t b = 0; b < devices; ++b) {
      const Weight there = distances.matrix[a * devices + b];
      const Weight back = distances.matrix[b * devices + a];
      if (there < 0 || (a == b && there != 0)) refuse(fmt::format("the distance from {} to {} is {}", a, b, there));
      if (there != back) refuse(fmt::format("from {} to {} it is {}, but back it is {}", a, b, there, back));
    }
  }
  const Weight edges = std::reduce(graph.edge_weights.begin(), graph.edge_weights.end(), Weight{0});
  Weight product = 0;
  const Weight farthest = *std::max_element(distances.matrix.begin(), distances.matrix.end());
  if (__builtin_mul_overflow(edges, farthest, &product))
    refuse(fmt::format("distance {} times the weight of all edges does not fit 64 bits", farthest));
}

std::unique_ptr<Objective> make_cut_objective(const WeightedGraph& graph, const Assignment& start,
                                              std::int32_t blocks) {
  return std::make_unique<DistanceObjective>(graph, start, all_apart(blocks));
}

std::unique_ptr<Objective> make_volume_objective(const TensorHyperedges& tensors, const Assignment& start,
                                                 std::int32_t blocks) {
  return std::make_unique<VolumeObjective>(tensors, start, blocks);
}

std::unique_ptr<Objective> make_mapping_objective(const WeightedGraph& graph, const Assignment& start,
                                                  const Distances& distances) {
  return std::make_unique<DistanceObjective>(graph, start, distances);
}

}  // namespace mp::partition

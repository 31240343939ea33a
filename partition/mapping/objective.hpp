// What a placement is to be good at, where that is more than the cut.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// Tensors as hyperedges: tensor t goes from its source to its readers.
struct TensorHyperedges {
  std::vector<VertexId> sources;         // of every tensor
  std::vector<std::int64_t> offsets{0};  // tensors + 1
  std::vector<VertexId> readers;         // each once per tensor, without the source
  std::vector<Weight> bytes;             // of every tensor, ≥ 0

  [[nodiscard]] std::size_t tensors() const { return sources.size(); }
  [[nodiscard]] std::span<const VertexId> readers_of(std::size_t t) const {
    return {readers.data() + offsets[t], readers.data() + offsets[t + 1]};
  }
  // Appends a tensor; duplicate readers and the source among them are dropped.
  void add(VertexId source, std::vector<VertexId> tensor_readers, Weight tensor_bytes);
};

// How far apart two devices are: what a byte between them costs. devices × devices, symmetric, 0 on the diagonal.
struct Distances {
  std::int32_t devices = 0;
  std::vector<Weight> matrix;
  [[nodiscard]] Weight between(BlockId a, BlockId b) const {
    return matrix[index(a) * static_cast<std::size_t>(devices) + index(b)];
  }
};

// Σ over tensors of bytes × the blocks other than the source's that read it.
[[nodiscard]] Weight communication_volume(const TensorHyperedges& tensors, const Assignment& assignment,
                                          std::int32_t blocks);
// Σ over edges of weight × the distance of the blocks of its ends.
[[nodiscard]] Weight mapping_cost(const WeightedGraph& graph, const Assignment& assignment, const Distances& distances);

// Throws InputError("<distances>") unless the matrix is square, symmetric, 0 on the diagonal, nowhere negative, and
// its largest entry times the weight of all edges fits 64 bits.
void check_distances(const WeightedGraph& graph, const Distances& distances);

// An objective under single moves: the value of an assignment that it keeps in step with.
class Objective {
 public:
  Objective() = default;
  Objective(const Objective&) = delete;
  Objective& operator=(const Objective&) = delete;
  virtual ~Objective() = default;
  [[nodiscard]] virtual Weight value() const = 0;
  // What the value would fall by if v went to `to`. Exact.
  [[nodiscard]] virtual Weight gain(VertexId v, BlockId to) const = 0;
  // v goes to `to`.
  virtual void move(VertexId v, BlockId to) = 0;
  // Calls `visit` with every vertex (perhaps repeatedly) whose gains a move of v may change.
  virtual void for_each_affected(VertexId v, const std::function<void(VertexId)>& visit) const = 0;
};

// All that they are given must outlive them.
[[nodiscard]] std::unique_ptr<Objective> make_cut_objective(const WeightedGraph& graph, const Assignment& start,
                                                            std::int32_t blocks);
[[nodiscard]] std::unique_ptr<Objective> make_volume_objective(const TensorHyperedges& tensors, const Assignment& start,
                                                               std::int32_t blocks);
[[nodiscard]] std::unique_ptr<Objective> make_mapping_objective(const WeightedGraph& graph, const Assignment& start,
                                                                const Distances& distances);

}  // namespace mp::partition

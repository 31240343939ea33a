// What a set of nodes costs as a stage of a Piper pipeline.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "partition/acyclic/bit_set.hpp"
#include "partition/pipeline/option_choice.hpp"
#include "partition/pipeline/piper.hpp"

namespace mp::partition {

// One option of a node in a stage whose replicas and microbatches under way are still open:
//   time   = divided_s / d + exchanged_s · exchange_share(d)
//   memory = per_microbatch_bytes · y + constant_bytes
struct StageOption {
  double divided_s = 0.0;    // compute, and what crosses to other stages
  double exchanged_s = 0.0;  // all parameters to and from the other replicas
  double per_microbatch_bytes = 0.0;
  double constant_bytes = 0.0;

  StageOption& operator+=(const StageOption& other);
  friend StageOption operator-(StageOption a, const StageOption& b);
};

// Of node i of the stage: options[first[i]] … options[first[i + 1]).
struct StageOptions {
  std::vector<StageOption> options;
  std::vector<std::int32_t> first{0};
};

// Sums of the least value of each term: no choice of options is below them.
struct StageBounds {
  bool possible = false;  // every node has options for this degree
  StageOption least;
};

class StageCosts {
 public:
  explicit StageCosts(const PiperProblem& problem);

  // Tensor-parallel degrees that some node has, ascending.
  [[nodiscard]] const std::vector<std::int32_t>& tensor_degrees() const { return tensor_degrees_; }
  // Data-parallel degrees, ascending.
  [[nodiscard]] const std::vector<std::int32_t>& data_degrees() const { return data_degrees_; }
  // The largest sum of data-parallel degrees over all stages.
  [[nodiscard]] std::int32_t most_replicas() const { return most_replicas_; }
  // Part of `exchanged_s` that falls to a microbatch in a stage of d replicas.
  [[nodiscard]] double exchange_share(std::int32_t d) const;
  // Seconds that the tensors from outside `upset` into it take to a stage of one replica and back; 0 with kAdded.
  [[nodiscard]] double entering_s(const BitSet& upset) const;
  // Least Σ over options of t × time of one node: device seconds that no plan avoids.
  [[nodiscard]] double work_s(VertexId v) const { return work_s_[index(v)]; }
  // The least of every term over the options of one node on t devices, without what crosses; null: it has none.
  [[nodiscard]] const StageOption* least(VertexId v, std::int32_t t) const;

  // The options of `members` = `outer` \ `inner` when run on t devices; empty where a node has none for t.
  [[nodiscard]] StageOptions options(const std::vector<VertexId>& members, const BitSet& outer, const BitSet& inner,
                                     std::int32_t t) const;
  [[nodiscard]] static StageBounds bounds(const StageOptions& options);
  [[nodiscard]] ItemOptions items(const StageOptions& options, std::int32_t d, std::int32_t in_flight) const;

 private:
  struct Neighbour {
    VertexId node;
    double bytes;
  };
  [[nodiscard]] double crossing_bytes(const PiperOption& option, VertexId v, const BitSet& outer,
                                      const BitSet& inner) const;

  const PiperProblem& problem_;
  std::vector<std::vector<Neighbour>> in_;
  std::vector<std::vector<Neighbour>> out_;
  std::vector<std::int32_t> tensor_degrees_;
  std::vector<std::int32_t> data_degrees_;
  std::vector<double> work_s_;
  std::vector<std::map<std::int32_t, StageOption>> least_;
  std::int32_t most_replicas_ = 1;
};

}  // namespace mp::partition

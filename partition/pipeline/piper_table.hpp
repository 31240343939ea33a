// For one threshold on the time of every stage: which upsets a suffix of the pipeline can hold, with how little.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "partition/pipeline/piper.hpp"
#include "partition/pipeline/stage_costs.hpp"
#include "partition/pipeline/upsets.hpp"

namespace mp::partition {

class PiperTable {
 public:
  // The references must outlive the table.
  PiperTable(const PiperProblem& problem, const StageCosts& costs, const Upsets& upsets);

  // Whether all nodes can be laid into stages of at most this time. On success plan() tells how.
  [[nodiscard]] bool keeps(double threshold_s);
  // Of the last threshold that could be kept: with the fewest devices, then the fewest replicas.
  [[nodiscard]] PiperPlan plan() const;
  // false: choices of options were too many to be sure that a threshold could not be kept.
  [[nodiscard]] bool exact() const { return exact_; }

 private:
  struct Pair {  // a stage: `outer` \ `inner`
    UpsetId outer = kNone<UpsetId>;
    UpsetId inner = kNone<UpsetId>;
  };
  struct Shape {  // of a stage
    std::int32_t tensor_parallel = 1;
    std::int32_t data_parallel = 1;
  };
  // A way to hold an upset in the last stages. Those of one upset ascend in devices and descend in replicas.
  struct Point {
    std::int32_t devices = 0;
    std::int32_t replicas = 0;       // sum of data-parallel degrees
    UpsetId inner = kNone<UpsetId>;  // without the first of these stages
    std::int32_t rest = -1;          // position of the point of `inner`
    Shape shape;
  };
  void extend(Pair pair, double threshold_s);
  void extend(Pair pair, const StageOptions& options, Shape shape, std::int32_t most_devices, double threshold_s);
  void collect(UpsetId u);
  // Least terms of all choices of options, without what crosses to other stages; impossible: a node lacks the degree.
  [[nodiscard]] StageBounds quick_bounds(Pair pair, std::size_t tensor_degree) const;
  // False only if no choice of options keeps memory and threshold with d replicas before `replicas` others.
  [[nodiscard]] bool may_keep(const StageBounds& bounds, std::int32_t d, std::int32_t replicas,
                              double threshold_s) const;
  [[nodiscard]] std::int32_t most_in_flight(const StageOptions& options, Shape shape, std::int32_t low,
                                            std::int32_t high, double threshold_s);
  // Of the transfers alone, which no choice of options changes.
  [[nodiscard]] double transfer_s(Pair pair, std::int32_t data_parallel) const;
  [[nodiscard]] StageOptions options_of(Pair pair, std::int32_t t) const;
  [[nodiscard]] PiperStage stage_of(UpsetId u, const Point& point) const;

  const PiperProblem& problem_;
  const StageCosts& costs_;
  const Upsets& upsets_;
  std::vector<UpsetId> inner_;             // of all pairs, by outer upset
  std::vector<std::int64_t> first_inner_;  // of each upset, and one past the last
  std::vector<StageOption> least_of_;      // upset × tensor degree: sums over its nodes that have the degree
  std::vector<std::int32_t> missing_;      // upset × tensor degree: nodes that have not
  std::vector<double> entering_s_;         // of each upset: StageCosts::entering_s
  std::vector<double> work_left_s_;        // of each upset: device seconds outside it
  IdVector<UpsetId, std::vector<Point>> points_;
  std::vector<Point> least_;  // while an upset is worked on: by devices, the point of fewest replicas
  bool exact_ = true;
};

// Pairs of an upset and one inside it, or −1 if they are more than `limit`.
[[nodiscard]] std::int64_t count_pairs(const Upsets& upsets, std::int64_t limit);

}  // namespace mp::partition

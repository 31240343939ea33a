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
    UpsetId outer;
    UpsetId inner;
  };
  struct Shape {  // of a stage
    std::int32_t tensor_parallel = 1;
    std::int32_t data_parallel = 1;
  };
  // A way to hold an upset in the last stages. Those of one upset ascend in devices and descend in replicas.
  struct Point {
    std::int32_t devices = 0;
    std::int32_t replicas = 0;  // sum of data-parallel degrees
    std::int32_t pair = -1;     // the first of these stages
    std::int32_t rest = -1;     // position of the point of that pair's inner upset
    Shape shape;
  };
  void extend(std::int32_t pair, double threshold_s);
  void extend(std::int32_t pair, Shape shape, std::int32_t most_devices, double threshold_s);
  void collect(UpsetId u);
  [[nodiscard]] std::int32_t most_in_flight(std::int32_t pair, Shape shape, std::int32_t low, std::int32_t high,
                                            double threshold_s);
  [[nodiscard]] StageOptions options_of(std::int32_t pair, std::int32_t t) const;
  [[nodiscard]] PiperStage stage_of(const Point& point) const;

  const PiperProblem& problem_;
  const StageCosts& costs_;
  const Upsets& upsets_;
  std::vector<Pair> pairs_;               // by outer upset
  std::vector<std::int64_t> first_pair_;  // of each upset, and one past the last
  std::vector<StageBounds> bounds_;       // pair × tensor degree
  std::vector<double> work_left_s_;       // of each upset: device seconds outside it
  IdVector<UpsetId, std::vector<Point>> points_;
  std::vector<Point> least_;  // while an upset is worked on: by devices, the point of fewest replicas
  bool exact_ = true;
};

// Pairs of an upset and one inside it, or −1 if they are more than `limit`.
[[nodiscard]] std::int64_t count_pairs(const Upsets& upsets, std::int64_t limit);

}  // namespace mp::partition

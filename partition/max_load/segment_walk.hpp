// Visits every ideal above a given one that a pipeline stage could reach, keeping the stage's load as it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "partition/max_load/ideal_lattice.hpp"
#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

// Sums over the units of every ideal: differences are what a stage weighs.
struct IdealSums {
  std::vector<std::vector<double>> seconds;        // [class][ideal], of the units that can run there
  std::vector<std::vector<std::int32_t>> blocked;  // [class][ideal]: units that cannot
  std::vector<std::int64_t> bytes;                 // [ideal]
};
[[nodiscard]] IdealSums ideal_sums(const LoadProblem& problem, const IdealLattice& lattice);

// The stage made of the units between two ideals, base ⊂ top. Its transfers are kept in two parts: those that no larger
// stage on the same base gets rid of (what comes from the base, what goes back to it), and those with units above.
class SegmentWalk {
 public:
  SegmentWalk(const LoadProblem& problem, const IdealLattice& lattice, const IdealSums& sums);

  // Calls visit(top) for every ideal above `base` that can be reached through stages which some class of devices could
  // take with a load below `limit`, each once. In visit, load(c) is the load of the stage on a device of class c,
  // infinity where it cannot be there.
  template <class Visit>
  void run(std::size_t base, double limit, Visit&& visit) {
    begin(base);
    open(base, -1);
    while (!stack_.empty()) {
      Frame& frame = stack_.back();
      if (frame.next == lattice_.offsets[frame.ideal + 1]) {
        close();
        continue;
      }
      const IdealStep step = lattice_.steps[static_cast<std::size_t>(frame.next++)];
      const auto top = static_cast<std::size_t>(step.ideal);
      if (met_[top] == walks_) continue;
      met_[top] = walks_;
      open(top, step.unit);
      if (can_grow(limit)) {
        visit(top);
      } else {
        close();
      }
    }
  }

  [[nodiscard]] double load(std::size_t device_class) const;

 private:
  // Of a tensor: where its producer is, and how many readers are where.
  enum class Place : std::uint8_t { kAbove, kBase, kStage };
  struct TensorState {
    double transfer_s = 0.0;
    std::int32_t readers = 0;
    std::int32_t in_base = 0;
    std::int32_t in_stage = 0;
    Place producer = Place::kAbove;
  };
  struct Frame {
    std::size_t ideal = 0;
    std::int64_t next = 0;
    std::int32_t unit = -1;
    double lasting_s = 0.0;  // before the unit was added
    double open_s = 0.0;
  };

  void begin(std::size_t base);
  void open(std::size_t ideal, std::int32_t unit);
  void close();
  void add(std::int32_t unit);
  void remove(std::int32_t unit);
  [[nodiscard]] bool can_grow(double limit) const;

  const LoadProblem& problem_;
  const IdealLattice& lattice_;
  const IdealSums& sums_;
  std::vector<TensorState> tensors_;
  std::vector<std::int64_t> made_offsets_;  // unit → tensors it makes, and reads
  std::vector<std::int32_t> made_;
  std::vector<std::int64_t> read_offsets_;
  std::vector<std::int32_t> read_;
  std::vector<std::uint64_t> met_;  // number of the walk that met an ideal last
  std::vector<Frame> stack_;
  std::uint64_t walks_ = 0;
  std::size_t base_ = 0;
  double lasting_s_ = 0.0;
  double open_s_ = 0.0;
};

}  // namespace mp::partition

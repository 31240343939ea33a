// The dynamic program over the ideals of a lattice, below a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "partition/max_load/ideal_lattice.hpp"
#include "partition/max_load/load_problem.hpp"
#include "partition/max_load/segment_walk.hpp"
#include "partition/max_load/work_bound.hpp"

namespace mp::partition {

// Bytes that a StageSearch takes beside the lattice.
[[nodiscard]] double stage_search_bytes(const LoadProblem& problem, std::size_t ideals);

class StageSearch {
 public:
  StageSearch(const LoadProblem& problem, const IdealLattice& lattice);

  // The pipeline with the least largest load, if that is below `limit`. nullopt when there is none, or when stop() said
  // so first: then stopped() is true.
  [[nodiscard]] std::optional<LoadPlacement> below(double limit, const std::function<bool()>& stop);
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  // How many devices of each class are used, as one number: Σ used[c] × stride_[c].
  using State = std::size_t;

  void find_states();
  void price_ideals();
  [[nodiscard]] bool is_alive(std::size_t ideal, State state, double limit) const;
  void extend(std::size_t ideal, double limit);
  [[nodiscard]] LoadPlacement placement_to(State state) const;

  const LoadProblem& problem_;
  const IdealLattice& lattice_;
  IdealSums sums_;
  SegmentWalk walk_;
  WorkBound bound_;
  std::vector<std::int32_t> counts_;
  std::vector<std::size_t> stride_;
  std::vector<std::vector<std::int32_t>> used_;  // [state][class]
  std::vector<std::size_t> set_left_;            // [state]: classes with devices left, for the bound
  std::vector<double> offer_left_;               // [state]
  std::vector<std::vector<double>> priced_;      // [set][ideal]: Σ prices of the units outside
  std::vector<double> least_;                    // [ideal × states + state]: least largest load so far
  std::vector<std::int32_t> from_ideal_;
  std::vector<std::uint8_t> by_class_;
  std::vector<State> alive_;
  bool stopped_ = false;
};

}  // namespace mp::partition

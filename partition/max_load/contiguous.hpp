// Pipelines: the least max-load when each device takes the units between two ideals of the forward order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <vector>

#include "partition/max_load/load_problem.hpp"

namespace mp::partition {

struct ContiguousOptions {
  std::size_t max_bytes = std::size_t{600} << 20;  // of memory for the ideals and what is known of each
  double above_s = 0.0;                            // known: no placement has a smaller largest load
  std::function<bool()> stop = [] { return false; };
  std::function<void(double lower_s, double upper_s)> progress = [](double, double) {};
};

struct ContiguousResult {
  std::optional<LoadPlacement> placement;  // the best found; none: no pipeline fits, or none was found
  double seconds = std::numeric_limits<double>::infinity();
  double lower_bound_s = 0.0;  // no pipeline has a smaller largest load
  bool complete = false;       // searched to the end: `seconds` is the least (or nothing fits)
  std::size_t ideals = 0;      // 0: too many to list; then pipelines along a few orders of the units were searched
};

// Dynamic programming over ideals (Tarnawski et al., NeurIPS 2020, section 5.1). Instead of keeping the load of every
// pair of ideals, it goes from each ideal up through the stages that can still be below a limit and forgets them; the
// limit rises from the lower bound until a pipeline is found. Ideals that work alone shows to be dead ends are passed
// over. `problem` has no fixed units. Units that must precede each other go to one device.
[[nodiscard]] ContiguousResult best_contiguous(const LoadProblem& problem, const ContiguousOptions& options = {});

// The same among pipelines whose stages are stretches of `order`, which keeps problem.order.
[[nodiscard]] ContiguousResult best_along(const LoadProblem& problem, const std::vector<std::int32_t>& order,
                                          const ContiguousOptions& options = {});

}  // namespace mp::partition

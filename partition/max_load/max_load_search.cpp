#include "partition/max_load/max_load_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/base/quantities.hpp"
#include "partition/deadline.hpp"
#include "partition/max_load/contiguous.hpp"
#include "partition/max_load/free_placement.hpp"
#include "partition/max_load/load_bound.hpp"
#include "partition/max_load/model_loads.hpp"

namespace mp::partition {
namespace {

using Clock = std::chrono::steady_clock;
constexpr double kEqual = 1e-9;               // relative: a value this near its bound is optimal
constexpr double kShareForBounds = 0.3;       // of a time limit, each time
constexpr double kSecondsBetweenLines = 2.0;  // of progress

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A search of one problem: its clock, and what it has found.
class Search {
 public:
  Search(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
         const MaxLoadOptions& options)
      : training_(training), units_(units), options_(options), problem_(load_problem_of(training, units, cluster)) {}

  MaxLoadSearch run() && {
    const ContiguousResult pipeline = search_pipelines();
    const bool proved = options_.contiguous && pipeline.complete;
    result_.lower_bound_s = proved ? pipeline.seconds : quick_load_bound(problem_, best_seconds());
    if (options_.contiguous && !proved) bound(best_seconds());
    if (options_.contiguous) {
      result_.lower_bound_s = std::max(result_.lower_bound_s, pipeline.lower_bound_s);
    } else {
      search_free(pipeline);
    }
    if (result_.candidates.empty()) fail(pipeline);
    for (std::size_t i = 0; i < result_.candidates.size(); ++i) {
      if (result_.candidates[i].max_load_s < result_.candidates[result_.chosen].max_load_s) result_.chosen = i;
    }
    result_.lower_bound_s = std::min(result_.lower_bound_s, best_seconds());
    result_.optimal = best_seconds() <= result_.lower_bound_s * (1.0 + kEqual);
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool has_pins() const { return !problem_.fixed.empty(); }

  [[nodiscard]] std::function<bool()> stop() const {
    return [deadline = Deadline(start_, options_.time_limit_s, options_.stop)] { return deadline.passed(); };
  }

  [[nodiscard]] double best_seconds() const {
    double best = std::numeric_limits<double>::infinity();
    for (const LoadCandidate& candidate : result_.candidates) best = std::min(best, candidate.max_load_s);
    return best;
  }

  // Of the time there is, a part goes to proving.
  double bound(double above_s) {
    const Clock::time_point begin = Clock::now();
    result_.lower_bound_s = std::max(
        result_.lower_bound_s, load_lower_bound(problem_, above_s, [&] {
          return stop()() || (options_.time_limit_s && seconds_since(begin) > kShareForBounds * *options_.time_limit_s);
        }));
    return result_.lower_bound_s;
  }

  void tell(const std::string& line) {
    if (seconds_since(told_) < kSecondsBetweenLines) return;
    told_ = Clock::now();
    options_.progress(line);
  }

  ContiguousResult search_pipelines() {
    if (has_pins()) {
      if (options_.contiguous)
        throw UsageError("--contiguous chooses the device of every node, but the model pins some");
      return {};
    }
    const Clock::time_point begin = Clock::now();
    const ContiguousResult found =
        best_contiguous(problem_, {.stop = stop(), .progress = [this](double lower_s, double upper_s) {
                                     tell(fmt::format("pipelines: at least {}, so far {}", seconds_text(lower_s),
                                                      std::isfinite(upper_s) ? seconds_text(upper_s) : "none"));
                                   }});
    result_.ideals = found.ideals;
    if (found.placement) add("ideals", *found.placement, seconds_since(begin));
    return found;
  }

  void search_free(const ContiguousResult& pipeline) {
    const Clock::time_point begin = Clock::now();
    const FreePlacementResult found = best_free_placement(
        problem_,
        {.seed = options_.seed,
         .steps = options_.steps,
         .start = pipeline.placement,
         .lower_bound_s = result_.lower_bound_s,
         .bound = [this](double above_s) { return bound(above_s); },
         .stop = stop(),
         .time_used = [this] { return options_.time_limit_s ? seconds_since(start_) / *options_.time_limit_s : 0.0; },
         .progress =
             [this](double seconds) {
               tell(fmt::format("annealing: {}, at least {}", seconds_text(seconds),
                                seconds_text(result_.lower_bound_s)));
             }});
    if (found.placement) add("annealing", *found.placement, seconds_since(begin));
  }

  void add(const std::string& algorithm, const LoadPlacement& devices, double seconds) {
    LoadCandidate candidate{.algorithm = algorithm,
                            .placement = {},
                            .loads = loads_of(problem_, devices),
                            .traffic = {},
                            .max_load_s = max_load(problem_, devices),
                            .seconds = seconds};
    for (const NodeId node : ids<NodeId>(static_cast<std::size_t>(training_.forward_nodes))) {
      candidate.placement.push_back(make_id<DeviceId>(devices[index(units_.unit_of[node])]));
    }
    candidate.traffic = traffic(units_, candidate.placement);
    result_.candidates.push_back(std::move(candidate));
  }

  [[noreturn]] void fail(const ContiguousResult& pipeline) const {
    const std::int64_t needed = std::accumulate(problem_.bytes.begin(), problem_.bytes.end(), std::int64_t{0});
    std::int64_t there = 0;
    for (const std::int32_t c : problem_.class_of) there += problem_.classes[static_cast<std::size_t>(c)].memory_bytes;
    if (!pipeline.complete && stop()()) {
      throw InfeasibleError("the time was over before any placement was found: allow more (--time-limit)");
    }
    throw InfeasibleError(fmt::format(
        "no {} keeps the memory of the devices: the model needs {} and its largest group of nodes {}, the devices have "
        "{}. Use more devices, or devices with more memory{}",
        options_.contiguous ? "pipeline" : "placement found", bytes_text(needed),
        bytes_text(problem_.bytes.empty() ? 0 : *std::max_element(problem_.bytes.begin(), problem_.bytes.end())),
        bytes_text(there), options_.contiguous ? ", or leave out --contiguous" : ""));
  }

  const Clock::time_point start_ = Clock::now();
  Clock::time_point told_ = start_;
  const TrainingGraph& training_;
  const PlacementUnits& units_;
  const MaxLoadOptions& options_;
  const LoadProblem problem_;
  MaxLoadSearch result_;
};

}  // namespace

MaxLoadSearch search_max_load(const TrainingGraph& training, const PlacementUnits& units, const Cluster& cluster,
                              const MaxLoadOptions& options) {
  return Search(training, units, cluster, options).run();
}

}  // namespace mp::partition

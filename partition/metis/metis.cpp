#include "partition/metis/metis.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <metis.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <mutex>
#include <numeric>
#include <vector>

#include "lib/base/check.hpp"
#include "lib/base/error.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::partition {
namespace {

// METIS adds weights of both directions of an edge, and a vertex to a full block: leave it a bit of headroom.
constexpr Weight kLargestSum = std::numeric_limits<idx_t>::max() / 4;

// The problem in METIS's types. Constraints that weigh nothing are left out.
struct Problem {
  idx_t vertices = 0;
  idx_t constraints = 0;
  idx_t blocks = 0;
  std::vector<idx_t> offsets;
  std::vector<idx_t> neighbours;
  std::vector<idx_t> vertex_weights;
  std::vector<idx_t> edge_weights;
  std::vector<real_t> target_shares;  // blocks × constraints, summing to 1 per constraint
  std::vector<real_t> tolerances;     // per constraint, > 1
};

// weight · numerator / denominator, rounded to nearest.
idx_t scaled(Weight weight, Weight numerator, Weight denominator) {
  if (numerator >= denominator) return static_cast<idx_t>(weight);
  const long double share = static_cast<long double>(weight) / static_cast<long double>(denominator);
  return static_cast<idx_t>(share * static_cast<long double>(numerator) + 0.5L);
}

void copy_edges(Problem& problem, const WeightedGraph& graph) {
  const auto entries = static_cast<Weight>(graph.neighbours.size());
  if (!metis_accepts(graph))
    throw InfeasibleError(
        fmt::format("{} edges are more than METIS with {}-bit indices can count; choose another "
                    "algorithm",
                    graph.edges(), 8 * sizeof(idx_t)));
  problem.offsets.assign(graph.offsets.begin(), graph.offsets.end());
  problem.neighbours.resize(graph.neighbours.size());
  std::transform(graph.neighbours.begin(), graph.neighbours.end(), problem.neighbours.begin(),
                 [](VertexId v) { return static_cast<idx_t>(v); });
  const Weight sum = std::reduce(graph.edge_weights.begin(), graph.edge_weights.end(), Weight{0});
  problem.edge_weights.resize(graph.edge_weights.size());
  // An edge weighs at least 1, which adds at most one unit per entry to the scaled sum.
  std::transform(graph.edge_weights.begin(), graph.edge_weights.end(), problem.edge_weights.begin(), [&](Weight w) {
    return sum <= kLargestSum ? static_cast<idx_t>(w) : std::max<idx_t>(1, scaled(w, kLargestSum - entries, sum));
  });
}

// A vertex heavier than every block cannot be balanced anyway, but makes METIS bisect empty graphs: cap it.
Weight heaviest_allowed(const BalanceLimits& limits, std::size_t constraint) {
  Weight heaviest = 0;
  for (std::size_t b = 0; b < static_cast<std::size_t>(limits.blocks); ++b)
    heaviest = std::max(heaviest, limits.max_weights[b * static_cast<std::size_t>(limits.constraints) + constraint]);
  return heaviest;
}

std::vector<Weight> capped_weights(const WeightedGraph& graph, const BalanceLimits& limits, std::size_t constraint) {
  const auto constraints = static_cast<std::size_t>(graph.constraints);
  const Weight cap = std::max<Weight>(1, heaviest_allowed(limits, constraint));
  std::vector<Weight> result;
  result.reserve(static_cast<std::size_t>(graph.vertices()));
  for (std::size_t i = constraint; i < graph.vertex_weights.size(); i += constraints)
    result.push_back(std::min(cap, graph.vertex_weights[i]));
  return result;
}

struct Constraint {
  std::vector<idx_t> weights;
  std::vector<double> shares;  // per block
  double tolerance = 1.03;
};

// Shares follow the limits; METIS wants every one positive, so a block that may hold nothing gets a sliver.
Constraint make_constraint(const std::vector<Weight>& weights, const BalanceLimits& limits, std::size_t constraint) {
  constexpr double kSliver = 1e-4;
  const Weight sum = std::reduce(weights.begin(), weights.end(), Weight{0});
  Constraint result;
  for (const Weight w : weights) result.weights.push_back(scaled(w, kLargestSum, std::max(kLargestSum, sum)));
  double capacity = 0.0;
  for (std::size_t b = 0; b < static_cast<std::size_t>(limits.blocks); ++b) {
    const Weight limit = limits.max_weights[b * static_cast<std::size_t>(limits.constraints) + constraint];
    result.shares.push_back(static_cast<double>(limit));
    capacity += result.shares.back();
  }
  double shares = 0.0;
  for (double& share : result.shares) {
    share = capacity > 0.0 ? std::max(share / capacity, kSliver / static_cast<double>(limits.blocks))
                           : 1.0 / static_cast<double>(limits.blocks);
    shares += share;
  }
  for (double& share : result.shares) share /= shares;
  // Room for the whole graph in one block and more would let METIS leave the others empty.
  result.tolerance = std::clamp(capacity / static_cast<double>(sum), 1.001, 1.9);
  return result;
}

std::vector<Constraint> constraints_of(const WeightedGraph& graph, const BalanceLimits& limits) {
  std::vector<Constraint> result;
  for (std::size_t c = 0; c < static_cast<std::size_t>(graph.constraints); ++c) {
    const std::vector<Weight> weights = capped_weights(graph, limits, c);
    if (std::any_of(weights.begin(), weights.end(), [](Weight w) { return w > 0; }))
      result.push_back(make_constraint(weights, limits, c));
  }
  if (!result.empty()) return result;
  const auto blocks = static_cast<std::size_t>(limits.blocks);
  result.push_back({.weights = std::vector<idx_t>(static_cast<std::size_t>(graph.vertices()), 1),
                    .shares = std::vector<double>(blocks, 1.0 / static_cast<double>(blocks))});
  return result;
}

void copy_constraints(Problem& problem, const std::vector<Constraint>& constraints) {
  problem.constraints = static_cast<idx_t>(constraints.size());
  for (std::size_t v = 0; v < static_cast<std::size_t>(problem.vertices); ++v)
    for (const Constraint& c : constraints) problem.vertex_weights.push_back(c.weights[v]);
  for (std::size_t b = 0; b < static_cast<std::size_t>(problem.blocks); ++b)
    for (const Constraint& c : constraints) problem.target_shares.push_back(static_cast<real_t>(c.shares[b]));
  for (const Constraint& c : constraints) problem.tolerances.push_back(static_cast<real_t>(c.tolerance));
}

Problem make_problem(const WeightedGraph& graph, const BalanceLimits& limits) {
  Problem problem;
  problem.vertices = static_cast<idx_t>(graph.vertices());
  problem.blocks = static_cast<idx_t>(limits.blocks);
  copy_edges(problem, graph);
  copy_constraints(problem, constraints_of(graph, limits));
  return problem;
}

// METIS complains about small parts with printf, into the middle of our results: nothing reaches standard output
// while one of these lives.
class QuietStdout {
 public:
  QuietStdout() : saved_(::dup(STDOUT_FILENO)) {
    if (saved_ < 0) return;  // closed: nobody hears the complaint anyway
    std::fflush(stdout);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) return;
    ::dup2(nowhere, STDOUT_FILENO);
    ::close(nowhere);
  }
  QuietStdout(const QuietStdout&) = delete;
  QuietStdout& operator=(const QuietStdout&) = delete;
  ~QuietStdout() {
    if (saved_ < 0) return;
    std::fflush(stdout);
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

std::vector<idx_t> call_metis(Problem& problem, const MetisOptions& options) {
  static std::mutex one_at_a_time;  // METIS's globals are the reason, see the header
  const std::scoped_lock lock(one_at_a_time);
  const QuietStdout quiet;
  idx_t settings[METIS_NOPTIONS];
  METIS_SetDefaultOptions(settings);
  settings[METIS_OPTION_NUMBERING] = 0;
  settings[METIS_OPTION_SEED] = static_cast<idx_t>(options.seed % 0x7fffffffU);
  settings[METIS_OPTION_NCUTS] = options.cuts;
  settings[METIS_OPTION_NITER] = options.iterations;
  std::vector<idx_t> blocks(static_cast<std::size_t>(problem.vertices), 0);
  idx_t cut = 0;
  const auto partition = options.method == MetisMethod::kKway ? METIS_PartGraphKway : METIS_PartGraphRecursive;
  const int status =
      partition(&problem.vertices, &problem.constraints, problem.offsets.data(), problem.neighbours.data(),
                problem.vertex_weights.data(), nullptr, problem.edge_weights.data(), &problem.blocks,
                problem.target_shares.data(), problem.tolerances.data(), settings, &cut, blocks.data());
  if (status != METIS_OK) throw RunError(fmt::format("METIS failed (status {})", status));
  return blocks;
}

// One vertex a block: the heaviest vertex to the roomiest block.
Assignment one_each(const WeightedGraph& graph, const BalanceLimits& limits) {
  std::vector<VertexId> vertices;
  for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices()))) vertices.push_back(v);
  std::stable_sort(vertices.begin(), vertices.end(), [&](VertexId a, VertexId b) {
    return std::ranges::lexicographical_compare(graph.weights_of(b), graph.weights_of(a));
  });
  std::vector<BlockId> blocks;
  for (const BlockId b : ids<BlockId>(static_cast<std::size_t>(limits.blocks))) blocks.push_back(b);
  std::stable_sort(blocks.begin(), blocks.end(), [&](BlockId a, BlockId b) {
    return std::ranges::lexicographical_compare(limits.of(b), limits.of(a));
  });
  Assignment assignment(vertices.size());
  for (std::size_t i = 0; i < vertices.size(); ++i) assignment[vertices[i]] = blocks[i];
  return assignment;
}

}  // namespace

bool metis_accepts(const WeightedGraph& graph) { return static_cast<Weight>(graph.neighbours.size()) < kLargestSum; }

Assignment metis_partition(const WeightedGraph& graph, const BalanceLimits& limits, const MetisOptions& options) {
  MP_CHECK(limits.blocks >= 1 && limits.constraints == graph.constraints);
  const auto vertices = static_cast<std::size_t>(graph.vertices());
  if (limits.blocks == 1 || vertices == 0) return Assignment(vertices, BlockId{0});
  if (graph.vertices() <= limits.blocks) return one_each(graph, limits);
  Problem problem = make_problem(graph, limits);
  const std::vector<idx_t> blocks = call_metis(problem, options);
  Assignment assignment(vertices);
  for (const VertexId v : ids<VertexId>(vertices)) {
    const idx_t b = blocks[index(v)];
    MP_CHECK(b >= 0 && b < problem.blocks);
    assignment[v] = make_id<BlockId>(b);
  }
  return assignment;
}

}  // namespace mp::partition

#include "partition/pipeline/stage_costs.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "lib/base/check.hpp"

namespace mp::partition {
namespace {

void check_option(const PiperOption& option, std::size_t edges_in, std::size_t edges_out) {
  MP_CHECK(option.time_s >= 0.0 && option.parameter_bytes >= 0.0);
  MP_CHECK(option.memory_per_microbatch_bytes >= 0.0 && option.memory_bytes >= 0.0);
  MP_CHECK(option.sync_in_bytes.empty() || option.sync_in_bytes.size() == edges_in);
  MP_CHECK(option.sync_out_bytes.empty() || option.sync_out_bytes.size() == edges_out);
}

double least_work(const PiperNode& node) {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [t, options] : node.options)
    for (const PiperOption& option : options) least = std::min(least, t * option.time_s);
  return least;
}

}  // namespace

StageOption& StageOption::operator+=(const StageOption& other) {
  divided_s += other.divided_s;
  exchanged_s += other.exchanged_s;
  per_microbatch_bytes += other.per_microbatch_bytes;
  constant_bytes += other.constant_bytes;
  return *this;
}

StageOption operator-(StageOption a, const StageOption& b) {
  a.divided_s -= b.divided_s;
  a.exchanged_s -= b.exchanged_s;
  a.per_microbatch_bytes -= b.per_microbatch_bytes;
  a.constant_bytes -= b.constant_bytes;
  return a;
}

StageCosts::StageCosts(const PiperProblem& problem)
    : problem_(problem), in_(problem.nodes.size()), out_(problem.nodes.size()) {
  MP_CHECK(problem.devices >= 1 && problem.bandwidth_bytes_per_s > 0.0 && problem.microbatches >= 0);
  for (const PiperEdge& edge : problem.edges) {
    out_[index(edge.from)].push_back({edge.to, edge.bytes});
    in_[index(edge.to)].push_back({edge.from, edge.bytes});
  }
  std::set<std::int32_t> degrees;
  for (std::size_t v = 0; v < problem.nodes.size(); ++v) {
    MP_CHECK(!problem.nodes[v].options.empty());
    for (const auto& [t, options] : problem.nodes[v].options) {
      MP_CHECK(t >= 1 && !options.empty());
      for (const PiperOption& option : options) check_option(option, in_[v].size(), out_[v].size());
      if (t <= problem.devices) degrees.insert(t);
    }
    work_s_.push_back(least_work(problem.nodes[v]));
    BitSet nothing_crosses(problem.nodes.size());
    for (std::size_t w = 0; w < problem.nodes.size(); ++w) nothing_crosses.add(make_id<VertexId>(w));
    auto& least = least_.emplace_back();
    for (const auto& [t, unused] : problem.nodes[v].options)
      least[t] = bounds(options({make_id<VertexId>(v)}, nothing_crosses, BitSet(problem.nodes.size()), t)).least;
  }
  tensor_degrees_.assign(degrees.begin(), degrees.end());
  most_replicas_ = problem.devices;
  if (problem.microbatches > 0 && problem.microbatches < problem.devices)
    most_replicas_ = static_cast<std::int32_t>(problem.microbatches);
  for (std::int32_t d = 1; d <= most_replicas_; ++d)
    if (problem.microbatches % d == 0) data_degrees_.push_back(d);
}

double StageCosts::entering_s(const BitSet& upset) const {
  if (problem_.transfers == Transfers::kAdded) return 0.0;
  std::set<std::pair<VertexId, std::int32_t>> seen;
  double bytes = 0.0;
  for (const PiperEdge& edge : problem_.edges) {
    const bool enters = !upset.has(edge.from) && upset.has(edge.to);
    if (enters && seen.emplace(edge.from, edge.output).second) bytes += edge.bytes;
  }
  return 2.0 * bytes / problem_.bandwidth_bytes_per_s;
}

const StageOption* StageCosts::least(VertexId v, std::int32_t t) const {
  const auto found = least_[index(v)].find(t);
  return found == least_[index(v)].end() ? nullptr : &found->second;
}

double StageCosts::exchange_share(std::int32_t d) const {
  const double microbatches = problem_.microbatches > 0 ? static_cast<double>(problem_.microbatches) : d;
  return static_cast<double>(d - 1) / d / microbatches;
}

double StageCosts::crossing_bytes(const PiperOption& option, VertexId v, const BitSet& outer,
                                  const BitSet& inner) const {
  double bytes = 0.0;
  if (problem_.transfers == Transfers::kBeside) return bytes;
  const auto add = [&](const std::vector<Neighbour>& edges, const std::vector<double>& sync) {
    for (std::size_t e = 0; e < edges.size(); ++e) {
      if (outer.has(edges[e].node) && !inner.has(edges[e].node)) continue;
      bytes += edges[e].bytes + (sync.empty() ? 0.0 : sync[e]);
    }
  };
  add(in_[index(v)], option.sync_in_bytes);
  add(out_[index(v)], option.sync_out_bytes);
  return bytes;
}

StageOptions StageCosts::options(const std::vector<VertexId>& members, const BitSet& outer, const BitSet& inner,
                                 std::int32_t t) const {
  StageOptions stage;
  const double bandwidth = problem_.bandwidth_bytes_per_s;
  for (const VertexId v : members) {
    const auto found = problem_.nodes[index(v)].options.find(t);
    if (found == problem_.nodes[index(v)].options.end()) return {};
    for (const PiperOption& option : found->second) {
      // Forward and backward each cross once: 2. The 4 is PipeDream's parameter server, as in the paper.
      stage.options.push_back({.divided_s = option.time_s + 2.0 * crossing_bytes(option, v, outer, inner) / bandwidth,
                               .exchanged_s = 4.0 * option.parameter_bytes / bandwidth,
                               .per_microbatch_bytes = option.memory_per_microbatch_bytes,
                               .constant_bytes = option.memory_bytes});
    }
    stage.first.push_back(static_cast<std::int32_t>(stage.options.size()));
  }
  return stage;
}

StageBounds StageCosts::bounds(const StageOptions& options) {
  StageBounds bounds{.possible = options.first.size() > 1, .least = {}};
  for (std::size_t i = 0; i + 1 < options.first.size(); ++i) {
    StageOption least = options.options[static_cast<std::size_t>(options.first[i])];
    for (std::int32_t o = options.first[i] + 1; o < options.first[i + 1]; ++o) {
      const StageOption& option = options.options[static_cast<std::size_t>(o)];
      least.divided_s = std::min(least.divided_s, option.divided_s);
      least.exchanged_s = std::min(least.exchanged_s, option.exchanged_s);
      least.per_microbatch_bytes = std::min(least.per_microbatch_bytes, option.per_microbatch_bytes);
      least.constant_bytes = std::min(least.constant_bytes, option.constant_bytes);
    }
    bounds.least += least;
  }
  return bounds;
}

ItemOptions StageCosts::items(const StageOptions& options, std::int32_t d, std::int32_t in_flight) const {
  ItemOptions items{.options = {}, .first = options.first};
  items.options.reserve(options.options.size());
  const double share = exchange_share(d);
  for (const StageOption& option : options.options) {
    items.options.push_back({.cost = option.divided_s / d + option.exchanged_s * share,
                             .memory = option.per_microbatch_bytes * in_flight + option.constant_bytes});
  }
  return items;
}

}  // namespace mp::partition

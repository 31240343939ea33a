#include "partition/pipeline/piper.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>

#include "partition/graph/random_source.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

bool holds(const PiperStage& stage, VertexId v) {
  return std::find(stage.nodes.begin(), stage.nodes.end(), v) != stage.nodes.end();
}

// Sync bytes of one edge at one of its ends; `into`: at its head.
double sync_of(const PiperProblem& problem, const PiperOption& option, std::size_t edge, bool into) {
  const std::vector<double>& all = into ? option.sync_in_bytes : option.sync_out_bytes;
  std::size_t position = 0;
  for (std::size_t e = 0; e < edge; ++e)
    position +=
        into ? problem.edges[e].to == problem.edges[edge].to : problem.edges[e].from == problem.edges[edge].from;
  return all.empty() ? 0.0 : all[position];
}

// Seconds that what enters stages[first] and all after it takes, there and back.
double entering_s(const PiperProblem& problem, const std::vector<PiperStage>& stages, std::size_t first) {
  std::map<std::pair<VertexId, std::int32_t>, double> tensors;
  for (const PiperEdge& edge : problem.edges) {
    std::size_t from = 0;
    std::size_t to = 0;
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (holds(stages[s], edge.from)) from = s;
      if (holds(stages[s], edge.to)) to = s;
    }
    if (from < first && to >= first) tensors[{edge.from, edge.output}] = edge.bytes;
  }
  double bytes = 0.0;
  for (const auto& [tensor, size] : tensors) bytes += size;
  return 2.0 * bytes / problem.bandwidth_bytes_per_s;
}

// The papers' formulas, term by term, of stages[s].
double time_of(const PiperProblem& problem, const std::vector<PiperStage>& stages, std::size_t s,
               const PiperStage& stage) {
  const double d = stage.data_parallel;
  const bool is_added = problem.transfers == Transfers::kAdded;
  double compute = 0.0;
  double bytes = 0.0;
  for (std::size_t i = 0; i < stage.nodes.size(); ++i) {
    const VertexId v = stage.nodes[i];
    const PiperOption& option =
        problem.nodes[index(v)].options.at(stage.tensor_parallel)[static_cast<std::size_t>(stage.options[i])];
    compute += option.time_s / d;
    const double period = problem.microbatches > 0 ? static_cast<double>(problem.microbatches) : d;
    bytes += 4.0 * (d - 1.0) / d * option.parameter_bytes / period;
    for (std::size_t e = 0; is_added && e < problem.edges.size(); ++e) {
      const PiperEdge& edge = problem.edges[e];
      if (edge.to == v && !holds(stage, edge.from)) bytes += 2.0 * (edge.bytes + sync_of(problem, option, e, true)) / d;
      if (edge.from == v && !holds(stage, edge.to))
        bytes += 2.0 * (edge.bytes + sync_of(problem, option, e, false)) / d;
    }
  }
  const double time = compute + bytes / problem.bandwidth_bytes_per_s;
  if (is_added) return time;
  return std::max({time, entering_s(problem, stages, s) / d, entering_s(problem, stages, s + 1) / d});
}

double memory_of(const PiperProblem& problem, const PiperStage& stage, std::int32_t in_flight) {
  double bytes = 0.0;
  for (std::size_t i = 0; i < stage.nodes.size(); ++i) {
    const PiperOption& option = problem.nodes[index(stage.nodes[i])].options.at(
        stage.tensor_parallel)[static_cast<std::size_t>(stage.options[i])];
    bytes += option.memory_per_microbatch_bytes * in_flight + option.memory_bytes;
  }
  return bytes;
}

// The slowest stage of the best options, trying all of them.
double best_options(const PiperProblem& problem, const std::vector<PiperStage>& stages, std::size_t s,
                    std::int32_t in_flight) {
  PiperStage stage = stages[s];
  double best = kNever;
  stage.options.assign(stage.nodes.size(), 0);
  for (;;) {
    if (memory_of(problem, stage, in_flight) <= problem.memory_bytes)
      best = std::min(best, time_of(problem, stages, s, stage));
    std::size_t i = 0;
    for (; i < stage.nodes.size(); ++i) {
      const auto& options = problem.nodes[index(stage.nodes[i])].options.at(stage.tensor_parallel);
      if (++stage.options[i] < static_cast<std::int32_t>(options.size())) break;
      stage.options[i] = 0;
    }
    if (i == stage.nodes.size()) return best;
  }
}

bool supports(const PiperProblem& problem, const PiperStage& stage, std::int32_t t) {
  return std::all_of(stage.nodes.begin(), stage.nodes.end(),
                     [&](VertexId v) { return problem.nodes[index(v)].options.contains(t); });
}

// Every shape of these stages, from the last to the first.
double best_shapes(const PiperProblem& problem, std::vector<PiperStage>& stages, std::size_t left, std::int32_t devices,
                   std::int32_t replicas) {
  if (left == 0) return 0.0;
  PiperStage& stage = stages[left - 1];
  double best = kNever;
  for (const std::int32_t t : {1, 2, 3}) {
    if (!supports(problem, stage, t)) continue;
    for (std::int32_t d = 1; d * t <= devices; ++d) {
      if (problem.microbatches > 0 && (problem.microbatches % d != 0 || replicas + d > problem.microbatches)) continue;
      stage.tensor_parallel = t;
      stage.data_parallel = d;
      const double time = best_options(problem, stages, left - 1, (replicas + d + d - 1) / d);
      if (time == kNever) continue;
      best = std::min(best, std::max(time, best_shapes(problem, stages, left - 1, devices - d * t, replicas + d)));
    }
  }
  return best;
}

// Every way to lay the nodes into stages without an edge that goes back.
double brute_force(const PiperProblem& problem) {
  const std::size_t n = problem.nodes.size();
  std::vector<std::size_t> stage_of(n, 0);
  double best = kNever;
  for (;;) {
    const std::size_t count = 1 + *std::max_element(stage_of.begin(), stage_of.end());
    std::vector<PiperStage> stages(count);
    for (std::size_t v = 0; v < n; ++v) stages[stage_of[v]].nodes.push_back(make_id<VertexId>(v));
    const bool is_valid =
        std::none_of(stages.begin(), stages.end(), [](const PiperStage& s) { return s.nodes.empty(); }) &&
        std::all_of(problem.edges.begin(), problem.edges.end(),
                    [&](const PiperEdge& e) { return stage_of[index(e.from)] <= stage_of[index(e.to)]; });
    if (is_valid) best = std::min(best, best_shapes(problem, stages, count, problem.devices, 0));
    std::size_t v = 0;
    while (v < n && ++stage_of[v] == n) stage_of[v++] = 0;
    if (v == n) return best;
  }
}

PiperOption random_option(RandomSource& random, std::int32_t t, std::size_t in, std::size_t out) {
  PiperOption option{.name = "random",
                     .time_s = static_cast<double>(random.below(60)) / t,
                     .parameter_bytes = static_cast<double>(random.below(20)),
                     .memory_per_microbatch_bytes = static_cast<double>(random.below(8)),
                     .memory_bytes = static_cast<double>(random.below(8)),
                     .sync_in_bytes = {},
                     .sync_out_bytes = {}};
  if (random.below(2) == 0) return option;
  for (std::size_t e = 0; e < in; ++e) option.sync_in_bytes.push_back(static_cast<double>(random.below(5)));
  for (std::size_t e = 0; e < out; ++e) option.sync_out_bytes.push_back(static_cast<double>(random.below(5)));
  return option;
}

PiperProblem random_problem(RandomSource& random, std::size_t nodes) {
  PiperProblem problem{.nodes = {}, .edges = {}, .devices = static_cast<std::int32_t>(1 + random.below(6))};
  problem.memory_bytes = static_cast<double>(10 + random.below(40));
  problem.bandwidth_bytes_per_s = static_cast<double>(1 + random.below(4));
  problem.microbatches = static_cast<std::int64_t>(random.below(3)) * 6;
  if (random.below(3) == 0) problem.transfers = Transfers::kBeside;
  std::vector<std::size_t> in(nodes, 0);
  std::vector<std::size_t> out(nodes, 0);
  for (std::size_t b = 0; b < nodes; ++b) {
    for (std::size_t a = 0; a < b; ++a) {
      if (random.below(2) == 0) continue;
      // Ids need not be in topological order.
      const VertexId from = make_id<VertexId>(nodes - 1 - a);
      const VertexId to = make_id<VertexId>(nodes - 1 - b);
      problem.edges.push_back(
          {from, to, static_cast<double>(random.below(9)), static_cast<std::int32_t>(out[index(from)])});
      ++out[index(from)];
      ++in[index(to)];
    }
  }
  for (std::size_t v = 0; v < nodes; ++v) {
    PiperNode node;
    for (const std::int32_t t : {1, 2, 3}) {
      if (t > 1 && random.below(3) == 0) continue;
      for (std::uint64_t i = 0; i <= random.below(3); ++i)
        node.options[t].push_back(random_option(random, t, in[v], out[v]));
    }
    problem.nodes.push_back(node);
  }
  return problem;
}

// What a plan says of itself is what the formulas say, and it breaks no limit.
void check_plan(const PiperProblem& problem, const PiperPlan& plan) {
  std::vector<std::int32_t> stage_of(problem.nodes.size(), -1);
  std::int32_t devices = 0;
  std::int32_t replicas = 0;
  double slowest = 0.0;
  for (std::size_t s = plan.stages.size(); s-- > 0;) {
    const PiperStage& stage = plan.stages[s];
    REQUIRE(stage.nodes.size() == stage.options.size());
    for (const VertexId v : stage.nodes) {
      CHECK(stage_of[index(v)] == -1);
      stage_of[index(v)] = static_cast<std::int32_t>(s);
    }
    devices += stage.data_parallel * stage.tensor_parallel;
    replicas += stage.data_parallel;
    if (problem.microbatches > 0) CHECK(problem.microbatches % stage.data_parallel == 0);
    CHECK(stage.in_flight == (replicas + stage.data_parallel - 1) / stage.data_parallel);
    CHECK(stage.memory_bytes == Approx(memory_of(problem, stage, stage.in_flight)));
    CHECK(stage.memory_bytes <= problem.memory_bytes);
    CHECK(stage.time_s == Approx(time_of(problem, plan.stages, s, stage)));
    slowest = std::max(slowest, stage.time_s);
  }
  CHECK(std::count(stage_of.begin(), stage_of.end(), -1) == 0);
  for (const PiperEdge& edge : problem.edges) CHECK(stage_of[index(edge.from)] <= stage_of[index(edge.to)]);
  CHECK(devices <= problem.devices);
  if (problem.microbatches > 0) CHECK(replicas <= problem.microbatches);
  CHECK(plan.time_s == slowest);
  CHECK(plan.lower_bound_s <= plan.time_s);
}

PiperOption option(double time_s, double parameters, double per_microbatch, double memory) {
  return {.name = "plain",
          .time_s = time_s,
          .parameter_bytes = parameters,
          .memory_per_microbatch_bytes = per_microbatch,
          .memory_bytes = memory,
          .sync_in_bytes = {},
          .sync_out_bytes = {}};
}

}  // namespace

TEST_CASE("Piper: two nodes, two devices, computed by hand", "[piper]") {
  PiperProblem problem{.nodes = {{{{1, {option(8, 0, 1, 1)}}}}, {{{1, {option(8, 0, 1, 1)}}}}},
                       .edges = {{VertexId{0}, VertexId{1}, 1.0}},
                       .devices = 2,
                       .memory_bytes = 100,
                       .bandwidth_bytes_per_s = 1,
                       .microbatches = 4};
  SECTION("replicas need no transfers: 16 / 2") {
    const auto plan = plan_piper(problem);
    REQUIRE(plan);
    REQUIRE(plan->stages.size() == 1);
    CHECK(plan->stages[0].data_parallel == 2);
    CHECK(plan->time_s == 8.0);
    CHECK(plan->optimal);
    CHECK(plan->lower_bound_s == Approx(8.0));
  }
  SECTION("parameters of 10 bytes cost replicas 4 · 1/2 · 20 / 4 = 10 s more: a pipeline, 8 + 2 · 1") {
    for (PiperNode& node : problem.nodes) node.options[1][0].parameter_bytes = 10;
    const auto plan = plan_piper(problem);
    REQUIRE(plan);
    CHECK(plan->stages.size() == 2);
    CHECK(plan->time_s == 10.0);
  }
  SECTION("the first stage of a pipeline has two microbatches under way") {
    problem.memory_bytes = 3;
    const auto plan = plan_piper(problem);
    REQUIRE(plan);
    REQUIRE(plan->stages.size() == 2);
    CHECK(plan->stages[0].in_flight == 2);
    CHECK(plan->stages[0].memory_bytes == 3);
    CHECK(plan->stages[1].in_flight == 1);
    problem.memory_bytes = 2.9;
    CHECK_FALSE(plan_piper(problem));
    CHECK(least_memory_bytes(problem) == 1048576.0);
  }
  SECTION("slower options are taken where memory asks for them, and there alone") {
    problem.memory_bytes = 2;
    for (PiperNode& node : problem.nodes) node.options[1].push_back(option(9, 0, 0.5, 1));
    const auto plan = plan_piper(problem);
    REQUIRE(plan);
    REQUIRE(plan->stages.size() == 2);
    CHECK(plan->stages[0].options == std::vector<std::int32_t>{1});
    CHECK(plan->stages[1].options == std::vector<std::int32_t>{0});
    CHECK(plan->time_s == 11.0);
  }
}

TEST_CASE("Piper: the best of all plans of small problems", "[piper]") {
  RandomSource random(11);
  int feasible = 0;
  for (int round = 0; round < 150; ++round) {
    INFO("round " << round);
    const PiperProblem problem = random_problem(random, 1 + random.below(4));
    const double best = brute_force(problem);
    const auto plan = plan_piper(problem);
    REQUIRE(plan.has_value() == (best != kNever));
    if (!plan) continue;
    ++feasible;
    check_plan(problem, *plan);
    CHECK(plan->optimal);
    CHECK(plan->time_s == Approx(best).epsilon(1e-11));
    CHECK(plan->lower_bound_s == Approx(best).epsilon(1e-11));
  }
  CHECK(feasible > 40);
  CHECK(feasible < 150);
}

TEST_CASE("Piper: plans of larger problems keep what they promise, with and without a proof", "[piper]") {
  RandomSource random(12);
  for (int round = 0; round < 15; ++round) {
    INFO("round " << round);
    PiperProblem problem = random_problem(random, 9);
    problem.devices = 24;
    problem.memory_bytes *= 8;
    const auto plan = plan_piper(problem);
    const auto quick = plan_piper(problem, {.max_upsets = 4, .max_pairs = 1000});
    if (!quick) continue;
    REQUIRE(plan);
    check_plan(problem, *plan);
    check_plan(problem, *quick);
    CHECK_FALSE(quick->optimal);
    CHECK(quick->lower_bound_s <= plan->time_s * (1 + 1e-12));
    CHECK(plan->time_s <= quick->time_s * (1 + 1e-12));
  }
}

TEST_CASE("Piper: the least memory is enough, and a mebibyte less is not", "[piper]") {
  RandomSource random(13);
  PiperProblem problem = random_problem(random, 6);
  problem.devices = 4;
  for (PiperNode& node : problem.nodes) {
    for (auto& [t, options] : node.options)
      for (PiperOption& o : options) o.memory_bytes = 5e8 / t + 1e6 * o.memory_bytes;
  }
  problem.memory_bytes = 1;
  REQUIRE_FALSE(plan_piper(problem));
  const auto least = least_memory_bytes(problem);
  REQUIRE(least);
  problem.memory_bytes = *least;
  CHECK(plan_piper(problem));
  problem.memory_bytes = *least - 1048576.0;
  CHECK_FALSE(plan_piper(problem));
}

}  // namespace mp::partition

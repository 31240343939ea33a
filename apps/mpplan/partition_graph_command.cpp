#include "apps/mpplan/partition_graph_command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "apps/common/table.hpp"
#include "apps/mpplan/graph_progress.hpp"
#include "apps/mpplan/interrupt.hpp"
#include "lib/base/error.hpp"
#include "lib/files/json_writer.hpp"
#include "partition/files/metis_graph.hpp"
#include "partition/files/part_file.hpp"
#include "partition/graph/metrics.hpp"

namespace mp::apps {
namespace {

using partition::BalanceLimits;
using partition::BlockId;
using partition::Candidate;
using partition::Weight;
using partition::WeightedGraph;

constexpr double kDefaultImbalance = 0.03;  // METIS's own for k-way

struct Result {
  const WeightedGraph& graph;
  const BalanceLimits& limits;
  const std::vector<Candidate>& candidates;
  const Candidate& best;
  std::string output;
  double seconds = 0.0;
};

void require_graph_flags(const PartitionOptions& o) {
  if (!o.blocks) throw UsageError("say into how many blocks to cut the graph: --blocks N");
  const std::pair<bool, const char*> others[] = {{o.devices.has_value(), "--devices"},
                                                 {o.cluster.has_value(), "--cluster"},
                                                 {o.profile.has_value(), "--profile"},
                                                 {o.memory_imbalance.has_value(), "--memory-imbalance"},
                                                 {!o.step.bind.empty(), "--bind"},
                                                 {o.objective != "cut", "--objective"},
                                                 {o.acyclic, "--acyclic"},
                                                 {o.step.microbatches.has_value(), "--microbatches"},
                                                 {o.step.optimizer.has_value(), "--optimizer"},
                                                 {o.step.schedule.has_value(), "--schedule"}};
  for (const auto& [given, flag] : others) {
    if (given) throw UsageError(fmt::format("{} is for models: a .graph file has only vertices and weights", flag));
  }
}

double worst(const std::vector<double>& imbalance) {
  return imbalance.empty() ? 0.0 : *std::max_element(imbalance.begin(), imbalance.end());
}

std::string text_of(const Result& r, const PartitionOptions& options) {
  std::string text =
      fmt::format("{}: {} vertices, {} edges into {} blocks, seed {}\n\n", options.input,
                  count_text(r.graph.vertices()), count_text(r.graph.edges()), r.limits.blocks, options.seed);
  Table table({"algorithm", "cut", "imbalance", "in balance", "time", ""});
  for (const Candidate& c : r.candidates) {
    table.add({c.algorithm, count_text(c.cut), percent_text(worst(c.imbalance)), c.feasible ? "yes" : "no",
               seconds_text(c.seconds), &c == &r.best ? "<- chosen" : ""});
  }
  text += table.text();
  if (r.best.lower_bound) {
    text += r.best.optimal ? "optimal\n" : fmt::format("lower bound {}\n", count_text(*r.best.lower_bound));
  }
  return text + fmt::format("{} written in {}\n", r.output, seconds_text(r.seconds));
}

void write_numbers(JsonWriter& writer, const Candidate& c) {
  writer.member("cut", c.cut).member("imbalance", worst(c.imbalance)).member("feasible", c.feasible);
}

std::string json_of(const Result& r, const PartitionOptions& options) {
  JsonWriter writer;
  writer.begin_object().member("algorithm", r.best.algorithm).member("seed", options.seed);
  writer.member("seconds", r.seconds).key("objective").begin_object(JsonWriter::Layout::kInline);
  writer.member("name", "cut").member("value", r.best.cut).key("lower_bound");
  if (r.best.lower_bound) {
    writer.value(*r.best.lower_bound);
  } else {
    writer.null();
  }
  writer.member("optimal", r.best.optimal).end();
  writer.member("unit", "weight");
  write_numbers(writer, r.best);
  writer.member("partition", r.output).key("blocks").begin_array();
  const std::vector<Weight> weights = block_weights_of(r.graph, r.best.assignment, r.limits.blocks);
  const auto constraints = static_cast<std::size_t>(r.graph.constraints);
  for (std::size_t b = 0; b < static_cast<std::size_t>(r.limits.blocks); ++b) {
    const auto first = weights.begin() + static_cast<std::ptrdiff_t>(b * constraints);
    writer.values(std::vector<Weight>(first, first + static_cast<std::ptrdiff_t>(constraints)));
  }
  writer.end().key("candidates").begin_array();
  for (const Candidate& c : r.candidates) {
    writer.begin_object(JsonWriter::Layout::kInline).member("algorithm", c.algorithm);
    write_numbers(writer, c);
    writer.member("seconds", c.seconds).end();
  }
  writer.end().end();
  return std::move(writer).take();
}

}  // namespace

bool is_graph_file(const PartitionOptions& options) { return options.input.ends_with(".graph"); }

std::string part_file_of(const PartitionOptions& options) {
  return options.output.value_or(fmt::format("{}.part.{}", options.input, options.blocks.value_or(1)));
}

ExitCode run_partition_graph(const PartitionOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  require_graph_flags(options);
  const double imbalance = options.imbalance ? parse_percent("--imbalance", *options.imbalance) : kDefaultImbalance;
  partition::PortfolioOptions portfolio = portfolio_options(options);
  GraphProgress progress(options.input);
  portfolio.progress = [&](std::string_view phase, std::int32_t vertices, Weight cut) {
    progress.say(phase, vertices, cut);
  };
  progress.say("reading " + options.input);
  const WeightedGraph graph = partition::read_metis_graph(options.input, portfolio.threads).graph;
  const BalanceLimits limits = partition::uniform_limits(graph, *options.blocks, imbalance);
  const std::vector<Candidate> candidates = run_portfolio(graph, limits, portfolio);
  const Candidate& best = best_of(candidates);
  if (!best.feasible) {
    throw InfeasibleError(
        fmt::format("no partition of {} into {} blocks within {:.3g} % was found; the best ({}) has a block {:.5g} % "
                    "above average. "
                    "Allow more with --imbalance",
                    options.input, *options.blocks, imbalance * 100.0, best.algorithm, worst(best.imbalance) * 100.0));
  }
  progress.say("writing");
  const std::string output = part_file_of(options);
  partition::write_part_file(output, best.assignment);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const Result result{
      .graph = graph, .limits = limits, .candidates = candidates, .best = best, .output = output, .seconds = seconds};
  fmt::print("{}", options.json ? json_of(result, options) : text_of(result, options));
  return end_of_search();
}

}  // namespace mp::apps

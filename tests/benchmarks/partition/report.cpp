#include "tests/benchmarks/partition/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace mp::partition::benchmark {
namespace {

std::string instance_of(const Measurement& m) { return fmt::format("{} k={}", m.graph, m.blocks); }

std::vector<std::string> contender_names(const std::vector<Measurement>& all) {
  std::vector<std::string> names;
  for (const Measurement& m : all) {
    if (std::ranges::find(names, m.contender) == names.end()) names.push_back(m.contender);
  }
  return names;
}

// Geometric means of ratios to the baseline. A cut of 0 counts as 1: ratios need something to divide.
struct Ratios {
  double log_cut = 0;
  double log_time = 0;
  int instances = 0;
  int feasible = 0;
  int seeds = 0;

  void add(const Measurement& m, const Measurement& baseline) {
    log_cut += std::log(std::max(1.0, m.cut) / std::max(1.0, baseline.cut));
    log_time += std::log(std::max(1e-6, m.cpu_seconds) / std::max(1e-6, baseline.cpu_seconds));
    ++instances;
    feasible += m.feasible;
    seeds += m.seeds;
  }
  [[nodiscard]] std::string row(const std::string& label, const std::string& contender) const {
    return fmt::format("{:<24} {:<20} {:>8.4f} {:>9.2f} {:>9}/{}\n", label, contender, std::exp(log_cut / instances),
                       std::exp(log_time / instances), feasible, seeds);
  }
};

}  // namespace

std::string table(const std::vector<Measurement>& all, bool per_graph) {
  std::map<std::string, const Measurement*> baselines;
  for (const Measurement& m : all) baselines.try_emplace(instance_of(m), &m);
  std::map<std::pair<std::string, std::string>, Ratios> by_graph;
  std::map<std::string, Ratios> total;
  std::vector<std::string> graphs;
  for (const Measurement& m : all) {
    const Measurement& baseline = *baselines.at(instance_of(m));
    by_graph[{m.graph, m.contender}].add(m, baseline);
    total[m.contender].add(m, baseline);
    if (graphs.empty() || graphs.back() != m.graph) graphs.push_back(m.graph);
  }
  std::string text =
      fmt::format("{:<24} {:<20} {:>8} {:>9} {:>11}\n", "graph", "partitioner", "cut", "CPU time", "feasible");
  const std::vector<std::string> names = contender_names(all);
  if (per_graph) {
    for (const std::string& graph : graphs) {
      for (const std::string& name : names) text += by_graph.at({graph, name}).row(graph, name);
    }
  }
  for (const std::string& name : names) text += total.at(name).row("all (geometric mean)", name);
  return text;
}

std::string csv(const std::vector<Measurement>& all) {
  std::string text = "graph,vertices,edges,blocks,partitioner,mean_cut,best_cut,cpu_seconds,feasible,seeds\n";
  for (const Measurement& m : all) {
    text += fmt::format("{},{},{},{},{},{:.1f},{},{:.6f},{},{}\n", m.graph, m.vertices, m.edges, m.blocks, m.contender,
                        m.cut, m.best_cut, m.cpu_seconds, m.feasible, m.seeds);
  }
  return text;
}

std::string performance_profile(const std::vector<Measurement>& all) {
  constexpr double kWidth = 640;
  constexpr double kHeight = 400;
  constexpr double kMost = 1.5;  // the right end of the τ axis
  constexpr const char* kColours[] = {"#888888", "#bbbb44", "#d62728", "#9467bd", "#1f77b4", "#2ca02c", "#ff7f0e"};
  std::map<std::string, double> best;
  for (const Measurement& m : all) {
    const auto [at, added] = best.try_emplace(instance_of(m), m.cut);
    if (!added) at->second = std::min(at->second, m.cut);
  }
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" font-family=\"sans-serif\" "
      "font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      kWidth + 240, kHeight + 80);
  const auto x = [&](double tau) { return 50 + kWidth * (tau - 1) / (kMost - 1); };
  const auto y = [&](double share) { return 20 + kHeight * (1 - share); };
  for (int i = 0; i <= 5; ++i) {
    const double tau = 1 + (kMost - 1) * i / 5;
    const double share = i / 5.0;
    svg +=
        fmt::format("<line x1=\"{0:.1f}\" y1=\"20\" x2=\"{0:.1f}\" y2=\"{1:.1f}\" stroke=\"#ddd\"/>\n", x(tau), y(0));
    svg +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.1f}</text>\n", x(tau), y(0) + 18, tau);
    svg += fmt::format("<text x=\"44\" y=\"{:.1f}\" text-anchor=\"end\">{:.1f}</text>\n", y(share) + 4, share);
  }
  svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">cut / best cut of all</text>\n",
                     x(1 + (kMost - 1) / 2), y(0) + 40);
  const std::vector<std::string> names = contender_names(all);
  for (std::size_t n = 0; n < names.size(); ++n) {
    std::vector<double> ratios;
    for (const Measurement& m : all) {
      if (m.contender == names[n]) ratios.push_back(std::max(1.0, m.cut) / std::max(1.0, best.at(instance_of(m))));
    }
    std::ranges::sort(ratios);
    std::string points = fmt::format("{:.1f},{:.1f}", x(1), y(0));
    for (std::size_t i = 0; i < ratios.size() && ratios[i] <= kMost; ++i) {
      const double before = static_cast<double>(i) / static_cast<double>(ratios.size());
      const double after = static_cast<double>(i + 1) / static_cast<double>(ratios.size());
      points += fmt::format(" {0:.1f},{1:.1f} {0:.1f},{2:.1f}", x(ratios[i]), y(before), y(after));
    }
    const auto within = std::ranges::upper_bound(ratios, kMost) - ratios.begin();
    points +=
        fmt::format(" {:.1f},{:.1f}", x(kMost), y(static_cast<double>(within) / static_cast<double>(ratios.size())));
    const char* colour = kColours[n % std::size(kColours)];
    svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", points, colour);
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" fill=\"{}\">{}</text>\n", x(kMost) + 12,
                       40 + 20 * static_cast<double>(n), colour, names[n]);
  }
  return svg + "</svg>\n";
}

}  // namespace mp::partition::benchmark

// Partitioners side by side on the same graphs, in one process: see usage below and tests/benchmarks/README.md.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "partition/files/metis_graph.hpp"
#include "partition/generate/generate.hpp"
#include "partition/graph/metrics.hpp"
#include "tests/benchmarks/partition/contenders.hpp"
#include "tests/benchmarks/partition/report.hpp"

namespace mp::partition::benchmark {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUsage =
    "usage: partition-benchmark [OPTION]… [GRAPH | FOLDER | FAMILY:EDGES]…\n"
    "\n"
    "Runs METIS, Scotch (if gpart is on PATH) and the built-in partitioner on METIS .graph files, all of a folder, or\n"
    "generated graphs (families: grid2d grid3d geometric delaunay powerlaw model), and prints cut and CPU time as\n"
    "ratios to METIS k-way. Without graphs: all families with 20000 edges.\n"
    "\n"
    "  --blocks LIST      numbers of blocks (2,4,8,16,32)\n"
    "  --efforts LIST     of the built-in partitioner (fast,default,high)\n"
    "  --seeds N          runs of each (3)\n"
    "  --imbalance SHARE  (0.03)\n"
    "  --threads N        of the built-in partitioner (1)\n"
    "  --time-limit S     of effort best (60)\n"
    "  --output PREFIX    writes PREFIX.csv and PREFIX.svg, a performance profile\n";

struct Options {
  std::vector<std::int32_t> blocks{2, 4, 8, 16, 32};
  ContenderOptions contenders;
  int seeds = 3;
  std::string output;
  std::vector<std::string> graphs;
};

template <class Number>
Number number(std::string_view option, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0)) {
    throw UsageError(fmt::format("{} needs a number above 0, not \"{}\"", option, text));
  }
  return value;
}

void set(Options& options, std::string_view name, const std::string& value) {
  if (name == "--blocks") {
    options.blocks.clear();
    std::istringstream list(value);
    for (std::string word; std::getline(list, word, ',');) options.blocks.push_back(number<std::int32_t>(name, word));
  } else if (name == "--efforts") {
    options.contenders.efforts = value;
  } else if (name == "--seeds") {
    options.seeds = number<int>(name, value);
  } else if (name == "--imbalance") {
    options.contenders.imbalance = number<double>(name, value);
  } else if (name == "--threads") {
    options.contenders.threads = number<std::int32_t>(name, value);
  } else if (name == "--time-limit") {
    options.contenders.time_limit_s = number<double>(name, value);
  } else if (name == "--output") {
    options.output = value;
  } else {
    throw UsageError(fmt::format("unknown option {}\n{}", name, kUsage));
  }
}

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help") throw UsageError(std::string(kUsage));
    if (!word.starts_with("--")) {
      options.graphs.push_back(word);
      continue;
    }
    if (i + 1 == argc) throw UsageError(fmt::format("{} needs a value\n{}", word, kUsage));
    set(options, word, argv[++i]);
  }
  if (options.graphs.empty()) {
    for (const Family family : families()) options.graphs.push_back(fmt::format("{}:20000", name_of(family)));
  }
  return options;
}

// Folders become their .graph files, in the order of their names.
std::vector<std::string> expanded(const std::vector<std::string>& graphs) {
  std::vector<std::string> result;
  for (const std::string& graph : graphs) {
    if (!fs::is_directory(graph)) {
      result.push_back(graph);
      continue;
    }
    std::vector<std::string> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(graph)) {
      if (entry.path().extension() == ".graph") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    result.insert(result.end(), files.begin(), files.end());
  }
  return result;
}

WeightedGraph load(const std::string& name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos) return read_metis_graph(name).graph;
  const std::optional<Family> family = family_from(name.substr(0, colon));
  if (!family) throw UsageError(fmt::format("unknown family \"{}\"\n{}", name.substr(0, colon), kUsage));
  return generate(*family, number<std::int64_t>(name, name.substr(colon + 1)), 1);
}

Measurement measure(const Contender& contender, const std::string& name, const WeightedGraph& graph,
                    std::int32_t blocks, const Options& options) {
  const BalanceLimits limits = uniform_limits(graph, blocks, options.contenders.imbalance);
  Measurement m{.graph = fs::path(name).stem().string(),
                .vertices = graph.vertices(),
                .edges = graph.edges(),
                .blocks = blocks,
                .contender = contender.name,
                .seeds = options.seeds};
  for (int seed = 1; seed <= options.seeds; ++seed) {
    const double begin = cpu_seconds(contender.external);
    const Assignment assignment = contender.run(graph, limits, static_cast<std::uint64_t>(seed));
    m.cpu_seconds += (cpu_seconds(contender.external) - begin) / options.seeds;
    check_partition(graph, assignment, limits);
    const Weight cut = cut_of(graph, assignment);
    m.cut += static_cast<double>(cut) / options.seeds;
    if (seed == 1 || cut < m.best_cut) m.best_cut = cut;
    m.feasible += is_feasible(graph, assignment, limits) ? 1 : 0;
  }
  return m;
}

void run(const Options& options) {
  std::vector<Measurement> all;
  for (const std::string& name : expanded(options.graphs)) {
    const WeightedGraph graph = load(name);
    for (const std::int32_t blocks : options.blocks) {
      for (const Contender& contender : contenders(options.contenders)) {
        std::cerr << fmt::format("{} k={} {}\n", name, blocks, contender.name);
        all.push_back(measure(contender, name, graph, blocks, options));
      }
    }
  }
  if (all.empty()) throw UsageError("no graphs found");
  std::cout << table(all, true);
  if (options.output.empty()) return;
  write_file_atomically(options.output + ".csv", csv(all));
  write_file_atomically(options.output + ".svg", performance_profile(all));
}

}  // namespace
}  // namespace mp::partition::benchmark

int main(int argc, char** argv) {
  try {
    mp::partition::benchmark::run(mp::partition::benchmark::parse(argc, argv));
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return EXIT_FAILURE;
  }
}

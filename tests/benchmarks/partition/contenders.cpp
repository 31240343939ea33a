#include "tests/benchmarks/partition/contenders.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "lib/base/error.hpp"
#include "partition/metis/metis.hpp"
#include "partition/multilevel/multilevel.hpp"

namespace mp::partition::benchmark {
namespace {

namespace fs = std::filesystem;

Contender metis(std::string name, std::int32_t cuts, std::int32_t iterations) {
  return {std::move(name), [=](const WeightedGraph& graph, const BalanceLimits& limits, std::uint64_t seed) {
            return metis_partition(
                graph, limits, {.method = MetisMethod::kKway, .seed = seed, .cuts = cuts, .iterations = iterations});
          }};
}

Contender ours(Effort effort, const ContenderOptions& options) {
  return {fmt::format("multilevel {}", name_of(effort)),
          [=](const WeightedGraph& graph, const BalanceLimits& limits, std::uint64_t seed) {
            const auto limit = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * options.time_limit_s));
            MultilevelOptions task{.effort = effort, .seed = seed, .threads = options.threads};
            if (effort == Effort::kBest) task.deadline = std::chrono::steady_clock::now() + limit;
            return multilevel(graph, limits, task).assignment;
          }};
}

// Scotch's source graph format: version, sizes, base value and what is weighted, then a line per vertex.
void write_scotch_graph(const WeightedGraph& graph, const fs::path& path) {
  std::ofstream out(path);
  out << fmt::format("0\n{} {}\n0 011\n", graph.vertices(), graph.neighbours.size());
  for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices()))) {
    out << graph.weights_of(v)[0] << ' ' << graph.neighbours_of(v).size();
    for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i) {
      out << ' ' << graph.edge_weights_of(v)[i] << ' ' << index(graph.neighbours_of(v)[i]);
    }
    out << '\n';
  }
  if (!out) throw RunError(fmt::format("cannot write {}", path.string()));
}

Assignment read_scotch_mapping(const WeightedGraph& graph, const fs::path& path) {
  std::ifstream in(path);
  std::int64_t count = 0;
  in >> count;
  Assignment assignment(static_cast<std::size_t>(graph.vertices()), kNone<BlockId>);
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t vertex = 0;
    std::int32_t block = 0;
    in >> vertex >> block;
    assignment[make_id<VertexId>(vertex)] = make_id<BlockId>(block);
  }
  if (!in || count != graph.vertices()) throw RunError(fmt::format("gpart wrote no mapping to {}", path.string()));
  return assignment;
}

// Scotch's partitioner under the name it has here; empty if it is not on PATH.
std::string scotch_program() {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    for (const char* name : {"gpart", "scotch_gpart"}) {
      if (fs::is_regular_file(fs::path(folder) / name)) return name;
    }
  }
  return "";
}

Contender scotch(const std::string& program, double imbalance) {
  return {"scotch",
          [=](const WeightedGraph& graph, const BalanceLimits& limits, std::uint64_t) {
            std::string folder = (fs::temp_directory_path() / "partition-benchmark-XXXXXX").string();
            if (mkdtemp(folder.data()) == nullptr) throw RunError("cannot make a temporary folder");
            const fs::path source = fs::path(folder) / "source.grf";
            const fs::path mapping = fs::path(folder) / "mapping.map";
            write_scotch_graph(graph, source);
            const std::string command = fmt::format("{} {} {} {} /dev/null -b{} > /dev/null", program, limits.blocks,
                                                    source.string(), mapping.string(), imbalance);
            const int status = std::system(command.c_str());
            if (status != 0) throw RunError(fmt::format("`{}` ended with status {}", command, status));
            Assignment assignment = read_scotch_mapping(graph, mapping);
            fs::remove_all(folder);
            return assignment;
          },
          true};
}

}  // namespace

std::vector<Contender> contenders(const ContenderOptions& options) {
  std::vector<Contender> list{metis("metis", 1, 10), metis("metis 10x50", 10, 50)};
  if (const std::string program = scotch_program(); !program.empty()) {
    list.push_back(scotch(program, options.imbalance));
  }
  std::istringstream names(options.efforts);
  for (std::string word; std::getline(names, word, ',');) {
    const std::optional<Effort> effort = effort_from(word);
    if (!effort) throw UsageError(fmt::format("unknown effort \"{}\"; known are fast, default, high, best", word));
    list.push_back(ours(*effort, options));
  }
  return list;
}

double cpu_seconds(bool of_children) {
  rusage usage{};
  getrusage(of_children ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace mp::partition::benchmark

#include <algorithm>
#include <memory>
#include <numeric>

#include "lib/base/error.hpp"
#include "partition/graph/metrics.hpp"
#include "partition/mapping/block_mapping.hpp"
#include "partition/mapping/hierarchy.hpp"
#include "partition/mapping/objective.hpp"
#include "partition/mapping/objective_refine.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

using test::make_assignment;
using test::make_graph;

// Hosts of `per_host` devices: 1 inside, 10 between.
Distances hosts(std::int32_t devices, std::int32_t per_host) {
  Distances result{.devices = devices, .matrix = {}};
  for (std::int32_t a = 0; a < devices; ++a)
    for (std::int32_t b = 0; b < devices; ++b)
      result.matrix.push_back(a == b ? 0 : (a / per_host == b / per_host ? 1 : 10));
  return result;
}

Distances random_distances(std::int32_t devices, RandomSource& random) {
  const auto count = static_cast<std::size_t>(devices);
  Distances result{.devices = devices, .matrix = std::vector<Weight>(count * count, 0)};
  for (std::size_t a = 0; a < count; ++a)
    for (std::size_t b = 0; b < a; ++b)
      result.matrix[a * count + b] = result.matrix[b * count + a] = static_cast<Weight>(random.below(9));
  return result;
}

// Each vertex sends one tensor to some of the later ones.
TensorHyperedges random_tensors(std::int32_t vertices, RandomSource& random) {
  TensorHyperedges tensors;
  for (std::int32_t v = 0; v < vertices; ++v) {
    std::vector<VertexId> readers;
    for (std::uint64_t i = random.below(4); i > 0; --i)
      readers.push_back(make_id<VertexId>(random.below(static_cast<std::uint64_t>(vertices))));
    tensors.add(VertexId{v}, readers, 1 + static_cast<Weight>(random.below(20)));
  }
  return tensors;
}

// Σ bytes × other blocks with a reader, straight from the definition.
Weight counted_volume(const TensorHyperedges& tensors, const Assignment& assignment, std::int32_t blocks) {
  Weight volume = 0;
  for (std::size_t t = 0; t < tensors.tensors(); ++t)
    for (std::int32_t b = 0; b < blocks; ++b) {
      const auto row = tensors.readers_of(t);
      const bool read = std::any_of(row.begin(), row.end(), [&](VertexId v) { return assignment[v] == BlockId{b}; });
      if (read && assignment[tensors.sources[t]] != BlockId{b}) volume += tensors.bytes[t];
    }
  return volume;
}

std::string complaint(const Distances& distances) {
  try {
    check_distances(make_graph({1, 1}, {{0, 1, Weight{1} << 61}}), distances);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a tensor counts once for each other block that reads it", "[mapping]") {
  TensorHyperedges tensors;
  tensors.add(VertexId{0}, {VertexId{1}, VertexId{2}, VertexId{2}, VertexId{3}, VertexId{0}}, 7);
  tensors.add(VertexId{3}, {VertexId{0}}, 100);
  CHECK(tensors.readers_of(0).size() == 3);
  CHECK(communication_volume(tensors, make_assignment({0, 0, 0, 0}), 3) == 0);
  CHECK(communication_volume(tensors, make_assignment({0, 1, 1, 0}), 3) == 7);
  CHECK(communication_volume(tensors, make_assignment({0, 1, 2, 2}), 3) == 114);
}

TEST_CASE("each cut byte weighs the distance it goes", "[mapping]") {
  const WeightedGraph graph = make_graph({1, 1, 1}, {{0, 1, 5}, {1, 2, 3}});
  CHECK(mapping_cost(graph, make_assignment({0, 1, 2}), hosts(4, 2)) == 5 + 30);
  CHECK(mapping_cost(graph, make_assignment({1, 1, 1}), hosts(4, 2)) == 0);
}

TEST_CASE("distances are checked", "[mapping]") {
  CHECK(complaint({.devices = 2, .matrix = {0, 1, 1, 0}}) == "accepted");
  CHECK(complaint({.devices = 2, .matrix = {0, 1}}) == "<distances>: 2 entries for 2 devices; 4 are needed");
  CHECK(complaint({.devices = 2, .matrix = {0, 1, 2, 0}}) == "<distances>: from 0 to 1 it is 1, but back it is 2");
  CHECK(complaint({.devices = 2, .matrix = {0, -1, -1, 0}}) == "<distances>: the distance from 0 to 1 is -1");
  CHECK(complaint({.devices = 2, .matrix = {3, 1, 1, 0}}) == "<distances>: the distance from 0 to 0 is 3");
  CHECK(complaint({.devices = 2, .matrix = {0, 4, 4, 0}}) ==
        "<distances>: distance 4 times the weight of all edges does not fit 64 bits");
}

TEST_CASE("for every objective the gain predicted is the gain measured", "[mapping]") {
  for (const test::Kind kind : test::kKinds) {
    RandomSource random(17);
    const WeightedGraph graph = test::random_graph(kind, 25, random);
    const Distances distances = random_distances(4, random);
    const TensorHyperedges tensors = random_tensors(25, random);
    Assignment assignment = test::random_assignment(graph, 4, random);
    struct Case {
      std::string name;
      std::unique_ptr<Objective> objective;
      std::function<Weight(const Assignment&)> measure;
    };
    std::vector<Case> cases;
    cases.push_back(
        {"cut", make_cut_objective(graph, assignment, 4), [&](const Assignment& a) { return cut_of(graph, a); }});
    cases.push_back({"volume", make_volume_objective(tensors, assignment, 4),
                     [&](const Assignment& a) { return counted_volume(tensors, a, 4); }});
    cases.push_back({"mapping", make_mapping_objective(graph, assignment, distances),
                     [&](const Assignment& a) { return mapping_cost(graph, a, distances); }});
    for (int step = 0; step < 200; ++step) {
      const auto v = make_id<VertexId>(random.below(25));
      const auto to = make_id<BlockId>(random.below(4));
      const Assignment before = assignment;
      assignment[v] = to;
      for (const Case& c : cases) {
        INFO(c.name << " on " << test::name_of(kind));
        CHECK(c.objective->value() == c.measure(before));
        CHECK(c.objective->gain(v, to) == c.measure(before) - c.measure(assignment));
        c.objective->move(v, to);
        CHECK(c.objective->value() == c.measure(assignment));
      }
    }
  }
}

TEST_CASE("refining for an objective never makes it worse, and often better", "[mapping]") {
  int improved = 0;
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 15; ++seed) {
      RandomSource random(seed);
      const auto vertices = 1 + static_cast<std::int32_t>(random.below(40));
      const WeightedGraph graph = test::random_graph(kind, vertices, random);
      const BalanceLimits limits = uniform_limits(graph, 4, 0.3);
      const TensorHyperedges tensors = random_tensors(vertices, random);
      const Assignment start = test::random_assignment(graph, 4, random);
      const auto objective = make_volume_objective(tensors, start, 4);
      const ObjectiveRefinement result = refine_objective(graph, limits, start, *objective, {.seed = seed});
      INFO(test::name_of(kind) << " seed " << seed);
      CHECK(result.value_before == counted_volume(tensors, start, 4));
      CHECK(result.value_after == counted_volume(tensors, result.assignment, 4));
      CHECK(std::pair(violation_of(graph, result.assignment, limits), result.value_after) <=
            std::pair(violation_of(graph, start, limits), result.value_before));
      CHECK(empty_blocks_of(result.assignment, 4) <= empty_blocks_of(start, 4));
      improved += result.value_after < result.value_before ? 1 : 0;
    }
  }
  CHECK(improved > 60);
}

TEST_CASE("fixed vertices stay when an objective is refined", "[mapping]") {
  const WeightedGraph graph = test::grid(6, 6);
  const BalanceLimits limits = uniform_limits(graph, 4, 0.3);
  RandomSource random(5);
  const Assignment start = test::random_assignment(graph, 4, random);
  std::vector<BlockId> fixed(start.begin(), start.end());
  for (std::size_t v = 0; v < 30; ++v) fixed[v] = kNone<BlockId>;
  const auto objective = make_mapping_objective(graph, start, hosts(4, 2));
  const auto result = refine_objective(graph, limits, start, *objective, {.fixed = fixed});
  for (std::int32_t v = 30; v < 36; ++v) CHECK(result.assignment[VertexId{v}] == start[VertexId{v}]);
}

TEST_CASE("blocks go to devices at the least cost of all permutations", "[mapping]") {
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    RandomSource random(seed);
    const WeightedGraph graph = test::random_graph(test::Kind::kUniform, 30, random);
    const Distances distances = random_distances(6, random);
    BalanceLimits limits = uniform_limits(graph, 6, 0.5);
    for (std::size_t b = 0; b < 3; ++b) limits.max_weights[b] *= 2;  // some blocks fit some devices only
    const Assignment start = test::random_assignment(graph, 6, random);
    const Assignment mapped = map_blocks(graph, limits, start, distances);
    const auto weights = block_weights_of(graph, start, 6);
    std::vector<std::size_t> device(6);
    std::iota(device.begin(), device.end(), 0);
    Weight best = mapping_cost(graph, start, distances);
    do {
      bool fits = true;
      for (std::size_t b = 0; b < 6; ++b)
        fits = fits && (device[b] == b || weights[b] <= limits.max_weights[device[b]]);
      if (!fits) continue;
      Assignment renamed = start;
      for (BlockId& b : renamed) b = make_id<BlockId>(device[index(b)]);
      best = std::min(best, mapping_cost(graph, renamed, distances));
    } while (std::next_permutation(device.begin(), device.end()));
    INFO("seed " << seed);
    CHECK(mapping_cost(graph, mapped, distances) == best);
  }
}

TEST_CASE("many blocks on a line of hosts find their neighbours", "[mapping]") {
  // A ring of 16 blocks in random order over 4 hosts of 4: at best 4 of its 16 edges leave a host.
  RandomSource random(8);
  std::vector<test::PlainEdge> ring;
  for (int v = 0; v < 16; ++v) ring.push_back({v, (v + 1) % 16});
  const WeightedGraph graph = make_graph(std::vector<Weight>(16, 1), ring);
  std::vector<int> order(16);
  std::iota(order.begin(), order.end(), 0);
  random.shuffle(std::span(order));
  const Assignment start = make_assignment(order);
  const BalanceLimits limits = uniform_limits(graph, 16, 0.0);
  const Assignment mapped = map_blocks(graph, limits, start, hosts(16, 4));
  CHECK(mapping_cost(graph, mapped, hosts(16, 4)) <= 72);  // best 12 + 40, allowed two edges more
  std::vector<BlockId> fixed(16, kNone<BlockId>);
  fixed[3] = start[VertexId{3}];
  CHECK(map_blocks(graph, limits, start, hosts(16, 4), fixed)[VertexId{3}] == fixed[3]);
}

TEST_CASE("devices are grouped by nearness, and graphs split over groups first", "[mapping]") {
  CHECK(nearest_groups(hosts(6, 2)) == std::vector<std::int32_t>{0, 0, 1, 1, 2, 2});
  CHECK(nearest_groups(hosts(3, 3)) == std::vector<std::int32_t>{0, 1, 2});
  const WeightedGraph graph = test::grid(4, 4);
  std::vector<std::int32_t> sizes;
  const Assignment found = partition_hierarchically(
      graph, uniform_limits(graph, 4, 0.0), hosts(4, 2), {},
      [&](const WeightedGraph& part, const BalanceLimits& limits, std::span<const BlockId> fixed) {
        sizes.push_back(part.vertices());
        CHECK(fixed.empty());
        CHECK(limits.max_weights == std::vector<Weight>(2, part.vertices() / 2));
        Assignment halves(static_cast<std::size_t>(part.vertices()), BlockId{0});
        for (const VertexId v : ids<VertexId>(halves.size()))
          if (index(v) >= halves.size() / 2) halves[v] = BlockId{1};
        return halves;
      });
  CHECK(sizes == std::vector<std::int32_t>{16, 8, 8});
  CHECK(found == make_assignment({0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}));
}

}  // namespace mp::partition

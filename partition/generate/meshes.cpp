// Graphs with a geometry: grids, jittered triangulations, near neighbours.
#include <array>
#include <cmath>
#include <vector>

#include "partition/generate/families.hpp"
#include "partition/graph/graph_builder.hpp"
#include "partition/graph/random_source.hpp"

namespace mp::partition::generators {
namespace {

struct Point {
  double x = 0;
  double y = 0;
};

WeightedGraph unit_graph(std::int64_t vertices, const std::vector<WeightedEdge>& edges) {
  return build_graph({.weights = std::vector<Weight>(static_cast<std::size_t>(vertices), 1)}, edges);
}

std::int64_t rounded(double x) { return std::max<std::int64_t>(1, std::llround(x)); }

// Whether p lies inside the circle through a, b, c (counter-clockwise).
bool in_circle(Point a, Point b, Point c, Point p) {
  const auto lift = [&](Point q) {
    const double x = q.x - p.x;
    const double y = q.y - p.y;
    return std::array{x, y, x * x + y * y};
  };
  const auto [ax, ay, aa] = lift(a);
  const auto [bx, by, bb] = lift(b);
  const auto [cx, cy, cc] = lift(c);
  return ax * (by * cc - bb * cy) - ay * (bx * cc - bb * cx) + aa * (bx * cy - by * cx) > 0;
}

}  // namespace

WeightedGraph grid_2d(std::int64_t edges) {
  const std::int64_t side = rounded(std::sqrt(static_cast<double>(edges) / 2) + 0.5);
  std::vector<WeightedEdge> list;
  list.reserve(static_cast<std::size_t>(2 * side * side));
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const std::int64_t v = y * side + x;
      if (x + 1 < side) list.push_back({make_id<VertexId>(v), make_id<VertexId>(v + 1), 1});
      if (y + 1 < side) list.push_back({make_id<VertexId>(v), make_id<VertexId>(v + side), 1});
    }
  }
  return unit_graph(side * side, list);
}

WeightedGraph grid_3d(std::int64_t edges) {
  const std::int64_t side = rounded(std::cbrt(static_cast<double>(edges) / 3) + 0.5);
  std::vector<WeightedEdge> list;
  list.reserve(static_cast<std::size_t>(3 * side * side * side));
  const std::array<std::int64_t, 3> steps{1, side, side * side};
  for (std::int64_t v = 0; v < side * side * side; ++v) {
    const std::array<std::int64_t, 3> at{v % side, v / side % side, v / side / side};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (at[axis] + 1 < side) list.push_back({make_id<VertexId>(v), make_id<VertexId>(v + steps[axis]), 1});
    }
  }
  return unit_graph(side * side * side, list);
}

WeightedGraph delaunay(std::int64_t edges, std::uint64_t seed) {
  const std::int64_t side = rounded(std::sqrt(static_cast<double>(edges) / 3) + 1);
  RandomSource random(seed);
  std::vector<Point> points;
  points.reserve(static_cast<std::size_t>(side * side));
  for (std::int64_t v = 0; v < side * side; ++v) {
    // A jitter below a quarter keeps every cell convex enough that either diagonal lies inside it.
    points.push_back({static_cast<double>(v % side) + 0.48 * (random.unit() - 0.5),
                      static_cast<double>(v / side) + 0.48 * (random.unit() - 0.5)});
  }
  std::vector<WeightedEdge> list;
  list.reserve(static_cast<std::size_t>(3 * side * side));
  const auto join = [&](std::int64_t a, std::int64_t b) {
    list.push_back({make_id<VertexId>(a), make_id<VertexId>(b), 1});
  };
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const std::int64_t v = y * side + x;
      if (x + 1 < side) join(v, v + 1);
      if (y + 1 < side) join(v, v + side);
      if (x + 1 == side || y + 1 == side) continue;
      const auto at = [&](std::int64_t u) { return points[static_cast<std::size_t>(u)]; };
      const bool other = in_circle(at(v), at(v + 1), at(v + side + 1), at(v + side));
      other ? join(v + 1, v + side) : join(v, v + side + 1);
    }
  }
  return unit_graph(side * side, list);
}

// Cells as wide as the radius: neighbours lie in the nine cells around.
WeightedGraph geometric(std::int64_t edges, std::uint64_t seed) {
  constexpr double kPi = 3.14159265358979323846;
  const std::int64_t n = std::max<std::int64_t>(2, edges / 4);
  const double radius = std::sqrt(8.0 / (kPi * static_cast<double>(n)));
  const auto cells = std::max<std::int64_t>(1, static_cast<std::int64_t>(1.0 / radius));
  RandomSource random(seed);
  std::vector<std::vector<Point>> cell_points(static_cast<std::size_t>(cells * cells));
  for (std::int64_t i = 0; i < n; ++i) {
    const Point p{random.unit(), random.unit()};
    const auto cell = [&](double x) {
      return std::min(cells - 1, static_cast<std::int64_t>(x * static_cast<double>(cells)));
    };
    cell_points[static_cast<std::size_t>(cell(p.y) * cells + cell(p.x))].push_back(p);
  }
  std::vector<std::int64_t> first{0};
  for (const std::vector<Point>& points : cell_points)
    first.push_back(first.back() + static_cast<std::int64_t>(points.size()));
  std::vector<WeightedEdge> list;
  const auto join_cells = [&](std::int64_t a, std::int64_t b) {
    const std::vector<Point>& from = cell_points[static_cast<std::size_t>(a)];
    const std::vector<Point>& to = cell_points[static_cast<std::size_t>(b)];
    for (std::size_t i = 0; i < from.size(); ++i) {
      for (std::size_t j = a == b ? i + 1 : 0; j < to.size(); ++j) {
        if (std::hypot(from[i].x - to[j].x, from[i].y - to[j].y) >= radius) continue;
        list.push_back({make_id<VertexId>(first[static_cast<std::size_t>(a)] + static_cast<std::int64_t>(i)),
                        make_id<VertexId>(first[static_cast<std::size_t>(b)] + static_cast<std::int64_t>(j)), 1});
      }
    }
  };
  for (std::int64_t y = 0; y < cells; ++y) {
    for (std::int64_t x = 0; x < cells; ++x) {
      const std::int64_t here = y * cells + x;
      join_cells(here, here);
      if (x + 1 < cells) join_cells(here, here + 1);
      if (y + 1 == cells) continue;
      join_cells(here, here + cells);
      if (x > 0) join_cells(here, here + cells - 1);
      if (x + 1 < cells) join_cells(here, here + cells + 1);
    }
  }
  return unit_graph(n, list);
}

}  // namespace mp::partition::generators

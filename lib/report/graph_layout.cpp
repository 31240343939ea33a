#include "lib/report/graph_layout.hpp"

#include <algorithm>
#include <cstddef>

namespace mp {
namespace {

using Edge = std::pair<std::int32_t, std::int32_t>;

// Nodes and the points where long edges pass a layer. Neighbours are in the layers next above and below.
struct Points {
  std::size_t nodes = 0;  // the first points are the nodes
  std::vector<std::size_t> layer = {};
  std::vector<double> x = {};
  std::vector<std::vector<std::size_t>> above = {};
  std::vector<std::vector<std::size_t>> below = {};
  std::vector<std::vector<std::size_t>> layers = {};  // points of each, in their order
  std::vector<std::vector<std::size_t>> routes = {};  // points of each edge
};

std::vector<std::size_t> longest_path_layers(std::size_t nodes, const std::vector<Edge>& edges) {
  std::vector<std::vector<std::size_t>> readers(nodes);
  for (const auto& [from, to] : edges) readers[static_cast<std::size_t>(from)].push_back(static_cast<std::size_t>(to));
  std::vector<std::size_t> layer(nodes, 0);
  for (std::size_t n = 0; n < nodes; ++n) {
    for (const std::size_t reader : readers[n]) layer[reader] = std::max(layer[reader], layer[n] + 1);
  }
  return layer;
}

std::size_t lane_points(const std::vector<std::size_t>& layer, const std::vector<Edge>& edges) {
  std::size_t count = 0;
  for (const auto& [from, to] : edges) {
    count += layer[static_cast<std::size_t>(to)] - layer[static_cast<std::size_t>(from)] - 1;
  }
  return count;
}

void join(Points& points, std::size_t upper, std::size_t lower) {
  points.below[upper].push_back(lower);
  points.above[lower].push_back(upper);
}

std::size_t add_lane(Points& points, std::size_t layer) {
  points.layer.push_back(layer);
  points.above.emplace_back();
  points.below.emplace_back();
  return points.layer.size() - 1;
}

Points make_points(std::size_t nodes, const std::vector<Edge>& edges, const LayoutOptions& options) {
  Points points{.nodes = nodes, .layer = longest_path_layers(nodes, edges)};
  points.above.resize(nodes);
  points.below.resize(nodes);
  const bool with_lanes = lane_points(points.layer, edges) <= options.max_lane_points;
  for (const auto& [from, to] : edges) {
    std::vector<std::size_t> route = {static_cast<std::size_t>(from)};
    const auto last = static_cast<std::size_t>(to);
    if (with_lanes) {
      for (std::size_t l = points.layer[route.front()] + 1; l < points.layer[last]; ++l) {
        route.push_back(add_lane(points, l));
      }
    }
    route.push_back(last);
    for (std::size_t i = 0; i + 1 < route.size(); ++i) {
      if (points.layer[route[i]] + 1 == points.layer[route[i + 1]]) join(points, route[i], route[i + 1]);
    }
    points.routes.push_back(std::move(route));
  }
  std::size_t depth = 0;
  for (const std::size_t l : points.layer) depth = std::max(depth, l + 1);
  points.layers.resize(depth);
  for (std::size_t p = 0; p < points.layer.size(); ++p) points.layers[points.layer[p]].push_back(p);
  points.x.assign(points.layer.size(), 0.0);
  return points;
}

double mean_of(const std::vector<std::size_t>& neighbours, const std::vector<double>& value, double otherwise) {
  if (neighbours.empty()) return otherwise;
  double sum = 0.0;
  for (const std::size_t n : neighbours) sum += value[n];
  return sum / static_cast<double>(neighbours.size());
}

void sort_layer(std::vector<std::size_t>& layer, const std::vector<std::vector<std::size_t>>& neighbours,
                std::vector<double>& rank) {
  std::vector<std::pair<double, std::size_t>> order;
  order.reserve(layer.size());
  for (const std::size_t p : layer) order.emplace_back(mean_of(neighbours[p], rank, rank[p]), p);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (std::size_t i = 0; i < layer.size(); ++i) {
    layer[i] = order[i].second;
    rank[layer[i]] = static_cast<double>(i);
  }
}

void order_layers(Points& points, int sweeps) {
  std::vector<double> rank(points.layer.size(), 0.0);
  for (std::vector<std::size_t>& layer : points.layers) {
    for (std::size_t i = 0; i < layer.size(); ++i) rank[layer[i]] = static_cast<double>(i);
  }
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    for (std::vector<std::size_t>& layer : points.layers) sort_layer(layer, points.above, rank);
    for (std::size_t l = points.layers.size(); l-- > 0;) sort_layer(points.layers[l], points.below, rank);
  }
  for (std::vector<std::size_t>& layer : points.layers) sort_layer(layer, points.above, rank);
}

double width_of(const Points& points, std::size_t point, const LayoutOptions& options) {
  return point < points.nodes ? options.node_width : options.lane_width;
}

// Wanted places, moved apart: the mean of the tightest row from the left and the tightest from the right, both of
// which keep every distance.
void spread(const Points& points, const std::vector<std::size_t>& layer, const LayoutOptions& options,
            std::vector<double>& wanted) {
  const auto gap = [&](std::size_t i) {
    return (width_of(points, layer[i - 1], options) + width_of(points, layer[i], options)) / 2.0;
  };
  std::vector<double> left = wanted;
  std::vector<double> right = wanted;
  for (std::size_t i = 1; i < layer.size(); ++i) left[i] = std::max(left[i], left[i - 1] + gap(i));
  for (std::size_t i = layer.size(); i-- > 1;) right[i - 1] = std::min(right[i - 1], right[i] - gap(i));
  for (std::size_t i = 0; i < layer.size(); ++i) wanted[i] = (left[i] + right[i]) / 2.0;
}

// Each wants to be in the middle of its neighbours above and below: those of one side alone would let a chain of blocks
// with skips beside them drift sideways, block by block.
void place(Points& points, const std::vector<std::size_t>& layer, const LayoutOptions& options) {
  std::vector<double> wanted;
  wanted.reserve(layer.size());
  for (const std::size_t p : layer) {
    const double above = mean_of(points.above[p], points.x, points.x[p]);
    const double below = mean_of(points.below[p], points.x, points.x[p]);
    wanted.push_back((points.above[p].empty() ? below : points.below[p].empty() ? above : (above + below) / 2.0));
  }
  spread(points, layer, options, wanted);
  for (std::size_t i = 0; i < layer.size(); ++i) points.x[layer[i]] = wanted[i];
}

void place_points(Points& points, const LayoutOptions& options) {
  for (const std::vector<std::size_t>& layer : points.layers) {
    double x = 0.0;
    for (const std::size_t p : layer) x += width_of(points, p, options);
    x = -x / 2.0;
    for (const std::size_t p : layer) {
      points.x[p] = x + width_of(points, p, options) / 2.0;
      x += width_of(points, p, options);
    }
  }
  for (int sweep = 0; sweep < options.sweeps; ++sweep) {
    for (const std::vector<std::size_t>& layer : points.layers) place(points, layer, options);
    for (std::size_t l = points.layers.size(); l-- > 0;) place(points, points.layers[l], options);
  }
}

}  // namespace

GraphLayout layered_layout(std::size_t nodes, const std::vector<Edge>& edges, const LayoutOptions& options) {
  Points points = make_points(nodes, edges, options);
  order_layers(points, options.sweeps);
  place_points(points, options);
  double left = 0.0;
  double right = 0.0;
  for (std::size_t p = 0; p < points.x.size(); ++p) {
    left = std::min(left, points.x[p] - width_of(points, p, options) / 2.0);
    right = std::max(right, points.x[p] + width_of(points, p, options) / 2.0);
  }
  const auto place_of = [&](std::size_t p) {
    return Point{points.x[p] - left, (static_cast<double>(points.layer[p]) + 0.5) * options.layer_height};
  };
  GraphLayout layout{.width = right - left, .height = static_cast<double>(points.layers.size()) * options.layer_height};
  for (std::size_t n = 0; n < nodes; ++n) layout.nodes.push_back(place_of(n));
  for (const std::vector<std::size_t>& route : points.routes) {
    std::vector<Point>& line = layout.routes.emplace_back();
    for (const std::size_t p : route) line.push_back(place_of(p));
  }
  return layout;
}

}  // namespace mp

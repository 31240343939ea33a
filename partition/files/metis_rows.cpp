#include "partition/files/metis_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace mp::partition {
namespace {

template <class T>
void append_all(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

bool MetisRows::append(MetisRows&& more) {
  const auto begin = static_cast<std::int64_t>(neighbours.size());
  for (const std::int64_t end : more.ends) ends.push_back(begin + end);
  append_all(neighbours, more.neighbours);
  append_all(edge_weights, more.edge_weights);
  append_all(vertex_weights, more.vertex_weights);
  append_all(sizes, more.sizes);
  bool fits = !__builtin_add_overflow(edge_sum, more.edge_sum, &edge_sum);
  fits = !__builtin_add_overflow(sizes_sum, more.sizes_sum, &sizes_sum) && fits;
  for (std::size_t c = 0; c < vertex_sums.size(); ++c) {
    fits = !__builtin_add_overflow(vertex_sums[c], more.vertex_sums[c], &vertex_sums[c]) && fits;
  }
  more = {};
  return fits;
}

MetisRows MetisRowReader::read(std::int64_t first, std::int64_t count, double share) {
  rows_ = {};
  const auto listed = static_cast<std::size_t>(share * 2.0 * static_cast<double>(header_.edges));
  rows_.ends.reserve(static_cast<std::size_t>(count) + 1);
  rows_.neighbours.reserve(listed);
  rows_.edge_weights.reserve(listed);
  rows_.vertex_sums.assign(static_cast<std::size_t>(header_.constraints), 0);
  for (std::int64_t v = first; v < first + count; ++v) read_vertex(v);
  return std::move(rows_);
}

void MetisRowReader::read_vertex(std::int64_t v) {
  if (!scanner_.next_line()) scanner_.refuse(fmt::format("the file ends after {} of {} vertices", v, header_.vertices));
  if (header_.sizes) rows_.sizes.push_back(read_weight("size", rows_.sizes_sum));
  for (std::int64_t c = 0; c < header_.constraints; ++c) {
    Weight& sum = rows_.vertex_sums[static_cast<std::size_t>(c)];
    rows_.vertex_weights.push_back(header_.vertex_weights ? read_weight("weight", sum) : 1);
  }
  const std::size_t begin = rows_.neighbours.size();
  while (const std::optional<std::int64_t> neighbour = scanner_.next_number()) read_edge(v, *neighbour);
  rows_.ends.push_back(static_cast<std::int64_t>(rows_.neighbours.size()));
  sort_row(v, begin);
}

Weight MetisRowReader::read_weight(const char* what, Weight& sum) {
  const std::optional<std::int64_t> weight = scanner_.next_number();
  if (!weight) scanner_.refuse(fmt::format("the {} of the vertex is missing", what));
  if (*weight < 0) scanner_.refuse(fmt::format("the vertex has the negative {} {}", what, *weight));
  add(sum, *weight);
  return *weight;
}

void MetisRowReader::read_edge(std::int64_t v, std::int64_t neighbour) {
  if (neighbour < 1 || neighbour > header_.vertices)
    scanner_.refuse(fmt::format("neighbour {} is not one of the vertices 1 to {}", neighbour, header_.vertices));
  if (neighbour == v + 1) scanner_.refuse(fmt::format("vertex {} is its own neighbour (self loop)", neighbour));
  Weight weight = 1;
  if (header_.edge_weights) {
    const std::optional<std::int64_t> given = scanner_.next_number();
    if (!given) scanner_.refuse(fmt::format("the weight of the edge to {} is missing", neighbour));
    if (*given < 1) scanner_.refuse(fmt::format("the edge to {} has weight {}; at least 1", neighbour, *given));
    weight = *given;
  }
  add(rows_.edge_sum, weight);
  rows_.neighbours.push_back(make_id<VertexId>(neighbour - 1));
  rows_.edge_weights.push_back(weight);
}

void MetisRowReader::add(Weight& sum, Weight more) const {
  if (__builtin_add_overflow(sum, more, &sum)) scanner_.refuse("the sum of the weights does not fit 64 bits");
}

void MetisRowReader::sort_row(std::int64_t v, std::size_t begin) {
  const auto neighbours = rows_.neighbours.begin() + static_cast<std::ptrdiff_t>(begin);
  if (!std::is_sorted(neighbours, rows_.neighbours.end())) {
    row_.clear();
    for (std::size_t i = begin; i < rows_.neighbours.size(); ++i)
      row_.emplace_back(rows_.neighbours[i], rows_.edge_weights[i]);
    std::sort(row_.begin(), row_.end());
    for (std::size_t i = begin; i < rows_.neighbours.size(); ++i)
      std::tie(rows_.neighbours[i], rows_.edge_weights[i]) = row_[i - begin];
  }
  const auto twice = std::adjacent_find(neighbours, rows_.neighbours.end());
  if (twice != rows_.neighbours.end())
    scanner_.refuse(fmt::format("vertex {} lists its neighbour {} twice", v + 1, index(*twice) + 1));
}

}  // namespace mp::partition

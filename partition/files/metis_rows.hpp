// The lines of a METIS .graph file that hold the vertices, any part of them by itself.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "partition/files/line_scanner.hpp"
#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

struct MetisHeader {
  std::int64_t vertices = 0;
  std::int64_t edges = 0;
  bool sizes = false;
  bool vertex_weights = false;
  bool edge_weights = false;
  std::int64_t constraints = 1;
};

// Consecutive vertices with their sorted rows. Sums are kept, so that no sum of all weights leaves 64 bits unseen.
struct MetisRows {
  std::vector<std::int64_t> ends;  // of the rows of neighbours, vertex by vertex
  std::vector<VertexId> neighbours;
  std::vector<Weight> edge_weights;
  std::vector<Weight> vertex_weights;  // header.constraints for each vertex
  std::vector<Weight> sizes;           // empty if the header has none
  std::vector<Weight> vertex_sums;
  Weight sizes_sum = 0;
  Weight edge_sum = 0;

  // False if a sum of weights leaves 64 bits: then the rows are not to be used.
  [[nodiscard]] bool append(MetisRows&& more);
};

class MetisRowReader {
 public:
  MetisRowReader(LineScanner& scanner, const MetisHeader& header) : scanner_(scanner), header_(header) {}

  // The vertices first … first + count − 1 (0-based), which the scanner stands before; a file that has `share` of all
  // the edges in them needs no further memory. Throws InputError naming the line.
  [[nodiscard]] MetisRows read(std::int64_t first, std::int64_t count, double share);

 private:
  void read_vertex(std::int64_t v);
  Weight read_weight(const char* what, Weight& sum);
  void read_edge(std::int64_t v, std::int64_t neighbour);
  void add(Weight& sum, Weight more) const;
  void sort_row(std::int64_t v, std::size_t begin);

  LineScanner& scanner_;
  const MetisHeader& header_;
  MetisRows rows_;
  std::vector<std::pair<VertexId, Weight>> row_;  // scratch of sort_row()
};

}  // namespace mp::partition

#include "partition/files/metis_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "partition/files/line_scanner.hpp"

namespace mp::partition {
namespace {

struct Header {
  std::int64_t vertices = 0;
  std::int64_t edges = 0;
  bool sizes = false;
  bool vertex_weights = false;
  bool edge_weights = false;
  std::int64_t constraints = 1;
};

void read_format(LineScanner& scanner, Header& header) {
  const std::optional<std::int64_t> format = scanner.next_number();
  if (!format) return;
  const std::int64_t digits[] = {*format / 100, *format / 10 % 10, *format % 10};
  if (*format < 0 || std::any_of(std::begin(digits), std::end(digits), [](std::int64_t d) { return d > 1; }))
    scanner.refuse(fmt::format("format {} is not one of 0, 1, 10, 11, 100, 101, 110, 111", *format));
  header.sizes = digits[0] == 1;
  header.vertex_weights = digits[1] == 1;
  header.edge_weights = digits[2] == 1;
  const std::optional<std::int64_t> constraints = scanner.next_number();
  if (!constraints) return;
  if (*constraints < 1 || *constraints > 1000)
    scanner.refuse(fmt::format("{} weights per vertex; 1 to 1000 are possible", *constraints));
  if (!header.vertex_weights)
    scanner.refuse(fmt::format("{} weights per vertex, but format {} has no vertex weights (use {})", *constraints,
                               *format, *format + 10));
  header.constraints = *constraints;
}

Header read_header(LineScanner& scanner, std::size_t text_size) {
  if (!scanner.next_line())
    throw InputError(scanner.source(), Issue{.place = "", .message = "no header \"vertices edges [format]\" in it"});
  const std::optional<std::int64_t> vertices = scanner.next_number();
  const std::optional<std::int64_t> edges = scanner.next_number();
  if (!vertices || !edges) scanner.refuse("the header is \"vertices edges [format [weights per vertex]]\"");
  if (*vertices < 0 || *vertices > std::numeric_limits<std::int32_t>::max() || *edges < 0)
    scanner.refuse(fmt::format("{} vertices and {} edges are not possible", *vertices, *edges));
  Header header{.vertices = *vertices, .edges = *edges};
  read_format(scanner, header);
  if (scanner.next_number()) scanner.refuse("the header has more than four numbers");
  // A line takes a character, so does each end of an edge with the blank before it: the header cannot make us
  // reserve more than the text is worth.
  const auto characters = static_cast<std::int64_t>(text_size);
  if (header.vertices > characters || header.edges > characters / 2)
    scanner.refuse(fmt::format("the header promises {} vertices and {} edges, more than a file of {} bytes can hold",
                               header.vertices, header.edges, characters));
  return header;
}

class GraphReader {
 public:
  GraphReader(std::string_view text, const std::string& source)
      : text_(text), scanner_(text, source), header_(read_header(scanner_, text.size())) {
    graph_.constraints = static_cast<std::int32_t>(header_.constraints);
    graph_.offsets.reserve(static_cast<std::size_t>(header_.vertices) + 1);
    graph_.neighbours.reserve(static_cast<std::size_t>(header_.edges) * 2);
    graph_.edge_weights.reserve(static_cast<std::size_t>(header_.edges) * 2);
    vertex_sums_.assign(static_cast<std::size_t>(header_.constraints), 0);
  }

  MetisGraph read() {
    for (std::int64_t v = 0; v < header_.vertices; ++v) read_vertex(v);
    check_end();
    check_symmetry();
    return {.graph = std::move(graph_), .vertex_sizes = std::move(sizes_)};
  }

 private:
  void read_vertex(std::int64_t v) {
    if (!scanner_.next_line())
      scanner_.refuse(fmt::format("the file ends after {} of {} vertices", v, header_.vertices));
    if (header_.sizes) sizes_.push_back(read_weight("size", sizes_sum_));
    for (std::int64_t c = 0; c < header_.constraints; ++c) {
      Weight& sum = vertex_sums_[static_cast<std::size_t>(c)];
      graph_.vertex_weights.push_back(header_.vertex_weights ? read_weight("weight", sum) : 1);
    }
    const std::size_t begin = graph_.neighbours.size();
    while (const std::optional<std::int64_t> neighbour = scanner_.next_number()) read_edge(v, *neighbour);
    graph_.offsets.push_back(static_cast<std::int64_t>(graph_.neighbours.size()));
    sort_row(v, begin);
  }

  Weight read_weight(const char* what, Weight& sum) {
    const std::optional<std::int64_t> weight = scanner_.next_number();
    if (!weight) scanner_.refuse(fmt::format("the {} of the vertex is missing", what));
    if (*weight < 0) scanner_.refuse(fmt::format("the vertex has the negative {} {}", what, *weight));
    add(sum, *weight);
    return *weight;
  }

  void read_edge(std::int64_t v, std::int64_t neighbour) {
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
    add(edge_sum_, weight);
    graph_.neighbours.push_back(make_id<VertexId>(neighbour - 1));
    graph_.edge_weights.push_back(weight);
  }

  void add(Weight& sum, Weight more) const {
    if (__builtin_add_overflow(sum, more, &sum)) scanner_.refuse("the sum of the weights does not fit 64 bits");
  }

  void sort_row(std::int64_t v, std::size_t begin) {
    const auto neighbours = graph_.neighbours.begin() + static_cast<std::ptrdiff_t>(begin);
    if (!std::is_sorted(neighbours, graph_.neighbours.end())) {
      row_.clear();
      for (std::size_t i = begin; i < graph_.neighbours.size(); ++i)
        row_.emplace_back(graph_.neighbours[i], graph_.edge_weights[i]);
      std::sort(row_.begin(), row_.end());
      for (std::size_t i = begin; i < graph_.neighbours.size(); ++i)
        std::tie(graph_.neighbours[i], graph_.edge_weights[i]) = row_[i - begin];
    }
    const auto twice = std::adjacent_find(neighbours, graph_.neighbours.end());
    if (twice != graph_.neighbours.end())
      scanner_.refuse(fmt::format("vertex {} lists its neighbour {} twice", v + 1, index(*twice) + 1));
  }

  void check_end() {
    while (scanner_.next_line())
      if (scanner_.next_number()) scanner_.refuse(fmt::format("text after the last of {} vertices", header_.vertices));
    const auto listed = static_cast<std::int64_t>(graph_.neighbours.size());
    if (listed != 2 * header_.edges)
      scanner_.refuse_at(line_of_header(), fmt::format("the header promises {} edges, but the vertices list {} "
                                                       "neighbours instead of {}",
                                                       header_.edges, listed, 2 * header_.edges));
  }

  // Visiting the vertices in order, each neighbour's sorted row must show exactly them, one after the other. Entries
  // that are passed over without being met were complained of when their own vertex was visited.
  void check_symmetry() {
    std::vector<std::int64_t> next(graph_.offsets.begin(), graph_.offsets.end() - 1);
    for (const VertexId u : ids<VertexId>(static_cast<std::size_t>(header_.vertices))) {
      const auto row = graph_.neighbours_of(u);
      for (std::size_t i = 0; i < row.size() && issues_.size() < kMostIssues; ++i) {
        std::int64_t& at = next[index(row[i])];
        const std::int64_t end = graph_.offsets[index(row[i]) + 1];
        while (at < end && graph_.neighbours[static_cast<std::size_t>(at)] < u) ++at;
        if (at == end || graph_.neighbours[static_cast<std::size_t>(at)] != u) {
          complain_missing(row[i], u);
          continue;
        }
        const Weight weight = graph_.edge_weights_of(u)[i];
        const Weight other = graph_.edge_weights[static_cast<std::size_t>(at++)];
        if (u < row[i] && weight != other) complain_weights(u, row[i], weight, other);
      }
    }
    if (!issues_.empty()) throw InputError(scanner_.source(), std::move(issues_));
  }

  void complain_missing(VertexId at, VertexId missing) {
    issues_.push_back({.place = fmt::format("line {}", line_of(at)),
                       .message = fmt::format("vertex {} does not list {}, but {} lists it; each edge stands at both "
                                              "ends",
                                              index(at) + 1, index(missing) + 1, index(missing) + 1)});
  }

  void complain_weights(VertexId u, VertexId v, Weight weight, Weight other) {
    issues_.push_back({.place = fmt::format("line {}", line_of(v)),
                       .message = fmt::format("the edge to {} has weight {}, but {} at its other end (line {})",
                                              index(u) + 1, other, weight, line_of(u))});
  }

  // Found by reading again: lines are only wanted for messages.
  [[nodiscard]] std::int64_t line_of(VertexId v) const {
    LineScanner again(text_, "");
    for (std::size_t line = 0; line < index(v) + 2; ++line) again.next_line();
    return again.line();
  }
  [[nodiscard]] std::int64_t line_of_header() const {
    LineScanner again(text_, "");
    again.next_line();
    return again.line();
  }

  static constexpr std::size_t kMostIssues = 10;

  std::string_view text_;
  LineScanner scanner_;
  Header header_;
  WeightedGraph graph_;
  std::vector<Weight> sizes_;
  Weight sizes_sum_ = 0;
  std::vector<Weight> vertex_sums_;
  Weight edge_sum_ = 0;
  std::vector<std::pair<VertexId, Weight>> row_;  // scratch of sort_row()
  std::vector<Issue> issues_;
};

bool all_ones(const std::vector<Weight>& weights) {
  return std::all_of(weights.begin(), weights.end(), [](Weight w) { return w == 1; });
}

}  // namespace

MetisGraph parse_metis_graph(std::string_view text, const std::string& source) {
  return GraphReader(text, source).read();
}

MetisGraph read_metis_graph(const std::string& path) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 36;
  return parse_metis_graph(read_file(path, kMaxBytes), path);
}

std::string metis_graph_text(const WeightedGraph& graph) {
  const bool vertex_weights = graph.constraints > 1 || !all_ones(graph.vertex_weights);
  const bool edge_weights = !all_ones(graph.edge_weights);
  std::string text = fmt::format("{} {}", graph.vertices(), graph.edges());
  if (vertex_weights || edge_weights) text += fmt::format(" {}{}", vertex_weights ? "1" : "", edge_weights ? "1" : "0");
  if (graph.constraints > 1) text += fmt::format(" {}", graph.constraints);
  text += '\n';
  for (const VertexId v : ids<VertexId>(static_cast<std::size_t>(graph.vertices()))) {
    const char* blank = "";
    const auto put = [&](std::int64_t number) {
      fmt::format_to(std::back_inserter(text), "{}{}", blank, number);
      blank = " ";
    };
    if (vertex_weights)
      for (const Weight w : graph.weights_of(v)) put(w);
    for (std::size_t i = 0; i < graph.neighbours_of(v).size(); ++i) {
      put(static_cast<std::int64_t>(graph.neighbours_of(v)[i]) + 1);
      if (edge_weights) put(graph.edge_weights_of(v)[i]);
    }
    text += '\n';
  }
  return text;
}

}  // namespace mp::partition

#include "partition/files/metis_graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "partition/files/line_scanner.hpp"
#include "partition/files/metis_rows.hpp"
#include "partition/parallel_for.hpp"

namespace mp::partition {
namespace {

void read_format(LineScanner& scanner, MetisHeader& header) {
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

MetisHeader read_header(LineScanner& scanner, std::size_t text_size) {
  if (!scanner.next_line())
    throw InputError(scanner.source(), Issue{.place = "", .message = "no header \"vertices edges [format]\" in it"});
  const std::optional<std::int64_t> vertices = scanner.next_number();
  const std::optional<std::int64_t> edges = scanner.next_number();
  if (!vertices || !edges) scanner.refuse("the header is \"vertices edges [format [weights per vertex]]\"");
  if (*vertices < 0 || *vertices > std::numeric_limits<std::int32_t>::max() || *edges < 0)
    scanner.refuse(fmt::format("{} vertices and {} edges are not possible", *vertices, *edges));
  MetisHeader header{.vertices = *vertices, .edges = *edges};
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

// The text after the header, cut at line ends.
struct Part {
  std::string_view text;
  std::int64_t first = 0;  // vertex
  std::int64_t count = 0;  // lines that are vertices
};

std::int64_t count_vertex_lines(std::string_view text) {
  LineScanner scanner(text, "");
  std::int64_t lines = 0;
  while (scanner.next_line()) ++lines;
  return lines;
}

std::vector<Part> cut_at_lines(std::string_view text, std::size_t parts) {
  std::vector<Part> result;
  for (std::size_t i = 0; i < parts && !text.empty(); ++i) {
    const std::size_t newline = text.find('\n', text.size() / (parts - i) - (parts - i > 1 ? 0 : 1));
    const std::size_t length = newline == std::string_view::npos ? text.size() : newline + 1;
    result.push_back({.text = text.substr(0, length)});
    text.remove_prefix(length);
  }
  return result;
}

class GraphReader {
 public:
  GraphReader(std::string_view text, const std::string& source)
      : text_(text), scanner_(text, source), header_(read_header(scanner_, text.size())) {}

  MetisGraph read(int threads) {
    if (threads < 2 || !read_in_parts(threads)) read_in_order();
    check_symmetry();
    return {.graph = std::move(graph_), .vertex_sizes = std::move(sizes_)};
  }

 private:
  void read_in_order() {
    take(MetisRowReader(scanner_, header_).read(0, header_.vertices, 1.0));
    while (scanner_.next_line())
      if (scanner_.next_number()) scanner_.refuse(fmt::format("text after the last of {} vertices", header_.vertices));
    check_edges();
  }

  // False if something is wrong: read_in_order() then finds what comes first in the file.
  bool read_in_parts(int threads) {
    std::vector<Part> parts = cut_at_lines(scanner_.rest(), static_cast<std::size_t>(threads));
    parallel_for(threads, parts.size(),
                 [&](std::size_t, std::size_t i) { parts[i].count = count_vertex_lines(parts[i].text); });
    std::int64_t vertices = 0;
    for (Part& part : parts) part.first = std::exchange(vertices, vertices + part.count);
    if (vertices != header_.vertices) return false;  // or only blank lines at its end
    std::vector<MetisRows> rows(parts.size());
    try {
      parallel_for(threads, parts.size(), [&](std::size_t, std::size_t i) {
        LineScanner scanner(parts[i].text, scanner_.source());
        const double share = static_cast<double>(parts[i].text.size()) / static_cast<double>(text_.size());
        rows[i] = MetisRowReader(scanner, header_).read(parts[i].first, parts[i].count, share);
      });
    } catch (const InputError&) {
      return false;
    }
    MetisRows all = rows.empty() ? MetisRows{} : std::move(rows.front());
    for (std::size_t i = 1; i < rows.size(); ++i)
      if (!all.append(std::move(rows[i]))) return false;
    if (static_cast<std::int64_t>(all.neighbours.size()) != 2 * header_.edges) return false;
    take(std::move(all));
    return true;
  }

  void take(MetisRows rows) {
    graph_.constraints = static_cast<std::int32_t>(header_.constraints);
    graph_.offsets.insert(graph_.offsets.end(), rows.ends.begin(), rows.ends.end());
    graph_.neighbours = std::move(rows.neighbours);
    graph_.edge_weights = std::move(rows.edge_weights);
    graph_.vertex_weights = std::move(rows.vertex_weights);
    sizes_ = std::move(rows.sizes);
  }

  void check_edges() {
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
  MetisHeader header_;
  WeightedGraph graph_;
  std::vector<Weight> sizes_;
  std::vector<Issue> issues_;
};

bool all_ones(const std::vector<Weight>& weights) {
  return std::all_of(weights.begin(), weights.end(), [](Weight w) { return w == 1; });
}

}  // namespace

MetisGraph parse_metis_graph(std::string_view text, const std::string& source, int threads) {
  return GraphReader(text, source).read(threads);
}

MetisGraph read_metis_graph(const std::string& path, int threads) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 36;
  return parse_metis_graph(read_file(path, kMaxBytes), path, threads);
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

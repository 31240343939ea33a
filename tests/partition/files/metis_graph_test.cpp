#include "partition/files/metis_graph.hpp"

#include "lib/base/error.hpp"
#include "partition/files/part_file.hpp"
#include "partition/graph/graph_builder.hpp"
#include "tests/partition/support/graphs.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

std::string complaint(std::string_view text, int threads) {
  try {
    static_cast<void>(parse_metis_graph(text, "g", threads));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

// The same from one thread as from several.
std::string complaint(std::string_view text) {
  const std::string told = complaint(text, 1);
  for (int threads = 2; threads < 5; ++threads) CHECK(complaint(text, threads) == told);
  return told;
}

bool sound_or_refused(std::string_view text) {
  try {
    return is_consistent(parse_metis_graph(text, "g").graph);
  } catch (const InputError& error) {
    return !error.issues().empty();
  }
}

std::string part_complaint(std::string_view text) {
  try {
    static_cast<void>(parse_part(text, "p", 3, 2));
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a .graph file in every weight format", "[files]") {
  const WeightedGraph plain = test::make_graph({1, 1, 1}, {{0, 1}, {1, 2}});
  CHECK(parse_metis_graph("3 2\n2\n1 3\n2\n", "g").graph == plain);
  CHECK(parse_metis_graph("% comment\n3 2 0\n% another\n 2 \n3\t1\r\n2", "g").graph == plain);
  const WeightedGraph edges = test::make_graph({1, 1, 1}, {{0, 1, 7}, {1, 2, 8}});
  CHECK(parse_metis_graph("3 2 1\n2 7\n1 7 3 8\n2 8\n", "g").graph == edges);
  const WeightedGraph vertices = test::make_graph({4, 0, 6}, {{0, 1}, {1, 2}});
  CHECK(parse_metis_graph("3 2 10\n4 2\n0 1 3\n6 2\n", "g").graph == vertices);
  const WeightedGraph two = test::make_graph({4, 1, 0, 2, 6, 3}, {{0, 1, 7}, {1, 2, 8}}, 2);
  CHECK(parse_metis_graph("3 2 011 2\n4 1 2 7\n0 2 1 7 3 8\n6 3 2 8\n", "g").graph == two);
  const MetisGraph sizes = parse_metis_graph("3 2 111\n9 4 2 7\n8 0 1 7 3 8\n7 6 2 8\n", "g");
  CHECK(sizes.graph == test::make_graph({4, 0, 6}, {{0, 1, 7}, {1, 2, 8}}));
  CHECK(sizes.vertex_sizes == std::vector<Weight>{9, 8, 7});
  CHECK(parse_metis_graph("3 2 100\n9 2\n8 1 3\n7 2\n", "g").graph == plain);
  CHECK(parse_metis_graph("3 2 101\n9 2 7\n8 1 7 3 8\n7 2 8\n", "g").graph == edges);
  CHECK(parse_metis_graph("3 2 110\n9 4 2\n8 0 1 3\n7 6 2\n", "g").graph == vertices);
}

TEST_CASE("isolated vertices are blank lines, and an empty graph is one", "[files]") {
  const WeightedGraph graph = parse_metis_graph("4 1\n\n3\n2\n\n\n% end\n", "g").graph;
  CHECK(graph == test::make_graph({1, 1, 1, 1}, {{1, 2}}));
  CHECK(parse_metis_graph("0 0\n", "g").graph.vertices() == 0);
}

TEST_CASE("what is wrong in a .graph file is told with its line", "[files]") {
  CHECK(complaint("") == "g: no header \"vertices edges [format]\" in it");
  CHECK(complaint("% only\n") == "g: no header \"vertices edges [format]\" in it");
  CHECK(complaint("3\n") == "g: line 1: the header is \"vertices edges [format [weights per vertex]]\"");
  CHECK(complaint("-3 2\n") == "g: line 1: -3 vertices and 2 edges are not possible");
  CHECK(complaint("3 2 7\n") == "g: line 1: format 7 is not one of 0, 1, 10, 11, 100, 101, 110, 111");
  CHECK(complaint("3 2 1 2\n") == "g: line 1: 2 weights per vertex, but format 1 has no vertex weights (use 11)");
  CHECK(complaint("3 2 10 0\n") == "g: line 1: 0 weights per vertex; 1 to 1000 are possible");
  CHECK(complaint("3 2 10 1 5\n") == "g: line 1: the header has more than four numbers");
  CHECK(complaint("2000000000 4000000000\n1\n") ==
        "g: line 1: the header promises 2000000000 vertices and 4000000000 edges, more than a file of 24 bytes can "
        "hold");
  CHECK(complaint("3 2\n2\n1 3\n") == "g: line 3: the file ends after 2 of 3 vertices");
  CHECK(complaint("% c\n3 2\n2\n1 x3\n2\n") == "g: line 4: \"x3\" is no whole number");
  CHECK(complaint("3 2\n2\n1 3.0\n2\n") == "g: line 3: \"3.0\" is no whole number");
  CHECK(complaint("3 2\n99999999999999999999\n1 3\n2\n") == "g: line 2: \"99999999999999999999\" does not fit 64 bits");
  CHECK(complaint("3 2\n2\n1 4\n2\n") == "g: line 3: neighbour 4 is not one of the vertices 1 to 3");
  CHECK(complaint("3 2\n0\n1 3\n2\n") == "g: line 2: neighbour 0 is not one of the vertices 1 to 3");
  CHECK(complaint("3 2\n2\n2 1\n2\n") == "g: line 3: vertex 2 is its own neighbour (self loop)");
  CHECK(complaint("3 3\n2 2\n1 1 3\n2\n") == "g: line 2: vertex 1 lists its neighbour 2 twice");
  CHECK(complaint("3 2 10\n-4 2\n0 1 3\n6 2\n") == "g: line 2: the vertex has the negative weight -4");
  CHECK(complaint("3 2 10\n4 2\n\n6 2\n") == "g: line 3: the weight of the vertex is missing");
  CHECK(complaint("3 2 100\n4 2\n\n6 2\n") == "g: line 3: the size of the vertex is missing");
  CHECK(complaint("3 2 1\n2 7\n1 7 3\n2 8\n") == "g: line 3: the weight of the edge to 3 is missing");
  CHECK(complaint("3 2 1\n2 0\n1 0 3 8\n2 8\n") == "g: line 2: the edge to 2 has weight 0; at least 1");
  CHECK(complaint("2 1 1\n2 9223372036854775807\n1 9223372036854775807\n") ==
        "g: line 3: the sum of the weights does not fit 64 bits");
  CHECK(complaint("3 2\n2\n1 3\n2\n7\n") == "g: line 5: text after the last of 3 vertices");
  CHECK(complaint("%\n3 3\n2\n1 3\n2\n") ==
        "g: line 2: the header promises 3 edges, but the vertices list 4 neighbours instead of 6");
}

TEST_CASE("edges that the two ends do not agree on are all told", "[files]") {
  CHECK(complaint("3 1\n2\n\n2\n") ==
        "g: line 3: vertex 2 does not list 1, but 1 lists it; each edge stands at both ends\n"
        "g: line 3: vertex 2 does not list 3, but 3 lists it; each edge stands at both ends");
  CHECK(complaint("% c\n3 1\n\n1\n1\n") ==
        "g: line 3: vertex 1 does not list 2, but 2 lists it; each edge stands at both ends\n"
        "g: line 3: vertex 1 does not list 3, but 3 lists it; each edge stands at both ends");
  CHECK(complaint("4 2\n3\n3\n4\n1\n") ==
        "g: line 4: vertex 3 does not list 1, but 1 lists it; each edge stands at both ends\n"
        "g: line 4: vertex 3 does not list 2, but 2 lists it; each edge stands at both ends\n"
        "g: line 5: vertex 4 does not list 3, but 3 lists it; each edge stands at both ends\n"
        "g: line 2: vertex 1 does not list 4, but 4 lists it; each edge stands at both ends");
  CHECK(complaint("3 2 1\n2 7\n1 6 3 8\n2 8\n") ==
        "g: line 3: the edge to 1 has weight 6, but 7 at its other end (line 2)");
}

TEST_CASE("random graphs survive writing and reading, and any damage to their text is refused or harmless", "[files]") {
  for (const test::Kind kind : test::kKinds) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      RandomSource random(seed);
      const WeightedGraph graph = test::random_graph(kind, static_cast<int>(random.below(30)), random);
      const std::string text = metis_graph_text(graph);
      CHECK(parse_metis_graph(text, "g").graph == graph);
      for (int threads = 2; threads < 5; ++threads) CHECK(parse_metis_graph(text, "g", threads).graph == graph);
      for (int i = 0; i < 30; ++i) {
        std::string damaged = text;
        if (random.coin())
          damaged.resize(random.below(damaged.size() + 1));
        else
          damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
        CHECK(sound_or_refused(damaged));
        CHECK(complaint(damaged) != "");
      }
    }
  }
}

TEST_CASE("blocks are written and read one a line", "[files]") {
  const Assignment assignment = test::make_assignment({1, 0, 1});
  CHECK(part_text(assignment) == "1\n0\n1\n");
  CHECK(parse_part("1\n0\n1\n", "p", 3, 2) == assignment);
  CHECK(part_complaint("1\n0\n") == "p: line 2: the file ends after 2 of 3 vertices");
  CHECK(part_complaint("1\n0\n1\n0\n") == "p: line 4: a block for vertex 4, but the graph has 3");
  CHECK(part_complaint("1\n2\n1\n") == "p: line 2: block 2 is not one of the blocks 0 to 1");
  CHECK(part_complaint("1\n-1\n1\n") == "p: line 2: block -1 is not one of the blocks 0 to 1");
  CHECK(part_complaint("1 0\n1\n") == "p: line 1: more than one number; a line holds the block of one vertex");
}

}  // namespace mp::partition

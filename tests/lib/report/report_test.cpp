// The pieces of a report: what is drawn where, from small programs whose picture is known.
#include "lib/report/report.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "lib/plan/predict.hpp"
#include "lib/program/memory_profile.hpp"
#include "lib/report/gantt.hpp"
#include "lib/report/graph_layout.hpp"
#include "lib/report/graph_view.hpp"
#include "lib/report/svg.hpp"
#include "lib/report/tables.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;

namespace {

// A plan with everything a report is made from.
struct Reported {
  mp::Plan plan;
  mp::PreparedPlan prepared;
  mp::Simulation simulation;
  mp::Prediction prediction;
  [[nodiscard]] mp::ReportInput input() const {
    return {.plan = plan, .prepared = prepared, .prediction = prediction, .simulation = simulation};
  }
};

Reported reported(const mp::Graph& forward, const mp::Placement& placement, std::int32_t devices,
                  std::int32_t microbatches) {
  Reported result;
  mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = microbatches});
  result.prepared.units = placement_units(training);
  result.prepared.program = compile(std::move(training), placement, {.devices = devices});
  result.plan.cluster = mp::uniform_cluster(devices);
  result.plan.microbatches = microbatches;
  for (const mp::NodeId n : mp::ids<mp::NodeId>(placement.size())) {
    result.plan.assignment.emplace_back(forward.node(n).name, placement[n]);
  }
  result.simulation = simulate(result.prepared.program, result.plan.cluster);
  result.prediction = predict(result.prepared.program, result.prepared.units, result.plan.cluster);
  return result;
}

Reported chain_of_two(std::int32_t microbatches) {
  const mp::Graph forward = mp::test::measured_chain({.stages = 2, .tensor_bytes = 1000});
  return reported(forward, mp::test::contiguous_placement(forward, 2), 2, microbatches);
}

Reported random_one(int seed) {
  const auto number = static_cast<std::uint64_t>(seed);
  const mp::Graph forward = mp::test::random_model(number, 16);
  return reported(forward, mp::test::random_placement(number, forward, 3), 3, 4);
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("text in a page cannot end an element or an attribute", "[report]") {
  CHECK(mp::escaped("a<b> & \"c\" 'd'\n") == "a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
}

TEST_CASE("devices have colours of their own", "[report]") {
  std::vector<std::string> colors;
  for (std::size_t d = 0; d < 32; ++d) colors.push_back(mp::device_color(d));
  std::sort(colors.begin(), colors.end());
  CHECK(std::unique(colors.begin(), colors.end()) == colors.end());
}

TEST_CASE("time axes have round ticks", "[report]") {
  CHECK(mp::time_ticks(0.8).size() == 9);  // 0, 0.1 … 0.8
  CHECK(mp::time_ticks(0.8)[1] == Approx(0.1));
  CHECK(mp::time_ticks(3.0)[1] == Approx(0.5));
  CHECK(mp::time_ticks(1.7e-5)[1] == Approx(5e-6));
  CHECK(mp::time_ticks(0.0) == std::vector<double>{0.0});
}

TEST_CASE("edges lead downwards and boxes of a layer keep their distance", "[report]") {
  // A diamond with a skip: 0 → 1, 2 → 3, and 0 → 3.
  const std::vector<std::pair<std::int32_t, std::int32_t>> edges = {{0, 1}, {0, 2}, {1, 3}, {2, 3}, {0, 3}};
  const mp::LayoutOptions options;
  const mp::GraphLayout layout = mp::layered_layout(4, edges, options);
  REQUIRE(layout.nodes.size() == 4);
  for (std::size_t e = 0; e < edges.size(); ++e) {
    const auto& route = layout.routes[e];
    CHECK(route.front() == layout.nodes[static_cast<std::size_t>(edges[e].first)]);
    CHECK(route.back() == layout.nodes[static_cast<std::size_t>(edges[e].second)]);
    for (std::size_t i = 0; i + 1 < route.size(); ++i) CHECK(route[i].y < route[i + 1].y);
  }
  CHECK(layout.routes[4].size() == 3);  // passes the middle layer in a lane of its own
  CHECK(std::abs(layout.nodes[1].x - layout.nodes[2].x) >= options.node_width - 1e-9);
  CHECK(layout.nodes[1].y == layout.nodes[2].y);
  for (const mp::Point& p : layout.nodes) {
    CHECK(p.x >= options.node_width / 2.0 - 1e-9);
    CHECK(p.x <= layout.width - options.node_width / 2.0 + 1e-9);
  }
}

TEST_CASE("random graphs are laid out without overlap", "[report][property]") {
  const Reported r = random_one(GENERATE(range(1, 9)));
  const mp::GraphView view = view_of(r.prepared.program, r.prepared.units, 1000);
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  for (const mp::ViewEdge& edge : view.edges) {
    REQUIRE(edge.from < edge.to);
    edges.emplace_back(edge.from, edge.to);
  }
  const mp::LayoutOptions options;
  const mp::GraphLayout layout = mp::layered_layout(view.nodes.size(), edges, options);
  bool overlap = false;
  for (std::size_t a = 0; a < layout.nodes.size(); ++a) {
    for (std::size_t b = a + 1; b < layout.nodes.size(); ++b) {
      const bool same_layer = layout.nodes[a].y == layout.nodes[b].y;
      overlap = overlap || (same_layer && std::abs(layout.nodes[a].x - layout.nodes[b].x) < options.node_width - 1e-6);
    }
  }
  CHECK(!overlap);
}

TEST_CASE("a long chain of blocks with skips is drawn as a narrow column", "[report]") {
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  const std::int32_t blocks = 40;
  for (std::int32_t b = 0; b < blocks; ++b) {  // 5b → 5b + 1, 2, 3 → 5b + 4 → 5(b + 1), and 5b → 5(b + 1) beside them
    const std::int32_t first = 5 * b;
    for (std::int32_t i = 1; i <= 3; ++i) {
      edges.emplace_back(first, first + i);
      edges.emplace_back(first + i, first + 4);
    }
    edges.emplace_back(first + 4, first + 5);
    edges.emplace_back(first, first + 5);
  }
  const mp::LayoutOptions options;
  CHECK(mp::layered_layout(5 * blocks + 1, edges, options).width < 6.0 * options.node_width);
}

// The oracle is the figure of the plan: what the table shows adds up to it.
TEST_CASE("tensors that cross add up to the communication volume", "[report][property]") {
  const Reported r = random_one(GENERATE(range(1, 9)));
  std::int64_t volume = 0;
  for (const mp::CutEdge& edge : cut_edges(r.prepared.program, r.prepared.units)) {
    CHECK(edge.from != edge.to);
    volume += edge.bytes_per_step;
  }
  CHECK(volume == r.prediction.communication_volume_bytes);
}

TEST_CASE("large graphs are drawn with few boxes, none of two devices", "[report]") {
  const mp::Graph forward = mp::test::transformer_like(12, 8);
  const mp::Placement placement = mp::test::contiguous_placement(forward, 3);
  const Reported r = reported(forward, placement, 3, 1);
  const mp::GraphView view = view_of(r.prepared.program, r.prepared.units, 20);
  CHECK(view.nodes.size() <= 20);
  CHECK(view.nodes.size() >= 3);
  std::int64_t nodes = 0;
  for (const mp::ViewNode& node : view.nodes) nodes += node.nodes;
  CHECK(nodes == static_cast<std::int64_t>(forward.nodes().size()));
  for (const mp::ViewEdge& edge : view.edges) {
    const bool differ =
        view.nodes[static_cast<std::size_t>(edge.from)].device != view.nodes[static_cast<std::size_t>(edge.to)].device;
    CHECK(edge.is_cut == differ);
  }
}

// 1F1B on two stages, two microbatches: device 0 does F0 F1 B0 B1, device 1 F0 B0 F1 B1.
TEST_CASE("the timeline has a bar a task", "[report]") {
  const Reported r = chain_of_two(2);
  const mp::Gantt gantt = gantt_of(r.prepared.program, r.plan.cluster, r.simulation);
  CHECK(gantt.devices == 2);
  std::vector<std::string> tasks(2);
  double work_s = 0.0;
  for (const mp::GanttBar& bar : gantt.bars) {
    if (bar.track >= 2) continue;
    tasks[bar.track] += (bar.category == "forward" ? " F" : " B") + std::to_string(bar.microbatch);
    work_s += bar.end_s - bar.start_s;
  }
  CHECK(tasks[0] == " F0 F1 B0 B1");
  CHECK(tasks[1] == " F0 B0 F1 B1");
  CHECK(work_s == Approx(2 * 2 * 3.0));
  const std::string svg = gantt_svg(gantt, 64);
  CHECK(count(svg, ">F0</text>") == 2);
  CHECK(count(svg, ">B1</text>") == 2);
  CHECK(count(gantt_svg(gantt, 1), "more devices and links are not drawn") == 1);
}

TEST_CASE("memory over time never exceeds the arena and starts with the parameters", "[report][program][property]") {
  const Reported r = random_one(GENERATE(range(1, 13)));
  for (const DeviceId d : mp::ids<DeviceId>(3)) {
    const mp::DeviceProgram& device = r.prepared.program.devices[d];
    std::int64_t parameters = 0;
    for (const mp::Buffer& buffer : device.buffers) {
      if (buffer.role == mp::BufferRole::kParameter) parameters += buffer.size_bytes;
    }
    double last_s = -1.0;
    for (const mp::MemoryPoint& point : memory_over_time(r.prepared.program, r.simulation, d)) {
      CHECK(point.bytes <= device.arena_bytes);
      CHECK(point.bytes >= parameters);
      CHECK(point.time_s > last_s);
      CHECK(point.time_s <= r.simulation.step_time_s);
      last_s = point.time_s;
    }
  }
}

// Stage 0 of 1F1B holds two microbatches' activations, of GPipe all four: the curve must show it.
TEST_CASE("memory over time rises with the microbatches alive", "[report][program]") {
  const mp::Graph forward = mp::test::transformer_like(2, 16);
  const mp::Placement placement = mp::test::contiguous_placement(forward, 2);
  const auto highest = [&](mp::Schedule schedule) {
    mp::TrainingGraph training = differentiate(forward, {.optimizer = {}, .microbatches = 8});
    const mp::Program program = compile(std::move(training), placement, {.schedule = schedule, .devices = 2});
    const mp::Simulation simulation = simulate(program, mp::uniform_cluster(2));
    std::int64_t most = 0;
    for (const mp::MemoryPoint& point : memory_over_time(program, simulation, DeviceId{0})) {
      most = std::max(most, point.bytes);
    }
    return most;
  };
  CHECK(highest(mp::Schedule::k1f1b) < highest(mp::Schedule::kGpipe));
}

TEST_CASE("a page stands by itself and says what the plan says", "[report]") {
  Reported r = chain_of_two(2);
  r.plan.algorithm = "metis";
  r.plan.predicted = r.prediction;
  r.plan.predicted->alternatives = {{"metis", 2000, 2000, {0.0, 0.0}, true, 0.5}, {"<odd>", 1, 1, {}, false, {}}};
  std::string page = html_report(r.input());
  CHECK(count(page, "<svg ") == 3);
  CHECK(count(page, "<svg ") == count(page, "</svg>"));
  CHECK(count(page, "<odd>") == 0);
  CHECK(count(page, "&lt;odd&gt;") == 1);
  const std::string name_space = "http://www.w3.org/2000/svg";  // a name, not a place
  for (std::size_t at = page.find(name_space); at != std::string::npos; at = page.find(name_space)) {
    page.erase(at, name_space.size());
  }
  for (const char* outside : {"http://", "https://", "src=", "href=", "@import", "url("}) {
    CHECK(count(page, outside) == 0);
  }
  const std::string words = markdown_report(r.input());
  CHECK(count(words, "\n| metis | 2.00 kB |") == 1);
  CHECK(count(words, "chosen") == 1);
  CHECK(count(dot_report(r.input()), "color=red") == 1);
  CHECK(svg_report(r.input()).find("<style>") != std::string::npos);
}

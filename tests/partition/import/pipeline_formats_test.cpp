#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "lib/base/error.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "partition/graph/random_source.hpp"
#include "partition/import/pipedream.hpp"
#include "partition/import/piper.hpp"
#include "partition/pipeline/model_pipeline.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::partition {
namespace {

constexpr const char* kPiperFile = R"({
  "maxMemoryPerDevice": 1e9, "maxDevices": 4, "bandwidth": 1e9, "mbsInBatch": 8, "comment": "ignored",
  "nodes": [
    {"id": 7, "name": "first", "TMPCs": {
      "2": [{"id": "split", "timePerSample": 0.5, "parameterSize": 50.5, "memoryUsageA": 3, "memoryUsageB": 4,
             "syncTimeFw": {}, "syncTimeBw": {"3": 9.0}}],
      "1": [{"id": "vanilla", "timePerSample": 1.0, "parameterSize": 100, "memoryUsageA": 5, "memoryUsageB": 6,
             "syncTimeFw": {}, "syncTimeBw": {"3": 0.0}}]}},
    {"id": 3, "TMPCs": {"1": [{"id": "vanilla", "timePerSample": 2.0, "parameterSize": 0, "memoryUsageA": 0,
             "memoryUsageB": 0, "syncTimeFw": {"7": 1.0}, "syncTimeBw": {}}]}}],
  "edges": [{"sourceId": 7, "destId": 3, "communicationCost": 1000.0}]})";

constexpr const char* kProfile =
    "node1 -- Input0 -- forward_compute_time=0.0, backward_compute_time=0.0, activation_size=8.0, parameter_size=0.0\n"
    "node2 -- LSTM(2, 1) -- forward_compute_time=1.5, backward_compute_time=2.5, activation_size=[10.0; 2.0], "
    "parameter_size=7.000\n"
    "node3 -- __getitem__(0) -- forward_compute_time=0.0, backward_compute_time=0.0, activation_size=10.0, "
    "parameter_size=0.0\n"
    "node4 -- __getitem__(1) -- forward_compute_time=0.0, backward_compute_time=0.0, activation_size=2.0, "
    "parameter_size=0.0\n"
    "node5 -- Linear -- forward_compute_time=1, backward_compute_time=2, activation_size=4, parameter_size=3\n"
    "\tnode1 -- node2\n\tnode2 -- node3\n\tnode2 -- node4\n\tnode3 -- node5\n";

template <class Import>
std::vector<Issue> issues_of(const Import& import, const std::string& text) {
  try {
    static_cast<void>(import(text, "file"));
  } catch (const InputError& error) {
    return error.issues();
  }
  return {};
}

bool is_told(const std::vector<Issue>& issues, const std::string& place, const std::string& message) {
  return std::any_of(issues.begin(), issues.end(), [&](const Issue& issue) {
    return issue.place == place && issue.message.find(message) != std::string::npos;
  });
}

// Every prefix, and copies with a byte changed: an error that is told, or a model.
template <class Import>
void check_robust(const Import& import, const std::string& text) {
  RandomSource random(3);
  for (std::size_t length = 0; length < text.size(); length += 1 + length / 40)
    CHECK_NOTHROW(issues_of(import, text.substr(0, length)));
  for (int round = 0; round < 300; ++round) {
    std::string broken = text;
    broken[random.below(broken.size())] = static_cast<char>(random.below(256));
    CHECK_NOTHROW(issues_of(import, broken));
  }
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a Piper workload becomes a model with parallel options, and a cluster", "[piper]") {
  const ImportedModel imported = import_piper(kPiperFile, "folder/two.json");
  CHECK(imported.model.name == "two");
  CHECK(imported.model.dimensions.at("batch") == 8);
  REQUIRE(imported.model.nodes.size() == 2);
  const ModelNode& first = imported.model.nodes[0];
  CHECK(first.name == "7");
  CHECK(first.outputs == std::vector<std::string>{"7->3"});
  REQUIRE(first.parallel_options.size() == 2);
  CHECK(first.parallel_options[0].name == "vanilla");
  CHECK(first.parallel_options[1] == ParallelOption{.name = "split",
                                                    .tensor_parallel = 2,
                                                    .time_s = 0.5,
                                                    .parameter_bytes = 51,
                                                    .memory_per_microbatch_bytes = 3,
                                                    .memory_bytes = 4,
                                                    .sync_input_bytes = {},
                                                    .sync_output_bytes = {9}});
  CHECK(first.cost->forward_s == 1.0);
  CHECK(first.cost->output_bytes == std::vector<std::int64_t>{1000});
  CHECK(imported.model.nodes[1].inputs == first.outputs);
  CHECK(imported.cluster->devices.size() == 4);
  CHECK(imported.cluster->types[0].memory_bytes == 1'000'000'000);
  CHECK(imported.cluster->within_host.bandwidth_bytes_per_s == 1e9);
  CHECK(bind_model(imported.model, {}, "two").nodes().size() == 2);
  CHECK(parse_model(to_json(imported.model), "again") == imported.model);
}

TEST_CASE("what is wrong with a Piper workload is told at its place", "[piper]") {
  const auto issues = [](const std::string& from, const std::string& to) {
    return issues_of(import_piper, replaced(kPiperFile, from, to));
  };
  CHECK(is_told(issues("\"id\": 3", "\"id\": 7"), "/nodes/1", "another node has the id 7"));
  CHECK(is_told(issues("\"destId\": 3", "\"destId\": 4"), "/edges/0/destId", "no node has the id 4"));
  CHECK(is_told(issues("\"destId\": 3", "\"destId\": 7"), "/edges", "cycle of 1 node"));
  CHECK(is_told(issues("\"2\": [", "\"two\": ["), "/nodes/0/TMPCs/two", "no tensor-parallel degree"));
  CHECK(is_told(issues("{\"7\": 1.0}", "{\"8\": 1.0}"), "/nodes/1/TMPCs/1/0/syncTimeFw/8", "no edge from '8'"));
  CHECK(is_told(issues("{\"7\": 1.0}", "{}"), "/nodes/1/TMPCs/1/0/syncTimeFw", "0 of 1 edges"));
  CHECK(is_told(issues("\"timePerSample\": 0.5", "\"timePerSample\": -1"), "/nodes/0/TMPCs/2/0/timePerSample", ""));
  CHECK(is_told(issues("\"maxDevices\": 4", "\"maxDevices\": 0"), "/maxDevices", ""));
  CHECK(is_told(issues("\"bandwidth\": 1e9", "\"bandwidth\": 0"), "/bandwidth", "more than 0"));
  check_robust(import_piper, kPiperFile);
}

TEST_CASE("a PipeDream profile becomes a model without its inputs and unread items", "[piper]") {
  const ImportedModel imported = import_pipedream(kProfile, "vgg.graph.txt");
  CHECK_FALSE(imported.cluster);
  REQUIRE(imported.model.nodes.size() == 3);
  const ModelNode& lstm = imported.model.nodes[0];
  CHECK(lstm.name == "node2");
  CHECK(lstm.attributes.get_string("label", "") == "LSTM(2, 1)");
  CHECK(lstm.inputs.empty());
  CHECK(lstm.cost->forward_s == 1.5e-3);
  CHECK(lstm.cost->backward_s == 2.5e-3);
  CHECK(lstm.cost->parameter_bytes == 7);
  CHECK(lstm.cost->output_bytes == std::vector<std::int64_t>{12});
  CHECK(imported.model.nodes[2].inputs == std::vector<std::string>{"node3"});
  CHECK(bind_model(imported.model, {}, "vgg").nodes().size() == 3);
}

TEST_CASE("what is wrong with a PipeDream profile is told with its line", "[piper]") {
  const auto issues = [](const std::string& from, const std::string& to) {
    return issues_of(import_pipedream, replaced(kProfile, from, to));
  };
  CHECK(is_told(issues("node3 -- __getitem__(0)", "node2 -- x"), "line 3", "line 2 has a layer named 'node2'"));
  CHECK(is_told(issues("=[10.0; 2.0]", "=[10.0; two]"), "line 2", "activation_size='[10.0; two]' is no size"));
  CHECK(is_told(issues("forward_compute_time=1,", "forward_compute_time=-1,"), "line 5", "is no time"));
  CHECK(is_told(issues(", parameter_size=3", ""), "line 5", "3 of the values"));
  CHECK(is_told(issues("\tnode3 -- node5", "\tnode3 -- node6"), "line 9", "no layer is named 'node6'"));
  CHECK(is_told(issues("\tnode3 -- node5", "\tnode3"), "line 9", "an edge is expected"));
  CHECK(is_told(issues("node5 -- Linear -- ", "node5 "), "line 5", "a layer is expected"));
  CHECK(is_told(issues_of(import_pipedream, std::string(kProfile) + "\tnode5 -- node2\n"), "line 2", "cycle of"));
  CHECK(is_told(issues_of(import_pipedream, ""), "", "no layers"));
  check_robust(import_pipedream, kProfile);
}

TEST_CASE("PipeDream's objective of a profile: compute, and an exchange after each round", "[piper]") {
  const Model model = import_pipedream(kProfile, "p").model;
  Cluster cluster = uniform_cluster(2);
  cluster.within_host.bandwidth_bytes_per_s = 1e4;
  const PiperProblem problem =
      pipeline_problem(model, cluster, {.costs = PipelineCosts::kPipedream, .microbatches = 1}, "p");
  const auto plan = plan_piper(problem);
  REQUIRE(plan);
  // Two stages: 4 and 3 ms. One of two replicas: 7 ms / 2 + 4 · 1/4 · 10 bytes / 10⁴ bytes/s = 4.5 ms.
  CHECK(plan->time_s == Approx(4e-3));
  CHECK(plan->optimal);
}

TEST_CASE("stages become assignment, replicas and choices of a plan", "[piper]") {
  const Model model = import_piper(kPiperFile, "two.json").model;
  const PiperProblem problem = pipeline_problem(model, uniform_cluster(6), {.microbatches = 8}, "two");
  REQUIRE(problem.nodes[0].options.at(2)[0].sync_out_bytes == std::vector<double>{9});
  REQUIRE(problem.nodes[1].options.at(1)[0].sync_in_bytes == std::vector<double>{1});
  const PiperStage first{.nodes = {VertexId{0}}, .options = {0}, .data_parallel = 2, .tensor_parallel = 2};
  const PiperStage second{.nodes = {VertexId{1}}, .options = {0}};
  Plan plan;
  set_stages(plan, {.stages = {first, second}}, problem, model);
  CHECK(plan.assignment == std::vector<std::pair<std::string, DeviceId>>{
                               {"7.part1", DeviceId{0}}, {"7.part2", DeviceId{1}}, {"3", DeviceId{4}}});
  CHECK(plan.replicas == std::vector<ReplicaGroup>{{DeviceId{0}, DeviceId{2}}, {DeviceId{1}, DeviceId{3}}});
  REQUIRE(plan.stages.size() == 2);
  CHECK(plan.stages[0].choices == std::vector<PlanStage::Choice>{{"split", {"7"}}});
  CHECK(plan.stages[1].first_device == DeviceId{4});
}

TEST_CASE("Piper's own workload: the authors' values, to the last digit they print", "[piper][shared]") {
  std::ifstream file(mp::test::source_dir() + "/../shared/workloads/piper/bert32a100.json");
  if (!file) {
    WARN("skipped: ../shared/workloads is not there");
    return;
  }
  std::stringstream text;
  text << file.rdbuf();
  ImportedModel imported = import_piper(text.str(), "bert32a100.json");
  struct Figure {
    std::int32_t devices;
    std::int64_t memory_gib;
    double authors_s;
    double last_digit_s;  // of the authors' value
  };
  for (const Figure& figure : {Figure{8, 8, 0.16586, 1e-5},
                               {32, 8, 0.041515, 1e-6},
                               {64, 2, 0.032030, 1e-6},
                               {64, 80, 0.0156502, 1e-7},
                               {512, 8, 0.00256113, 1e-8},
                               {2048, 8, 0.000703591, 1e-9}}) {
    INFO(figure.devices << " devices of " << figure.memory_gib << " GiB");
    Cluster cluster = uniform_cluster(figure.devices);
    cluster.within_host.bandwidth_bytes_per_s = 25.0 * (1LL << 30);
    cluster.types[0].memory_bytes = figure.memory_gib << 30;
    const auto plan = plan_piper(pipeline_problem(imported.model, cluster, {.microbatches = 1920}, "bert"));
    REQUIRE(plan);
    CHECK(plan->optimal);
    CHECK(std::abs(plan->time_s - figure.authors_s) <= 0.6 * figure.last_digit_s);
  }
}

}  // namespace mp::partition

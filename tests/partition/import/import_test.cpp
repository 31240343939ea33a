// Files of other systems become models: what is kept, and what is refused where.
#include <cmath>
#include <string>

#include "lib/base/error.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "partition/import/formats.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"

namespace mp::partition {
namespace {

using mp::test::message_of;

// a → b (forward), b' → a' (backward), b feeding b': class 1 is a and a', b cannot run on an accelerator.
constexpr const char* kWorkload = R"({
  "maxFPGAs": 2, "maxCPUs": 1, "maxSizePerFPGA": 100.0, "comment": [1, 2],
  "nodes": [
    {"id": 5, "name": "a", "supportedOnFpga": 1, "cpuLatency": 10, "fpgaLatency": 1.5, "isBackwardNode": 0,
     "colorClass": 1, "size": 7.0},
    {"id": -3, "supportedOnFpga": false, "cpuLatency": 20, "fpgaLatency": 2, "whatever": {}},
    {"id": 8, "supportedOnFpga": true, "cpuLatency": 30, "fpgaLatency": 3, "isBackwardNode": true, "colorClass": 1}],
  "edges": [{"sourceId": 5, "destId": -3, "cost": 0.25, "size": 1}, {"sourceId": 5, "destId": 8, "cost": 0.25},
            {"sourceId": 5, "destId": 8, "cost": 0.25}, {"sourceId": -3, "destId": 8, "cost": 0}]})";

ImportedModel import(const std::string& text, std::string_view format = "dnn-partitioning") {
  return find_import_format(format)->import(text, "w.json");
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const std::size_t place = text.find(what);
  REQUIRE(place != std::string::npos);
  return text.replace(place, what.size(), with);
}

std::string refusal(const std::string& what, const std::string& with) {
  return message_of<InputError>([&] { static_cast<void>(import(replaced(kWorkload, what, with))); });
}

}  // namespace

TEST_CASE("a published workload keeps its times, sizes, classes and transfers", "[import]") {
  const ImportedModel imported = import(kWorkload);
  const Model& model = imported.model;
  CHECK(model.name == "w");
  REQUIRE(model.nodes.size() == 3);
  const ModelNode& a = model.nodes[0];
  CHECK(a.name == "5");
  CHECK(a.cost->forward_s_by_type.at("accelerator") == 1.5e-3);
  CHECK(a.cost->forward_s_by_type.at("cpu") == 10e-3);
  CHECK(a.cost->parameter_bytes == 7);
  CHECK(a.cost->output_transfer_s == std::vector<double>{0.25e-3});
  CHECK(a.colocate == "class 1");
  CHECK_FALSE(a.backward);
  const ModelNode& b = model.nodes[1];
  CHECK(b.name == "-3");
  CHECK(std::isinf(b.cost->forward_s_by_type.at("accelerator")));
  CHECK(b.cost->forward_s == 20e-3);
  CHECK(b.colocate.empty());
  CHECK(b.inputs == std::vector<std::string>{"5"});
  CHECK(model.nodes[2].backward);
  CHECK(model.nodes[2].inputs == std::vector<std::string>{"5", "-3"});
  REQUIRE(imported.cluster);
  CHECK(imported.cluster->devices.size() == 3);
  CHECK(imported.cluster->type_of(DeviceId{0}).memory_bytes == 100);
  CHECK_FALSE(imported.cluster->type_of(DeviceId{1}).in_host_memory);
  CHECK(imported.cluster->type_of(DeviceId{2}).in_host_memory);
}

TEST_CASE("what was imported survives its files", "[import]") {
  const ImportedModel imported = import(kWorkload);
  CHECK(parse_model(to_json(imported.model), "m") == imported.model);
  CHECK(parse_cluster(to_json(*imported.cluster), "c") == *imported.cluster);
  CHECK(bind_model(imported.model, {}, "m").nodes().size() == 3);
}

TEST_CASE("edges of one node with two costs are two tensors", "[import]") {
  const ImportedModel imported =
      import(replaced(kWorkload, "\"destId\": 8, \"cost\": 0.25", "\"destId\": 8, \"cost\": 4"));
  CHECK(imported.model.nodes[0].outputs == std::vector<std::string>{"5", "5.1"});
  CHECK(imported.model.nodes[0].cost->output_transfer_s == std::vector<double>{0.25e-3, 4e-3});
  CHECK(imported.model.nodes[2].inputs == std::vector<std::string>{"5.1", "5", "-3"});
}

TEST_CASE("workloads that make no sense are refused at the place", "[import]") {
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal("1.5", "-1.5"), Contains("/nodes/0/fpgaLatency"));
  CHECK_THAT(refusal("\"cpuLatency\": 20", "\"cpuLatency\": 1e13"),
             Contains("/nodes/1/cpuLatency") && Contains("too large"));
  CHECK_THAT(refusal("\"cost\": 0}", "\"cost\": -1e-9}"), Contains("/edges/3/cost"));
  CHECK_THAT(refusal("\"cost\": 0}", "\"cost\": NaN}"), Contains("w.json"));
  CHECK_THAT(refusal("\"size\": 7.0", "\"size\": 1e300"), Contains("/nodes/0/size"));
  CHECK_THAT(refusal("\"supportedOnFpga\": 1", "\"supportedOnFpga\": 2"), Contains("/nodes/0/supportedOnFpga"));
  CHECK_THAT(refusal("\"destId\": -3", "\"destId\": 4"),
             Contains("/edges/0/destId") && Contains("no node has the id 4"));
  CHECK_THAT(refusal("\"id\": 8", "\"id\": 5"), Contains("/nodes/2") && Contains("another node has the id 5"));
  CHECK_THAT(refusal("\"sourceId\": -3, \"destId\": 8", "\"sourceId\": 8, \"destId\": 5"),
             Contains("cycle") && Contains("/edges/"));
  CHECK_THAT(refusal("\"sourceId\": -3", "\"sourceId\": 8"), Contains("/edges/3") && Contains("cycle"));
  CHECK_THAT(refusal("\"maxFPGAs\": 2, \"maxCPUs\": 1", "\"maxFPGAs\": 0, \"maxCPUs\": 0"), Contains("/maxFPGAs"));
  CHECK_THAT(refusal("\"maxFPGAs\": 2", "\"maxFPGAs\": 5000"), Contains("/maxFPGAs"));
  CHECK_THAT(refusal("100.0", "0"), Contains("/maxSizePerFPGA"));
}

TEST_CASE("METIS graphs become models whose cut bytes are the cut weight", "[import]") {
  const ImportedModel imported =
      import("% a triangle with a tail\n4 4 11 2\n5 6 2 7 3 8\n1 0 1 7 3 9\n2 1 1 8 2 9 4 1\n3 2 3 1\n", "metis");
  REQUIRE(imported.model.nodes.size() == 4);
  CHECK_FALSE(imported.cluster);
  const ModelNode& first = imported.model.nodes[0];
  CHECK(first.name == "1");
  CHECK(first.cost->forward_s == Approx(5e-6));
  CHECK(first.cost->parameter_bytes == 6);
  CHECK(first.outputs == std::vector<std::string>{"1-2", "1-3"});
  CHECK(first.cost->output_bytes == std::vector<std::int64_t>{7, 8});
  CHECK(imported.model.nodes[2].inputs == std::vector<std::string>{"1-3", "2-3"});
  CHECK(bind_model(imported.model, {}, "m").nodes().size() == 4);
  CHECK_THAT(
      message_of<InputError>([] { static_cast<void>(import("2 1 1\n2 9999999999999\n1 9999999999999\n", "metis")); }),
      Catch::Matchers::Contains("edge 1 2"));
}

TEST_CASE("formats are recognised by the look of a file", "[import]") {
  CHECK(recognise_import_format(kWorkload, "x")->name == "dnn-partitioning");
  CHECK(recognise_import_format("% comment\n3 2 1\n", "x")->name == "metis");
  CHECK(recognise_import_format("", "a.graph")->name == "metis");
  CHECK(recognise_import_format("% only a comment", "x") == nullptr);
  CHECK(recognise_import_format("hello", "x") == nullptr);
  CHECK(recognise_import_format("", "x") == nullptr);
}

}  // namespace mp::partition

#include "lib/files/plan_file.hpp"

#include <string>

#include "lib/base/error.hpp"
#include "lib/files/cluster_file.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::test::message_of;

namespace {

mp::Plan parse(const std::string& fields) {
  std::string text = R"({"format": "mp.plan/1", "model": "m.json", )";
  text.append(fields).append("}");
  return mp::parse_plan(text, "f");
}

std::string error_of(const std::string& fields) {
  return message_of<mp::InputError>([&] { static_cast<void>(parse(fields)); });
}

std::string replaced(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  std::string result = text.substr(0, at);
  return result.append(to).append(text, at + from.size());
}

mp::Plan everything() {
  mp::Plan plan;
  plan.model_path = "../models/m.json";
  plan.model_sha256 = std::string(64, 'a');
  plan.model_name = "m";
  plan.bindings = {{"batch", 8}};
  plan.cluster = mp::uniform_cluster(2);
  plan.assignment = {{"z", DeviceId{1}}, {"a/b~", DeviceId{0}}, {"m", DeviceId{1}}};
  plan.schedule = mp::Schedule::kGpipe;
  plan.microbatches = 4;
  plan.optimizer = {.kind = mp::OptimizerKind::kSgd, .momentum = 0.9, .weight_decay = 0.5};
  plan.algorithm = "kernighan-lin";
  plan.seed = ~std::uint64_t{0};
  plan.replicas = {{DeviceId{1}, DeviceId{0}}};
  plan.alive_limit = 3;
  plan.zero = 2;
  plan.recompute = {"z", "a/b~"};
  plan.predicted = mp::Prediction{
      .objective = "cut",
      .cut_bytes = 1,
      .communication_volume_bytes = 2,
      .imbalance = {0.25, 0.5},
      .step_time_s = 0.001,
      .bubble_fraction = 0.3,
      .devices = {{1, 2, 0.25, 3}, {4, 5, 0.75, 6}},
      .alternatives = {{"metis", 1, 2, {0.25, 0.5}, true, 0.001}, {"linear", 7, 8, {0.5, 1.5}, false, std::nullopt}}};
  return plan;
}

}  // namespace

TEST_CASE("a plan is read back as it was written", "[files]") {
  CHECK(mp::parse_plan(mp::to_json(everything()), "f") == everything());
  mp::Plan plan = everything();
  plan.optimizer = {.kind = mp::OptimizerKind::kAdam, .beta1 = 0.8, .beta2 = 0.9, .epsilon = 1e-6, .weight_decay = 0.0};
  plan.predicted.reset();
  CHECK(mp::parse_plan(mp::to_json(plan), "f") == plan);
}

TEST_CASE("a plan has a line for each node, last", "[files]") {
  const std::string text = mp::to_json(everything());
  const std::string end = "  \"assignment\": {\n    \"z\": 1,\n    \"a/b~\": 0,\n    \"m\": 1\n  }\n}\n";
  CHECK(text.substr(text.size() - end.size()) == end);
}

TEST_CASE("a plan written by hand needs model and assignment alone", "[files]") {
  const mp::Plan plan = parse(R"("assignment": {"fc1": 0, "fc2": 1})");
  CHECK(plan.model_path == "m.json");
  CHECK(plan.cluster == mp::uniform_cluster(2));
  CHECK(plan.microbatches == 1);
  CHECK(plan.schedule == mp::Schedule::k1f1b);
  CHECK(plan.optimizer == mp::Optimizer{});
  CHECK(parse(R"("devices": 4, "assignment": {"fc1": 0})").cluster == mp::uniform_cluster(4));
}

TEST_CASE("devices of a plan may be named", "[files]") {
  mp::Plan plan = everything();
  plan.cluster.devices[DeviceId{1}].name = "gpu";
  const std::string text = mp::to_json(plan);
  CHECK(mp::parse_plan(replaced(text, "\"z\": 1", "\"z\": \"gpu\""), "f") == plan);
  CHECK(message_of<mp::InputError>([&] {
          static_cast<void>(mp::parse_plan(replaced(text, "\"z\": 1", "\"z\": \"gpv\""), "f"));
        }) == "f: /assignment/z: the cluster has no device named 'gpv'; did you mean 'gpu'?");
}

TEST_CASE("every mistake in a plan file has a message", "[files]") {
  CHECK(error_of(R"("devices": 2)") == "f: \"assignment\" is missing");
  CHECK(error_of(R"("devices": 2, "assignment": {"a": 2, "b": -1, "c": "x", "d": 1e3})") ==
        "f: /assignment/a: there is no device 2: the cluster has 2, numbered from 0\n"
        "f: /assignment/b: -1 is out of range: 0 to 4095 is expected\n"
        "f: /assignment/c: the cluster has no device named 'x'\n"
        "f: /assignment/d: an integer is expected here, not 1000");
  CHECK(error_of(R"("devices": 0, "microbatches": 0, "assignment": {}, "schedule": "1f1p", "seed": -1)") ==
        "f: /devices: 0 is out of range: 1 to 4096 is expected\n"
        "f: /schedule: unknown schedule '1f1p'; did you mean '1f1b'?; known: gpipe, 1f1b, interleaved, zero-bubble\n"
        "f: /microbatches: 0 is out of range: 1 to 1000000 is expected\n"
        "f: /seed: -1 is too small: 0 or more is expected");
  CHECK(error_of(R"("assignment": {"a": 0, "a": 1})") == "f: /assignment: key 'a' comes twice");
  CHECK(error_of(R"("assignment": {}, "optimizer": {"kind": "sgd", "beta1": 0.9, "momentum": 1})") ==
        "f: /optimizer/beta1: sgd has none; its constants are momentum and weight_decay\n"
        "f: /optimizer/momentum: must be less than 1");
  CHECK(error_of(R"("assignment": {}, "optimizer": {"kind": "adamx"})") ==
        "f: /optimizer/kind: unknown optimizer 'adamx'; did you mean 'adam'?; known: sgd, adam, adamw");
  CHECK(error_of(R"("assignment": {}, "devices": 1, "cluster": {})") ==
        "f: /devices: \"cluster\" says the devices already: one or the other\n"
        "f: /cluster: \"types\" is missing");
}

TEST_CASE("replicas, ZeRO and recomputation of a plan are written where they are used", "[files]") {
  const std::string text = mp::to_json(everything());
  CHECK(text.find("  \"alive_limit\": 3,\n  \"zero\": 2,\n  \"replicas\": [\n    [1, 0]\n  ],\n"
                  "  \"recompute\": [\n    \"z\",\n    \"a/b~\"\n  ],\n") != std::string::npos);
  mp::Plan plain = everything();
  plain.replicas.clear();
  plain.zero = 0;
  plain.recompute.clear();
  plain.alive_limit = 0;
  for (const char* key : {"alive_limit", "zero", "replicas", "recompute"}) {
    CHECK(mp::to_json(plain).find(key) == std::string::npos);
  }
  CHECK(mp::parse_plan(mp::to_json(plain), "f") == plain);
  const mp::Plan by_hand = parse(R"("replicas": [[0, 3], [1, 2]], "assignment": {"a": 0, "b": 1})");
  CHECK(by_hand.replicas == std::vector<mp::ReplicaGroup>{{DeviceId{0}, DeviceId{3}}, {DeviceId{1}, DeviceId{2}}});
  CHECK(by_hand.cluster == mp::uniform_cluster(4));
  CHECK(
      error_of(
          R"("alive_limit": 0, "zero": 4, "replicas": [[], [5, "x"], 1], "recompute": [2], "devices": 3, "assignment": {})") ==
      "f: /replicas/0: a group has at least one device, its leader first\n"
      "f: /replicas/1/0: there is no device 5: the cluster has 3, numbered from 0\n"
      "f: /replicas/1/1: the cluster has no device named 'x'\n"
      "f: /replicas/2: an array is expected here, not 1\n"
      "f: /alive_limit: 0 is out of range: 1 to 1000000 is expected\n"
      "f: /zero: 4 is out of range: 0 to 3 is expected\n"
      "f: /recompute/0: a string is expected here, not 2");
}

TEST_CASE("the digest in a plan is one", "[files]") {
  CHECK(message_of<mp::InputError>([] {
          static_cast<void>(mp::parse_plan(
              R"({"format": "mp.plan/1", "model": {"path": "m", "sha256": "ABC"}, "assignment": {}})", "f"));
        }) == "f: /model/sha256: 64 hexadecimal digits in lower case are expected");
}

#include "lib/plan/check_plan.hpp"

#include <string>
#include <utility>

#include "lib/base/error.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;

namespace {

mp::Graph chain() {
  return mp::bind_model(mp::parse_model(R"({"format": "mp.model/1", "name": "chain",
    "inputs": [{"name": "x", "shape": [2]}],
    "nodes": [
      {"name": "first", "op": "Relu", "inputs": ["x"], "device": 0},
      {"name": "second", "op": "Relu", "inputs": ["first"], "colocate": "pair"},
      {"name": "third", "op": "Relu", "inputs": ["second"], "colocate": "pair"}]})",
                                        "chain"),
                        {}, "chain");
}

mp::Plan plan_of(std::vector<std::pair<std::string, DeviceId>> assignment) {
  mp::Plan plan;
  plan.cluster = mp::uniform_cluster(2);
  plan.assignment = std::move(assignment);
  return plan;
}

std::string error_of(std::vector<std::pair<std::string, DeviceId>> assignment) {
  return mp::test::message_of<mp::InputError>(
      [&] { static_cast<void>(mp::check_plan(plan_of(std::move(assignment)), chain(), "p")); });
}

constexpr DeviceId d0{0};
constexpr DeviceId d1{1};

}  // namespace

TEST_CASE("a plan that fits gives every node its device", "[plan]") {
  const mp::Graph graph = chain();
  const mp::Placement placement = mp::check_plan(plan_of({{"third", d1}, {"first", d0}, {"second", d1}}), graph, "p");
  CHECK(placement == mp::Placement{d0, d1, d1});
}

TEST_CASE("every way in which a plan does not fit its model has a message", "[plan]") {
  CHECK(error_of({{"first", d0}, {"second", d1}}) == "p: /assignment: a node of the model has no device: 'third'");
  CHECK(error_of({}) == "p: /assignment: 3 nodes of the model have no device: 'first', 'second', 'third'");
  CHECK(error_of({{"first", d0}, {"second", d1}, {"third", d1}, {"fisrt/", d0}}) ==
        "p: /assignment/fisrt~1: the model has no node 'fisrt/'; did you mean 'first'?");
  CHECK(error_of({{"first", d0}, {"second", d1}, {"third", DeviceId{2}}}) ==
        "p: /assignment/third: there is no device 2: the cluster has 2, numbered from 0\n"
        "p: /assignment: a node of the model has no device: 'third'");
  CHECK(error_of({{"first", d1}, {"second", d1}, {"third", d1}}) ==
        "p: /assignment/first: is on device 1; the model pins it to device 0");
  CHECK(error_of({{"first", d0}, {"second", d0}, {"third", d1}}) ==
        "p: /assignment/third: is on device 1; 'second', of the same colocation group 'pair', is on device 0");
}

TEST_CASE("replicas and recomputation that do not fit have messages", "[plan]") {
  const auto error = [](std::vector<mp::ReplicaGroup> replicas, std::vector<std::string> recompute) {
    mp::Plan plan = plan_of({{"first", d0}, {"second", d1}, {"third", d1}});
    plan.cluster = mp::uniform_cluster(4);
    plan.replicas = std::move(replicas);
    plan.recompute = std::move(recompute);
    return mp::test::message_of<mp::InputError>([&] { static_cast<void>(mp::check_plan(plan, chain(), "p")); });
  };
  constexpr DeviceId d2{2};
  constexpr DeviceId d3{3};
  CHECK(error({{d0, d2}, {d1, d3}}, {"first", "third"}) == "(nothing was thrown)");
  CHECK(error({{d0, d2}, {d1, d2}}, {}) ==
        "p: /replicas/1/1: device 2 is in group 0 already; a device works in one group");
  CHECK(error({{d0, d0}}, {}) == "p: /replicas/0/1: device 0 is in group 0 already; a device works in one group");
  CHECK(error({{d0, DeviceId{4}}, {}}, {}) ==
        "p: /replicas/0/1: there is no device 4: the cluster has 4, numbered from 0\n"
        "p: /replicas/1: a group has at least one device, its leader first");
  CHECK(error({{d2, d1}}, {}) ==
        "p: /assignment/second: is on device 1, which works for device 2: name the leader of the group, 2\n"
        "p: /assignment/third: is on device 1, which works for device 2: name the leader of the group, 2");
  CHECK(error({}, {"firts", "second", "second"}) ==
        "p: /recompute/0: the model has no node 'firts'; did you mean 'first'?\n"
        "p: /recompute/2: 'second' comes twice");
}

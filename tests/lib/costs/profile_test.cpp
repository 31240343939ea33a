#include "lib/costs/profile.hpp"

#include "lib/base/error.hpp"
#include "lib/costs/costs.hpp"
#include "lib/costs/signature.hpp"
#include "lib/costs/wake_ups.hpp"
#include "lib/files/profile_file.hpp"
#include "tests/lib/support/errors.hpp"
#include "tests/lib/support/small_models.hpp"
#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::NodeId;
using mp::Profile;
using mp::test::message_of;

namespace {

// Every node of the two-layer model in the order of its ids: 1 s, 2 s, …; half as much more when crowded.
Profile full_profile(const mp::TrainingGraph& training) {
  Profile profile{.model_name = "two-layers",
                  .model_sha256 = "00",
                  .bindings = {{"batch", 2}},
                  .machine = "test, 2 cores",
                  .backend = "cpu",
                  .threads = 1,
                  .device = mp::uniform_cluster(1).types[0],
                  .measured = {},
                  .links = {}};
  profile.measured.devices = 2;
  for (const NodeId n : mp::ids<NodeId>(training.graph.nodes().size())) {
    const double seconds = static_cast<double>(mp::index(n)) + 1.0;
    profile.measured.times.emplace(signature(training.graph, n), mp::MeasuredTime{seconds, 1.5 * seconds});
  }
  profile.links = {{}, {1e-6, 1e9}, {3e-6, 3e9}, {}};
  profile.transfer_by = mp::TransferBy::kReceiver;
  profile.step_overhead_s = 1e-5;
  profile.step_overhead_crowded_s = 3e-5;
  for (const mp::WakeUp& wake_up : {mp::WakeUp{1e-5, 0.0, 1e-7}, mp::WakeUp{1e-4, 2e-5, 6e-6}}) {
    add_wake_up(profile.measured, wake_up);
  }
  return profile;
}

mp::TrainingGraph training() { return differentiate(mp::test::two_layers(), {}); }

}  // namespace

TEST_CASE("a profile is read back as it was written", "[costs][files]") {
  const Profile profile = full_profile(training());
  CHECK(mp::parse_profile(mp::to_json(profile), "f") == profile);
}

TEST_CASE("a profile's times and links take the place of the cluster's", "[costs]") {
  const mp::TrainingGraph graph = training();
  const Profile profile = full_profile(graph);
  mp::Cluster asked = mp::uniform_cluster(2);
  asked.types[0].memory_bytes = 7;
  const mp::Cluster two = profiled_cluster(asked, profile);
  CHECK(two.type_of(DeviceId{0}).memory_bytes == 7);
  CHECK(node_seconds(graph.graph, NodeId{0}, two.type_of(DeviceId{0}), 2) == 1.5);
  CHECK(two.link(DeviceId{1}, DeviceId{0}) == mp::Link{3e-6, 3e9});
  CHECK(two.transfer_by == mp::TransferBy::kReceiver);
  CHECK(two.step_overhead_s == Approx(3e-5));
  CHECK(profiled_cluster(mp::uniform_cluster(1), profile).step_overhead_s == 1e-5);
  const mp::Cluster four = profiled_cluster(mp::uniform_cluster(4), profile);
  CHECK(four.step_overhead_s == Approx(7e-5));
  CHECK(four.link(DeviceId{2}, DeviceId{3}).latency_s == Approx(2e-6));
  CHECK(four.link(DeviceId{2}, DeviceId{3}).bandwidth_bytes_per_s == Approx(1.5e9));
  CHECK(node_seconds(graph.graph, NodeId{0}, four.type_of(DeviceId{0}), 4) == Approx(2.5));
  asked.devices[DeviceId{1}].host = 1;
  CHECK(message_of<mp::InputError>([&] {
          static_cast<void>(profiled_cluster(asked, profile));
        }).find("a profile is of equal devices on one host; '0' and '1' differ") != std::string::npos);
}

TEST_CASE("what a profile lacks is named, and one that lacks everything is refused", "[costs]") {
  mp::TrainingGraph graph = training();
  Profile profile = full_profile(graph);
  CHECK(profile_gaps(graph, profile, "p.json").empty());
  graph.clip_norm = 1.0;
  CHECK(profile_gaps(graph, profile, "p.json").find("the norms of gradients are not in p.json") == 0);
  profile.measured.times.emplace(mp::gradient_norms_signature(), mp::MeasuredTime{1.0, 1.0});
  CHECK(profile_gaps(graph, profile, "p.json").empty());
  const std::string lost = signature(graph.graph, NodeId{1});
  profile.measured.times.erase(lost);
  const std::string gaps = profile_gaps(graph, profile, "p.json");
  CHECK(gaps.find("nodes are not in p.json, which was measured for a microbatch of 'two-layers' (batch = 2)") !=
        std::string::npos);
  CHECK(gaps.find(lost) != std::string::npos);
  profile.measured.times.clear();
  CHECK(message_of<mp::InputError>([&] {
          static_cast<void>(profile_gaps(graph, profile, "p.json"));
        }).find("p.json: /nodes: none of the ") == 0);
}

TEST_CASE("every mistake in a profile has a message", "[costs][files]") {
  const auto error_of = [](const std::string& fields) {
    return message_of<mp::InputError>([&] {
      static_cast<void>(mp::parse_profile(
          R"({"format": "mp.profile/1", "model": {"name": "m"}, "threads": 1, "device": {"name": "t",
              "flops_per_s": {"float32": 1}, "memory_bandwidth_bytes_per_s": 1}, )" +
              fields + "}",
          "f"));
    });
  };
  CHECK(error_of(R"("devices": 2, "nodes": [])") == "f: \"links\" is missing");
  CHECK(error_of(R"("devices": 2, "links": [], "nodes": [])") == "f: /links: 0 links; 2 devices have 2 ordered pairs");
  CHECK(error_of(R"("devices": 2, "links": [{"from": 0, "to": 1, "bandwidth_bytes_per_s": 1},
                    {"from": 0, "to": 1, "bandwidth_bytes_per_s": 1}], "nodes": [])") ==
        "f: /links/1: each pair of different devices once is expected");
  CHECK(error_of(R"("devices": 1, "nodes": [{"signature": "a", "alone_s": -1}, {"signature": "a", "alone_s": 1}])") ==
        "f: /nodes/0/alone_s: -1 is too small: 0 or more is expected\n"
        "f: /nodes/1: another node has the signature 'a'");
}

// Products: 10⁹ FLOPs in 10 ms and 10⁶ in 0.1 ms; copies of 10⁶ B in 1 ms. The least node takes 0.1 ms, of which half
// counts as overhead: 10⁹ / 9.95 ms is the peak, and 10⁶ / 0.05 ms a fifth of it.
TEST_CASE("a roofline is fitted to measured nodes", "[costs]") {
  const std::vector<mp::MeasuredNode> nodes = {{mp::WorkClass::kMatmul, 1e9, 1e3, 10e-3},
                                               {mp::WorkClass::kMatmul, 1e6, 1e3, 0.1e-3},
                                               {mp::WorkClass::kVector, 1e6, 1e6, 1e-3}};
  const mp::DeviceType type = mp::fitted_roofline(nodes, "fitted");
  CHECK(type.launch_overhead_s == Approx(0.05e-3));
  CHECK(type.flops_per_s.at(mp::DataType::kFloat32) == Approx(1e9 / 9.95e-3));
  CHECK(type.memory_bandwidth_bytes_per_s == Approx(1e6 / 0.95e-3));
  REQUIRE(type.efficiency.size() == 2);
  CHECK(type.efficiency[0].work == mp::WorkClass::kMatmul);
  REQUIRE(type.efficiency[0].points.size() == 2);
  CHECK(type.efficiency[0].points[0].fraction == Approx(9.95e-3 / 0.05));
  CHECK(type.efficiency[0].points[1].fraction == 1.0);
  CHECK(type.efficiency[1].work == mp::WorkClass::kMemory);
}

// Every model that ships, on any number of devices: a sound program that sends exactly what the plan says.
#include <filesystem>
#include <string>
#include <vector>

#include "lib/files/model_file.hpp"
#include "lib/plan/prepare.hpp"
#include "lib/program/simulate.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace {

std::vector<std::string> shipped_models() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(mp::test::source_dir() + "/models")) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
  }
  return paths;
}

}  // namespace

TEST_CASE("every shipped model becomes a sound program", "[program][models]") {
  const std::vector<std::string> paths = shipped_models();
  REQUIRE(paths.size() >= 5);
  for (const std::string& path : paths) {
    const mp::Model model = mp::read_model(path).model;
    const mp::TrainingGraph training =
        training_graph_of(model, {.bindings = model.dimensions, .microbatches = 4, .optimizer = {}}, path);
    for (const std::int32_t devices : {1, 2, 4, 8}) {
      for (const bool contiguous : {true, false}) {
        INFO(path << ", " << devices << " devices, " << (contiguous ? "contiguous" : "random"));
        mp::Placement placement(static_cast<std::size_t>(training.forward_nodes), mp::DeviceId{0});
        for (const mp::NodeId n : mp::ids<mp::NodeId>(placement.size())) {
          const std::size_t where = contiguous ? mp::index(n) * static_cast<std::size_t>(devices) / placement.size()
                                               : (mp::index(n) * 7) % static_cast<std::size_t>(devices);
          placement[n] = mp::make_id<mp::DeviceId>(where);
        }
        const mp::Program program = compile(training, placement, {.schedule = mp::Schedule::k1f1b, .devices = devices});
        CHECK(check_program(program) == std::vector<std::string>{});
        std::int64_t sent = 0;
        for (const mp::Message& message : program.messages) sent += message.size_bytes;
        CHECK(sent == traffic(placement_units(training), placement).communication_volume);
        CHECK(simulate(program, mp::uniform_cluster(devices)).step_time_s > 0.0);
      }
    }
  }
}

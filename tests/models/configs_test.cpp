#include <filesystem>
#include <string>
#include <vector>

#include "lib/cluster/route.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/recipe_file.hpp"
#include "tests/support/catch.hpp"

namespace fs = std::filesystem;

namespace {

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  }
  return files;
}

}  // namespace

TEST_CASE("the shipped clusters are read and have links between all devices", "[configs]") {
  const std::vector<std::string> files = files_in(mp::test::source_dir() + "/configs/clusters");
  CHECK(files.size() >= 8);
  for (const std::string& file : files) {
    CAPTURE(file);
    const mp::Cluster cluster = mp::read_cluster(file);
    const mp::Routes routes(cluster);
    bool all_have_links = true;
    for (const mp::DeviceId from : mp::ids<mp::DeviceId>(cluster.devices.size())) {
      for (const mp::DeviceId to : mp::ids<mp::DeviceId>(cluster.devices.size())) {
        if (from == to) continue;
        const mp::Route route = routes(from, to);
        all_have_links = all_have_links && route.bytes_per_s > 0.0 && route.bytes_per_s <= 450e9;
      }
    }
    CHECK(all_have_links);
  }
}

TEST_CASE("the cluster of 1,024 GPUs has 128 hosts of 8 in four groups", "[configs]") {
  const mp::Cluster cluster = mp::read_cluster(mp::test::source_dir() + "/configs/clusters/128x8xh100.json");
  REQUIRE(cluster.devices.size() == 1024);
  CHECK(cluster.devices[mp::DeviceId{7}].host == 0);
  CHECK(cluster.devices[mp::DeviceId{1023}].host == 127);
  CHECK(cluster.link(mp::DeviceId{0}, mp::DeviceId{7}).bandwidth_bytes_per_s == 450e9);
  CHECK(cluster.link(mp::DeviceId{0}, mp::DeviceId{8}).latency_s == 15e-6);
  CHECK(cluster.link(mp::DeviceId{255}, mp::DeviceId{256}).latency_s == 18e-6);
}

TEST_CASE("the shipped recipes are read and their data is there", "[configs]") {
  const std::vector<std::string> files = files_in(mp::test::source_dir() + "/configs");
  CHECK(files.size() >= 4);
  for (const std::string& file : files) {
    CAPTURE(file);
    const mp::Recipe recipe = mp::read_recipe(file);
    CHECK(recipe.steps.has_value());
    CHECK(recipe.optimizer.has_value());
    CHECK(recipe.learning_rate.has_value());
    if (recipe.data.images) CHECK(fs::is_regular_file(*recipe.data.images));
    if (recipe.data.labels) CHECK(fs::is_regular_file(*recipe.data.labels));
  }
}

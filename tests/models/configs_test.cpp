#include <filesystem>
#include <string>
#include <vector>

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
  CHECK(files.size() >= 6);
  for (const std::string& file : files) {
    CAPTURE(file);
    const mp::Cluster cluster = mp::read_cluster(file);
    for (const mp::DeviceId from : mp::ids<mp::DeviceId>(cluster.devices.size())) {
      for (const mp::DeviceId to : mp::ids<mp::DeviceId>(cluster.devices.size())) {
        if (from != to) CHECK(cluster.link(from, to).bandwidth_bytes_per_s > 0.0);
      }
    }
  }
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

// Shipped files, spoilt in every way that comes to mind: each is read, or refused with an InputError; nothing else.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/base/random.hpp"
#include "lib/files/atomic_file.hpp"
#include "lib/files/cluster_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/files/plan_file.hpp"
#include "lib/files/recipe_file.hpp"
#include "lib/graph/builder.hpp"
#include "tests/support/catch.hpp"

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

struct Shipped {
  std::string name;
  std::string text;
  std::function<void(const std::string&)> read;
};

void read_model_text(const std::string& text) {
  static_cast<void>(mp::bind_model(mp::parse_model(text, "f"), {}, "f"));
}

void add_files(const std::string& folder, const std::function<void(const std::string&)>& read,
               std::vector<Shipped>& files) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") files.push_back({entry.path(), mp::read_file(entry.path()), read});
  }
}

// A plan as mpplan writes it, with every key.
std::string plan_text() {
  mp::Plan plan;
  plan.model_path = "simple.json";
  plan.model_sha256 = std::string(64, '0');
  plan.model_name = "simple";
  plan.bindings = {{"batch", 16}};
  plan.cluster = mp::uniform_cluster(2);
  plan.assignment = {{"fc1", mp::DeviceId{0}}, {"fc2", mp::DeviceId{1}}, {"loss", mp::DeviceId{1}}};
  plan.algorithm = "auto";
  plan.predicted = mp::Prediction{};
  plan.predicted->devices.resize(2);
  return mp::to_json(plan);
}

std::vector<Shipped> shipped() {
  std::vector<Shipped> files;
  add_files(mp::test::source_dir() + "/models", read_model_text, files);
  add_files(
      mp::test::source_dir() + "/configs", [](const std::string& t) { static_cast<void>(mp::parse_recipe(t, "f")); },
      files);
  add_files(
      mp::test::source_dir() + "/configs/clusters",
      [](const std::string& t) { static_cast<void>(mp::parse_cluster(t, "f")); }, files);
  files.push_back({"plan", plan_text(), [](const std::string& t) { static_cast<void>(mp::parse_plan(t, "f")); }});
  return files;
}

// Was it read? Anything but an InputError fails the test.
bool is_accepted(const Shipped& file, const std::string& text) {
  try {
    file.read(text);
    return true;
  } catch (const mp::InputError&) {
    return false;
  }
}

std::vector<Json> wrong_values() {
  return {nullptr,
          true,
          -1,
          0,
          1e300,
          9223372036854775807,
          18446744073709551615U,
          "",
          "x",
          Json::array(),
          Json::object(),
          Json::array({1, "x"}),
          Json::object({{"x", 1}}),
          std::string(1000, 'y')};
}

// Calls `visit` with the document after each of its values in turn (every `stride`-th) was replaced or removed.
void spoil_values(const std::string& text, std::size_t stride, const std::function<void(const std::string&)>& visit) {
  const Json flat = Json::parse(text).flatten();
  const std::vector<Json> wrong = wrong_values();
  std::size_t count = 0;
  for (const auto& [pointer, value] : flat.items()) {
    if (++count % stride != 0) continue;
    Json::json_pointer at(pointer);
    Json spoilt = Json::parse(text);
    const Json* parent = &spoilt.at(at.parent_pointer());
    visit([&] {
      Json without = spoilt;
      Json& container = without.at(at.parent_pointer());
      if (parent->is_object()) container.erase(at.back());
      if (parent->is_array()) container.erase(static_cast<std::size_t>(std::stoul(at.back())));
      return without.dump();
    }());
    for (int level = 0; level < 3 && !at.empty(); ++level, at.pop_back()) {
      Json& target = spoilt.at(at);
      const Json kept = target;
      // Elsewhere one wrong value is enough: each place is reached from many.
      for (std::size_t i = level == 0 ? 0 : count % wrong.size(); i < wrong.size();
           i += level == 0 ? 1 : wrong.size()) {
        target = wrong[i];
        visit(spoilt.dump());
      }
      target = kept;
    }
  }
}

}  // namespace

TEST_CASE("a file cut off anywhere is refused", "[files]") {
  for (const Shipped& file : shipped()) {
    CAPTURE(file.name);
    for (std::size_t size = 0; size + 2 < file.text.size(); size += 97) {
      CAPTURE(size);
      CHECK_FALSE(is_accepted(file, file.text.substr(0, size)));
    }
    CHECK(is_accepted(file, file.text));
  }
}

TEST_CASE("bytes that flip never do more than spoil the file", "[files]") {
  for (const Shipped& file : shipped()) {
    CAPTURE(file.name);
    const mp::RandomStream random(1, file.text);
    for (std::uint64_t i = 0; i < 200; ++i) {
      std::string text = file.text;
      text[random.below(2 * i, text.size())] = static_cast<char>(random.below(2 * i + 1, 256));
      CAPTURE(i);
      CHECK_NOTHROW(is_accepted(file, text));
    }
  }
}

TEST_CASE("lines lost or doubled never do more than spoil the file", "[files]") {
  for (const Shipped& file : shipped()) {
    CAPTURE(file.name);
    const std::size_t stride = 1 + file.text.size() / 4096;
    std::size_t line = 0;
    for (std::size_t begin = 0; begin < file.text.size(); ++line) {
      const std::size_t end = file.text.find('\n', begin) + 1;
      if (line % stride == 0) {
        const std::string before = file.text.substr(0, begin);
        CHECK_NOTHROW(is_accepted(file, before + file.text.substr(end)));
        CHECK_NOTHROW(is_accepted(file, before + file.text.substr(begin, end - begin) + file.text.substr(begin)));
      }
      begin = end;
    }
  }
}

TEST_CASE("values lost or replaced by others never do more than spoil the file", "[files]") {
  for (const Shipped& file : shipped()) {
    CAPTURE(file.name);
    const std::size_t stride = 1 + file.text.size() * file.text.size() / 30'000'000;
    std::size_t accepted = 0;
    std::size_t all = 0;
    spoil_values(file.text, stride, [&](const std::string& text) {
      bool good = false;
      CHECK_NOTHROW(good = is_accepted(file, text));
      accepted += good ? 1 : 0;
      ++all;
    });
    CHECK(all > 50);
    CHECK(accepted < all / 2);  // most of it makes no sense, and is seen
  }
}

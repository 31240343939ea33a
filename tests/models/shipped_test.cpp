#include <cstdint>
#include <string>
#include <vector>

#include "lib/files/atomic_file.hpp"
#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "models/builders/convolutional.hpp"
#include "models/builders/gpt.hpp"
#include "models/builders/llama.hpp"
#include "models/builders/networks.hpp"
#include "tests/support/catch.hpp"

namespace {

using namespace mp::models;

struct Shipped {
  std::string file;
  mp::Model model;
  std::int64_t parameters = 0;  // trained
};

// models/README.md says the same as commands.
std::vector<Shipped> shipped() {
  return {
      {"simple", build_simple({}), 220},
      {"mlp", build_mlp({}), 26'122},
      {"convnet", build_convnet({}), 65'834},
      {"autoencoder", build_autoencoder({}), 16'961},
      {"llama", build_llama({}), 803'968},
      {"resnet", build_resnet({}), 42'938},
      {"unet", build_unet({}), 25'521},
      {"gpt-1m", build_gpt({.name = "gpt-1m"}), 842'496},
      {"gpt-10m", build_gpt({.name = "gpt-10m", .layers = 6, .hidden = 384, .heads = 6, .context = 256, .batch = 16}),
       10'844'160},
      // The count of GPT-2's smallest model as published: 124,439,808.
      {"gpt2-124m",
       build_gpt({.name = "gpt2-124m",
                  .layers = 12,
                  .hidden = 768,
                  .heads = 12,
                  .vocabulary = 50'257,
                  .context = 1024,
                  .batch = 8}),
       124'439'808},
  };
}

std::int64_t trained_elements(const mp::Graph& graph) {
  std::int64_t sum = 0;
  for (const mp::GraphParameter& parameter : graph.parameters()) {
    if (parameter.trainable) sum += mp::elements(graph.tensor(parameter.tensor).type.shape);
  }
  return sum;
}

}  // namespace

TEST_CASE("the shipped models are what the builders make", "[models]") {
  for (const Shipped& s : shipped()) {
    CAPTURE(s.file);
    const std::string path = mp::test::source_dir() + "/models/" + s.file + ".json";
    CHECK(mp::read_file(path) == mp::to_json(s.model));
    CHECK(mp::read_model(path).model == s.model);
  }
}

TEST_CASE("the shipped models bind and have the parameters they are known for", "[models]") {
  for (const Shipped& s : shipped()) {
    CAPTURE(s.file);
    const mp::Graph graph = mp::bind_model(s.model, {}, s.file);
    CHECK(trained_elements(graph) == s.parameters);
    REQUIRE(graph.loss() != mp::kNone<mp::TensorId>);
    CHECK(graph.tensor(graph.loss()).type == mp::TensorType{mp::DataType::kFloat32, {}});
    CHECK_NOTHROW(mp::bind_model(s.model, {{"batch", 1}}, s.file));
  }
}

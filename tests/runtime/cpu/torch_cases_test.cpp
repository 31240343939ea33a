// Operators and their gradients against PyTorch's numbers: tests/reference/operators.json.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "lib/files/atomic_file.hpp"
#include "lib/files/json.hpp"
#include "lib/training/training_graph.hpp"
#include "tests/runtime/cpu/support/samples.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::runtime::testing {
namespace {

using Fill = SampleInput::Fill;

struct TorchCase {
  Sample sample;
  std::vector<std::pair<std::string, std::vector<double>>> expected;  // tensor "out<i>"; gradient of input "in<i>"
};

struct TorchFile {
  std::uint64_t seed = 0;
  std::vector<TorchCase> cases;
};

SampleInput read_input(JsonValue value) {
  static constexpr std::array<std::string_view, 6> kFills = {"normal",  "positive", "probability",
                                                             "indices", "bool",     "absent"};
  const JsonObject fields = value.object({"shape", "fill", "trainable", "low", "high"});
  SampleInput input{.shape = fields.require("shape").integers()};
  input.fill = static_cast<Fill>(fields.require("fill").choice("fill", kFills));
  input.trainable = fields.require("trainable").boolean();
  if (fields["high"].present()) input.high = fields["high"].integer();
  return input;
}

AttributeValue read_numbers(JsonValue value) {
  std::vector<double> numbers;
  bool are_whole = true;
  for (const JsonValue item : value.items()) {
    numbers.push_back(item.number());
    are_whole = are_whole && item.kind() == JsonKind::kInteger;
  }
  if (are_whole) return value.integers();
  return numbers;
}

AttributeValue read_attribute(JsonValue value) {
  if (value.kind() == JsonKind::kArray) return read_numbers(value);
  if (value.kind() == JsonKind::kString) return value.string();
  if (value.kind() == JsonKind::kInteger) return value.integer();
  return value.number();
}

TorchCase read_case(JsonValue value) {
  const JsonObject fields = value.object({"op", "inputs", "attributes", "outputs", "expected"});
  TorchCase result;
  result.sample.op = fields.require("op").string();
  for (const JsonValue input : fields.require("inputs").items()) result.sample.inputs.push_back(read_input(input));
  for (const auto& [name, attribute] : fields.require("attributes").members()) {
    result.sample.attributes.set(std::string(name), read_attribute(attribute));
  }
  result.sample.outputs = static_cast<std::size_t>(fields.require("outputs").integer(1));
  for (const auto& [name, values] : fields.require("expected").members()) {
    std::vector<double>& numbers = result.expected.emplace_back(std::string(name), std::vector<double>()).second;
    for (const JsonValue item : values.items()) numbers.push_back(item.number());
  }
  return result;
}

TorchFile read_cases() {
  const std::string path = mp::test::source_dir() + "/tests/reference/operators.json";
  JsonDocument document(read_file(path), path);
  document.require_format("mp.reference/1");
  const JsonObject root = document.root().object({"format", "made_by", "seed", "cases"});
  TorchFile file{.seed = root.require("seed").unsigned_integer(), .cases = {}};
  for (const JsonValue item : root.require("cases").items()) file.cases.push_back(read_case(item));
  document.finish();
  return file;
}

void require_close(const std::vector<float>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  double scale = 1.0;
  for (const double x : expected) scale = std::max(scale, std::fabs(x));
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i, got[i], expected[i]);
    REQUIRE(std::fabs(static_cast<double>(got[i]) - expected[i]) <= 2e-5 * scale);
  }
}

void check_case(const TorchCase& torch, std::uint64_t seed) {
  INFO(name_of(torch.sample));
  const Graph graph = sample_graph(torch.sample);
  const IdVector<TensorId, Array> values = sample_values(graph, torch.sample, seed);
  const TrainingGraph training = differentiate(graph, {.optimizer = {.kind = OptimizerKind::kSgd}});
  GraphRunner runner(training.graph, 2);
  set_values(runner, training.graph, values);
  std::vector<bool> nodes;
  for (const Phase phase : training.phase) nodes.push_back(phase != Phase::kUpdate);
  runner.run({}, nodes);
  std::size_t checked = 0;
  for (const auto& [name, expected] : torch.expected) {
    INFO(name);
    const TensorId tensor = training.graph.find_tensor(name).value();
    if (name.starts_with("out")) {
      require_close(runner.floats(tensor), expected);
    } else {
      const auto found = std::find_if(training.trained.begin(), training.trained.end(),
                                      [&](const TrainedParameter& t) { return t.parameter == tensor; });
      REQUIRE(found != training.trained.end());
      require_close(runner.floats(found->gradient), expected);
      ++checked;
    }
  }
  REQUIRE(checked == training.trained.size());
}

}  // namespace

TEST_CASE("operators and their gradients have PyTorch's numbers", "[torch]") {
  const TorchFile file = read_cases();
  CHECK(file.cases.size() > 60);
  for (const TorchCase& torch : file.cases) check_case(torch, file.seed);
}

}  // namespace mp::runtime::testing

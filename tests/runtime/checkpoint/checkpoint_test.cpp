// Checkpoints: a run that stops and goes on is the run that never stopped; broken files are found out.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/checkpoint/checkpoint_folder.hpp"
#include "runtime/checkpoint/checkpoint_writer.hpp"
#include "runtime/metrics.hpp"
#include "runtime/trainer.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

const Optimizer kAdam{.kind = OptimizerKind::kAdamW};

// Trains steps first … last − 1 of a model in a placement; `executor` keeps the state.
std::vector<double> steps(
    Executor& executor, const TrainingGraph& training, std::int64_t first, std::int64_t last,
    const StepObserver& observer = [](const StepReport&) { return true; }) {
  const TrainingData data = data_of(training, 1);
  std::vector<double> losses;
  train(executor, *data.training,
        {.steps = last, .first_step = first, .learning_rate = 0.01, .seed = 1, .samples_per_step = 8},
        [&](const StepReport& report) {
          losses.push_back(report.loss);
          return observer(report);
        });
  return losses;
}

std::map<std::string, std::vector<std::byte>> everything(Executor& executor) {
  std::map<std::string, std::vector<std::byte>> values;
  const Graph& graph = executor.program().training.graph;
  for (const GraphParameter& parameter : graph.parameters()) {
    const Tensor& tensor = graph.tensor(parameter.tensor);
    std::vector<std::byte>& bytes_of = values[tensor.name];
    bytes_of.resize(static_cast<std::size_t>(bytes(tensor.type)));
    executor.read(parameter.tensor, bytes_of);
  }
  return values;
}

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_all(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

void silent(std::string_view /*message*/) {}

}  // namespace

TEST_CASE("a run that stops and goes on under another plan is the run that never stopped", "[checkpoint]") {
  const std::string model = GENERATE("gpt-1m", "convnet");  // Adam's state; running means and labels
  const Subject subject = load(model, 8, 2, kAdam);
  Executor whole(program_of(subject.training, {.devices = 1}), cpu_backends(1));
  whole.initialise_parameters(1);
  const std::vector<double> expected = steps(whole, subject.training, 0, 4);

  const mp::test::TemporaryFolder folder;
  const std::string path = folder.path("two.safetensors");
  {
    Executor first(program_of(subject.training, {.devices = 3}), cpu_backends(1));
    first.initialise_parameters(1);
    static_cast<void>(steps(first, subject.training, 0, 2));
    Snapshot snapshot(first);
    snapshot.take(first, {.step = 2, .settings = {{"seed", "1"}}});
    snapshot.write(path);
  }
  Executor second(program_of(subject.training, {.devices = 2, .layout = Layout::kRandom}), cpu_backends(1));
  second.initialise_parameters(7);  // overwritten
  CHECK(load_checkpoint(second, path) == RunState{.step = 2, .settings = {{"seed", "1"}}});
  const std::vector<double> rest = steps(second, subject.training, 2, 4);
  CHECK(rest == std::vector<double>(expected.begin() + 2, expected.end()));
  CHECK(everything(second) == everything(whole));
}

TEST_CASE("checkpoints are written when they fall due, and only the newest are kept", "[checkpoint]") {
  const Subject subject = load("simple", 4, 1, kAdam);
  Executor executor(program_of(subject.training, {.devices = 2}), cpu_backends(1));
  executor.initialise_parameters(1);
  const mp::test::TemporaryFolder folder;
  const std::string dir = folder.path("run");
  make_checkpoint_folder(dir);
  write_all(checkpoint_path(dir, 1) + ".tmp.1234.0", "left by a process that was killed");
  write_all(dir + "/notes.txt", "not ours");
  CheckpointWriter writer(executor, {.folder = dir, .every_steps = 2, .keep = 2, .settings = {}}, 0);
  static_cast<void>(steps(executor, subject.training, 0, 7, [&](const StepReport& report) {
    writer.after_step(report.step);
    return true;
  }));
  writer.finish(7);
  const std::vector<CheckpointFile> found = checkpoints_in(dir);
  REQUIRE(found.size() == 2);
  CHECK(found[0] == CheckpointFile{7, checkpoint_path(dir, 7)});
  CHECK(found[1].step <= 6);
  CHECK(found[1].step >= 2);
  CHECK(std::filesystem::exists(dir + "/notes.txt"));
  CHECK(!std::filesystem::exists(checkpoint_path(dir, 1) + ".tmp.1234.0"));
  for (const CheckpointFile& file : found) CHECK_NOTHROW(verify_checkpoint(file.path));
}

TEST_CASE("a checkpoint that was cut off or altered is found out, and the one before it taken", "[checkpoint]") {
  const Subject subject = load("simple", 4, 1, kAdam);
  Executor executor(program_of(subject.training, {.devices = 1}), cpu_backends(1));
  executor.initialise_parameters(1);
  const mp::test::TemporaryFolder folder;
  Snapshot snapshot(executor);
  for (const std::int64_t step : {10, 20}) {
    snapshot.take(executor, {.step = step, .settings = {}});
    snapshot.write(checkpoint_path(folder.path(""), step));
  }
  const std::string newest = checkpoint_path(folder.path(""), 20);
  const std::string good = read_all(newest);
  std::vector<std::string> told;
  const auto tell = [&](std::string_view message) { told.emplace_back(message); };
  SECTION("whole") {
    CHECK(resume(executor, folder.path(""), tell)->step == 20);
    CHECK(told.empty());
  }
  SECTION("cut off anywhere") {
    for (std::size_t length = 0; length < good.size(); length += 1 + good.size() / 60) {
      write_all(newest, good.substr(0, length));
      CHECK(resume(executor, folder.path(""), tell)->step == 10);
    }
    CHECK(!told.empty());
    CHECK(told.front().find("step-00000020") != std::string::npos);
  }
  SECTION("any bit flipped in the tensors") {
    for (std::size_t i = 0; i < 60; ++i) {
      std::string bad = good;
      const std::size_t at = good.size() - 1 - i * (good.size() / 2) / 60;
      bad[at] = static_cast<char>(static_cast<unsigned char>(bad[at]) ^ (1U << (i % 8)));
      write_all(newest, bad);
      CHECK(resume(executor, folder.path(""), tell)->step == 10);
    }
  }
  SECTION("all of them broken") {
    write_all(newest, "");
    write_all(checkpoint_path(folder.path(""), 10), "{}");
    CHECK_THROWS_AS(resume(executor, folder.path(""), silent), InputError);
  }
  SECTION("none") { CHECK(!resume(executor, folder.path("nothing"), silent)); }
}

TEST_CASE("a checkpoint of another optimizer, or weights alone, are refused by name", "[checkpoint]") {
  const Subject adam = load("simple", 4, 1, kAdam);
  const Subject sgd = load("simple", 4, 1, {.kind = OptimizerKind::kSgd, .weight_decay = 0.0});
  Executor with_sgd(program_of(sgd.training, {.devices = 1}), cpu_backends(1));
  with_sgd.initialise_parameters(1);
  const mp::test::TemporaryFolder folder;
  Snapshot snapshot(with_sgd);
  snapshot.take(with_sgd, {.step = 1, .settings = {}});
  snapshot.write(checkpoint_path(folder.path(""), 1));
  Executor with_adam(program_of(adam.training, {.devices = 1}), cpu_backends(1));
  with_adam.initialise_parameters(1);
  CHECK_THROWS_WITH(resume(with_adam, folder.path(""), silent), Catch::Matchers::Contains("adam.m"));
}

TEST_CASE("metrics of a resumed run go on behind the checkpoint", "[checkpoint]") {
  const mp::test::TemporaryFolder folder;
  const std::string path = folder.path("run.jsonl");
  const std::string two = "{\"step\":1,\"loss\":3}\n{\"step\":2,\"loss\":2}\n";
  write_all(path, two + "{\"step\":3,\"loss\":1}\n{\"summary\":{}}\n");
  keep_metrics_until(path, 2);
  CHECK(read_all(path) == two);
  write_all(path, two + "{\"step\":3,\"lo");  // killed while writing
  keep_metrics_until(path, 5);
  CHECK(read_all(path) == two);
  CHECK_NOTHROW(keep_metrics_until(folder.path("nothing"), 2));
  {
    LineFile lines(path, LineFile::Start::kAppend);
    lines.write_line("{\"step\":3}");
  }
  CHECK(read_all(path) == two + "{\"step\":3}\n");
}

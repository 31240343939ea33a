#include "runtime/metrics.hpp"

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "lib/base/error.hpp"
#include "lib/files/atomic_file.hpp"
#include "runtime/metrics_csv.hpp"
#include "runtime/metrics_log.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace mp;
using namespace mp::runtime;

TEST_CASE("a metrics line reads back as the same bits") {
  const double loss = 0.1 + 0.2;
  const std::string line = metrics_line(
      {.step = 3, .steps = 9, .loss = loss, .step_time_s = 0.25, .samples_per_s = 64.0, .learning_rate = 1e-3});
  CHECK(line == R"({"step":3,"loss":0.30000000000000004,"step_time_s":0.25,"samples_per_s":64,"learning_rate":0.001})");
  CHECK(std::strtod(line.c_str() + line.find("0.3"), nullptr) == loss);
}

TEST_CASE("a metrics line has the norm and the measurement where there are any, and null for what is no number") {
  StepReport report{.step = 1, .steps = 2, .loss = 1.0, .step_time_s = 1.0, .samples_per_s = 1.0, .learning_rate = 0.5};
  report.gradient_norm = 0.25;
  report.validation = Evaluation{.loss = 2.0, .perplexity = HUGE_VAL, .accuracy = 0.5};
  const std::string line = metrics_line(report);
  CHECK(line.ends_with(R"("learning_rate":0.5,"gradient_norm":0.25,"validation_loss":2,"validation_accuracy":0.5,)"
                       R"("validation_perplexity":null})"));
  CHECK(csv_line(report) == "1,1,0.5,1,1,0.25,2,0.5,inf");
  report.validation->accuracy.reset();
  report.gradient_norm.reset();
  CHECK(csv_line(report) == "1,1,0.5,1,1,,2,,inf");
}

TEST_CASE("metrics of a resumed run go on behind the step of its checkpoint") {
  const mp::test::TemporaryFolder folder;
  const auto report = [](std::int64_t step) {
    return StepReport{.step = step, .steps = 9, .loss = 1.5, .step_time_s = 1, .samples_per_s = 1, .learning_rate = 1};
  };
  for (const char* name : {"m.jsonl", "m.csv"}) {
    const MetricsTargets targets{.file = folder.path(name), .tensorboard = std::nullopt};
    {
      MetricsLog log(targets, 0);
      for (const std::int64_t step : {1, 2, 3}) log.write(report(step));
    }
    const std::string whole = read_file(*targets.file);
    {
      MetricsLog log(targets, 2);
      CHECK(read_file(*targets.file) < whole);
      log.write(report(3));
    }
    CHECK(read_file(*targets.file) == whole);
    {
      std::ofstream file(*targets.file, std::ios::app);
      file << "{\"summary\":{}}\n4,1";  // half a line, too
    }
    { const MetricsLog log(targets, 3); }
    CHECK(read_file(*targets.file) == whole);
    { const MetricsLog log(targets, 0); }
    CHECK(read_file(*targets.file) == (is_csv(name) ? csv_header() + "\n" : ""));
  }
  const MetricsTargets missing{.file = folder.path("new.csv"), .tensorboard = std::nullopt};
  { const MetricsLog log(missing, 5); }
  CHECK(read_file(*missing.file) == csv_header() + "\n");
}

TEST_CASE("the summary holds memory by device, and validation where there was one") {
  RunSummary summary{.training = {.steps = 2, .seconds = 0.5, .loss = 1.5},
                     .memory = {{.arena_bytes = 128, .workspace_bytes = 1}, {.arena_bytes = 256, .workspace_bytes = 0}},
                     .validation_loss = std::nullopt,
                     .unigram_entropy = std::nullopt};
  CHECK(summary_line(summary) == R"({"summary":{"steps":2,"seconds":0.5,"loss":1.5,"peak_memory_bytes":[128,256],)"
                                 R"("workspace_bytes":[1,0]}})");
  summary.validation_loss = 2.0;
  summary.unigram_entropy = 3.25;
  CHECK(summary_line(summary).ends_with(R"("workspace_bytes":[1,0],"validation_loss":2,"unigram_entropy":3.25}})"));
  summary.best_validation_loss = 1.75;
  summary.best_step = 40;
  summary.stopped_early = true;
  CHECK(summary_line(summary).ends_with(R"(,"best_validation_loss":1.75,"best_step":40,"stopped_early":true}})"));
}

TEST_CASE("metrics are there line by line, and a full disk is an error with its name") {
  const mp::test::TemporaryFolder folder;
  const auto contents = [&] {
    std::ifstream file(folder.path("m"));
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  LineFile file(folder.write("m", "an older run\n"));
  file.write_line("one");
  CHECK(contents() == "one\n");
  file.write_line("two");
  CHECK(contents() == "one\ntwo\n");
  LineFile full("/dev/full");
  CHECK_THROWS_WITH(full.write_line("x"), "cannot write '/dev/full': No space left on device");
  CHECK_THROWS_WITH(LineFile("/nowhere/m"), "cannot write '/nowhere/m': No such file or directory");
}

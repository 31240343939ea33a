#include "runtime/metrics.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "lib/base/error.hpp"
#include "tests/runtime/support/temporary_folder.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

TEST_CASE("a metrics line reads back as the same bits") {
  const double loss = 0.1 + 0.2;
  const std::string line = metrics_line(
      {.step = 3, .steps = 9, .loss = loss, .step_time_s = 0.25, .samples_per_s = 64.0, .learning_rate = 1e-3});
  CHECK(line == R"({"step":3,"loss":0.30000000000000004,"step_time_s":0.25,"samples_per_s":64,"learning_rate":0.001})");
  CHECK(std::strtod(line.c_str() + line.find("0.3"), nullptr) == loss);
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
}

TEST_CASE("metrics are there line by line, and a full disk is an error with its name") {
  const runtime::test::TemporaryFolder folder;
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

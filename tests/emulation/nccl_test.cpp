// runtime/nccl on the emulated NCCL: the losses of other transports, in one process and among ranks, and every way to
// fail.
#include <atomic>
#include <cmath>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cuda/cuda_backend.hpp"
#include "runtime/nccl/nccl_transport.hpp"
#include "runtime/ranks/host_devices.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/nccl.hpp"
#include "tests/runtime/support/rank_threads.hpp"
#include "tests/runtime/support/training_run.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;
using emulation::MachineForTest;
using emulation::nccl_counts;
using emulation::Timing;

namespace {

constexpr std::uint64_t kSeed = 7;

BackendFactory gpus(bool use_nccl) {
  if (use_nccl) prepare_for_nccl(false);
  return [use_nccl](DeviceId device) {
    return make_cuda_backend({.device = static_cast<int>(index(device)), .use_nccl = use_nccl});
  };
}

Program program_for(const TrainingGraph& training, PlacementCase placement, bool has_collectives) {
  placement.collectives = has_collectives;
  return program_of(training, placement);
}

std::vector<double> losses_of(Program program, const BackendFactory& backends, RankGroup* ranks = nullptr) {
  const TrainingGraph training = program.training;
  Executor executor(std::move(program), backends, ranks);
  executor.initialise_parameters(kSeed);
  const TrainingData data = data_of(training, kSeed);
  std::vector<double> losses;
  for (std::int64_t step = 0; step < mp::runtime::test::kSteps; ++step) {
    losses.push_back(executor.run_step({.seed = kSeed, .step = step, .learning_rate = 0.05}, *data.training));
  }
  return losses;
}

Subject small_model() { return load("mlp", 8, 4, {.kind = OptimizerKind::kAdamW}); }

void require_close(const std::vector<double>& losses, const std::vector<double>& expected) {
  REQUIRE(losses.size() == expected.size());
  for (std::size_t i = 0; i < losses.size(); ++i) CHECK(losses[i] == Approx(expected[i]).epsilon(1e-5));
}

// The text of the error that ends a training, and whether all communicators are gone then.
std::string failure_of(Program program) {
  try {
    static_cast<void>(losses_of(std::move(program), gpus(true)));
  } catch (const RunError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("messages by NCCL change no bit, however late the streams are", "[emulation][nccl]") {
  const Subject subject = small_model();
  const PlacementCase placement{.devices = 3, .layout = Layout::kRandom};
  const std::int64_t aborted = nccl_counts().aborted;
  const std::vector<double> expected = [&] {
    const MachineForTest machine({.devices = 1});
    return losses_of(program_of(subject.training, {}), gpus(false));
  }();
  for (const Timing timing : {Timing::kPrompt, Timing::kLate, Timing::kRandom}) {
    const MachineForTest machine({.devices = 3, .timing = timing});
    const std::int64_t sends = nccl_counts().sends;
    CHECK(losses_of(program_of(subject.training, placement), gpus(true)) == expected);
    CHECK(nccl_counts().sends > sends);
    CHECK(nccl_counts().communicators == 0);
  }
  CHECK(nccl_counts().aborted == aborted);
}

TEST_CASE("replicas and ZeRO by collectives of NCCL have the losses of messages", "[emulation][nccl]") {
  const Subject subject = small_model();
  for (const std::int32_t zero : {0, 1, 2, 3}) {
    for (const PlacementCase& placement : {PlacementCase{.devices = 1, .replicas = 4, .zero = zero},
                                           PlacementCase{.devices = 2, .replicas = 2, .zero = zero}}) {
      CAPTURE(zero, placement.replicas);
      const MachineForTest machine({.devices = 4, .timing = zero == 0 ? Timing::kRandom : Timing::kPrompt});
      const std::vector<double> expected = losses_of(program_of(subject.training, placement), gpus(false));
      const emulation::NcclCounts before = nccl_counts();
      const std::vector<double> losses = losses_of(program_for(subject.training, placement, true), gpus(true));
      const emulation::NcclCounts after = nccl_counts();
      require_close(losses, expected);
      // A sum of two has one order, but that of several microbatches of each.
      if (placement.replicas == 2 && zero < 2) CHECK(losses == expected);
      CHECK(after.all_reduces > before.all_reduces);  // under ZeRO the trial at the start
      CHECK((after.reduces > before.reduces) == (zero > 0));
      CHECK((after.broadcasts > before.broadcasts) == (zero > 0));
      CHECK(after.communicators == 0);
      if (zero == 0) CHECK(losses_of(program_for(subject.training, placement, true), gpus(true)) == losses);
    }
  }
}

TEST_CASE("pipelines of replicas under ZeRO have the losses of one device by collectives", "[emulation][nccl][zero]") {
  const Subject subject = load("mlp", 8, 8, {.kind = OptimizerKind::kAdamW});
  const std::vector<double> expected = [&] {
    const MachineForTest machine({.devices = 1});
    return losses_of(program_of(subject.training, {}), gpus(false));
  }();
  const MachineForTest machine({.devices = 8, .timing = Timing::kRandom});
  for (const std::int32_t zero : {1, 2, 3}) {
    for (const Schedule schedule : {Schedule::k1f1b, Schedule::kGpipe}) {
      for (const std::int32_t replicas : {2, 4}) {
        CAPTURE(zero, name_of(schedule), replicas);
        const PlacementCase placement{
            .devices = 2, .schedule = schedule, .replicas = replicas, .zero = zero, .collectives = true};
        const std::int64_t groups = nccl_counts().groups;
        require_close(losses_of(program_of(subject.training, placement), gpus(true)), expected);
        if (zero > 1) CHECK(nccl_counts().groups > groups);  // of several owners
        CHECK(nccl_counts().communicators == 0);
      }
    }
  }
}

TEST_CASE("ranks bring each other the ids of their communicators", "[emulation][nccl][ranks]") {
  const Subject subject = small_model();
  const PlacementCase placement{.devices = 2, .replicas = 2};
  const MachineForTest machine({.devices = 4});
  const std::vector<double> expected = losses_of(program_for(subject.training, placement, true), gpus(true));
  for (const int size : {2, 3, 4}) {
    std::atomic<int> right{0};  // Catch's assertions are for one thread
    on_rank_threads({.ranks = size}, [&](RankGroup& ranks) {
      ranks.share_devices(4);
      const BackendFactory backends = on_each_host(ranks, 4, gpus(true));
      if (losses_of(program_for(subject.training, placement, true), backends, &ranks) == expected) ++right;
    });
    CHECK(right == size);
  }
  CHECK(nccl_counts().communicators == 0);
}

TEST_CASE("a failure of NCCL ends every wait with its text", "[emulation][nccl]") {
  const Subject subject = small_model();
  const MachineForTest machine({.devices = 4});
  for (const std::int64_t count : {30, 33, 37, 41}) {
    emulation::fail_transfer(count, ncclRemoteError);
    const std::string failure = failure_of(program_for(subject.training, {.devices = 2, .replicas = 2}, true));
    INFO(failure);
    CHECK(failure.find("NCCL on cuda:") != std::string::npos);
    CHECK(failure.find("remote process exited or there was a network error") != std::string::npos);
    CHECK(failure.find(": a member was lost; NCCL_DEBUG=WARN tells more") != std::string::npos);
    CHECK(nccl_counts().communicators == 0);
  }
}

TEST_CASE("a connection that fails is told before training", "[emulation][nccl]") {
  const Subject subject = small_model();
  const MachineForTest machine({.devices = 2});
  emulation::fail_transfer(0, ncclSystemError);
  CHECK(failure_of(program_of(subject.training, {.devices = 2})).find("NCCL on cuda:") == 0);
  CHECK(nccl_counts().communicators == 0);
}

TEST_CASE("devices of one GPU need an NCCL that can do that", "[emulation][nccl]") {
  const Subject subject = small_model();
  const auto run = [&] {
    return losses_of(program_of(subject.training, {.devices = 2}),
                     [](DeviceId) { return make_cuda_backend({.device = 0, .use_nccl = true}); });
  };
  {
    const MachineForTest machine({.devices = 1});
    CHECK_THROWS_WITH(run(), Catch::Contains("several ranks on one GPU need NCCL 2.30"));
  }
  prepare_for_nccl(true);
  const MachineForTest machine({.devices = 1, .nccl_version = NCCL_VERSION(2, 30, 3)});
  CHECK(run() == losses_of(program_of(subject.training, {}), gpus(false)));
  CHECK(nccl_counts().communicators == 0);
}

TEST_CASE("a rank that fails takes the others out of NCCL's waits, with one message", "[emulation][nccl][ranks]") {
  const Subject subject = small_model();
  const MachineForTest machine({.devices = 4});
  std::mutex mutex;
  std::vector<std::string> told;
  const RankThreadOptions options{.ranks = 2, .tell = [&](const Failure& failure) {
                                    const std::lock_guard lock(mutex);
                                    told.push_back(failure.text);
                                  }};
  int aborted = 0;
  on_rank_threads(options, [&](RankGroup& ranks) {
    ranks.share_devices(4);
    const BackendFactory backends = on_each_host(ranks, 4, gpus(true));
    Executor executor(program_for(subject.training, {.devices = 2, .replicas = 2}, true), backends, &ranks);
    executor.initialise_parameters(kSeed);
    const TrainingData data = data_of(subject.training, kSeed);
    static_cast<void>(executor.run_step({.seed = kSeed, .step = 0, .learning_rate = 0.05}, *data.training));
    if (ranks.rank() == 1) {
      ranks.fail(5, "the disk is full");
      throw Aborted();
    }
    try {
      static_cast<void>(executor.run_step({.seed = kSeed, .step = 1, .learning_rate = 0.05}, *data.training));
    } catch (const Aborted&) {
      ++aborted;
      throw;
    }
  });
  CHECK(aborted == 1);
  REQUIRE(told.size() == 1);
  CHECK(told.front().find("the disk is full") != std::string::npos);
  CHECK(nccl_counts().communicators == 0);
}

TEST_CASE("among ranks a failure of NCCL is one rank's, told once", "[emulation][nccl][ranks]") {
  const Subject subject = small_model();
  const MachineForTest machine({.devices = 2});
  std::mutex mutex;
  std::vector<std::string> told;
  const RankThreadOptions options{
      .ranks = 2, .silence = std::chrono::milliseconds(3000), .tell = [&](const Failure& failure) {
        const std::lock_guard lock(mutex);
        told.push_back(failure.text);
      }};
  emulation::fail_transfer(10, ncclRemoteError);
  std::atomic<int> aborted{0};
  on_rank_threads(options, [&](RankGroup& ranks) {
    ranks.share_devices(2);
    const BackendFactory backends = on_each_host(ranks, 2, gpus(true));
    try {
      static_cast<void>(losses_of(program_of(subject.training, {.devices = 2}), backends, &ranks));
    } catch (const Aborted&) {
      ++aborted;
      throw;
    }
  });
  CHECK(aborted == 2);
  REQUIRE(told.size() == 1);
  CHECK(told.front().find("remote process exited") != std::string::npos);
  CHECK(nccl_counts().communicators == 0);
}

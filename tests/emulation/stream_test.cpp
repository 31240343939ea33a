// The emulated streams, events and graphs themselves: what they promise to the tests that run on them.
#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include "runtime/cuda/handles.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/stream.hpp"
#include "tests/support/catch.hpp"

namespace mp::emulation {
namespace {

constexpr std::array kTimings = {Timing::kPrompt, Timing::kLate, Timing::kRandom};

}  // namespace

TEST_CASE("an emulated stream waits for what an event stood for when it was told to", "[emulation]") {
  for (const Timing timing : kTimings) {
    const MachineForTest machine({.timing = timing});
    const cuda::Stream first;
    const cuda::Stream second;
    const cuda::Event event;
    int made = 0;
    std::vector<int> seen;
    for (int round = 1; round <= 20; ++round) {
      MP_CUDA(put_in(first.get(), [&made, round] {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        made = round;
      }));
      MP_CUDA(cudaEventRecord(event.get(), first.get()));
      MP_CUDA(cudaStreamWaitEvent(second.get(), event.get(), 0));
      MP_CUDA(put_in(second.get(), [&made, &seen] { seen.push_back(made); }));
      MP_CUDA(cudaEventRecord(event.get(), second.get()));  // again: the wait above does not care
      MP_CUDA(cudaStreamWaitEvent(first.get(), event.get(), 0));
    }
    MP_CUDA(cudaStreamSynchronize(second.get()));
    REQUIRE(seen.size() == 20);
    for (int round = 1; round <= 20; ++round) CHECK(seen[static_cast<std::size_t>(round - 1)] == round);
  }
}

TEST_CASE("late work is not done before somebody waits", "[emulation]") {
  const MachineForTest machine({.timing = Timing::kLate});
  const cuda::Stream stream;
  const cuda::Event event;
  std::atomic<int> done = 0;
  MP_CUDA(put_in(stream.get(), [&done] { ++done; }));
  MP_CUDA(cudaEventRecord(event.get(), stream.get()));
  MP_CUDA(put_in(stream.get(), [&done] { ++done; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  CHECK(done == 0);
  MP_CUDA(cudaEventSynchronize(event.get()));
  CHECK(done == 1);
  MP_CUDA(cudaStreamSynchronize(stream.get()));
  CHECK(done == 2);
}

TEST_CASE("what is captured is done at each launch, and not before", "[emulation]") {
  const cuda::Stream stream;
  int done = 0;
  MP_CUDA(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  MP_CUDA(put_in(stream.get(), [&done] { ++done; }));
  cudaGraph_t captured = nullptr;
  MP_CUDA(cudaStreamEndCapture(stream.get(), &captured));
  cuda::Graph graph(captured);
  MP_CUDA(cudaStreamSynchronize(stream.get()));
  CHECK(done == 0);
  graph.launch(stream.get());
  graph.launch(stream.get());
  MP_CUDA(cudaStreamSynchronize(stream.get()));
  CHECK(done == 2);
}

TEST_CASE("a call that waits breaks the capture it is made in", "[emulation]") {
  const MachineForTest machine({});
  const cuda::Stream stream;
  MP_CUDA(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  CHECK(cudaStreamSynchronize(stream.get()) == cudaErrorStreamCaptureUnsupported);
  cudaGraph_t captured = nullptr;
  CHECK(cudaStreamEndCapture(stream.get(), &captured) == cudaErrorStreamCaptureInvalidated);
  CHECK(captured == nullptr);
  static_cast<void>(cudaGetLastError());
  // Memory of another thread may be had meanwhile: the capture is this thread's.
  MP_CUDA(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  std::thread([] {
    void* memory = nullptr;
    CHECK(cudaMalloc(&memory, 100) == cudaSuccess);
    CHECK(cudaFree(memory) == cudaSuccess);
  }).join();
  MP_CUDA(cudaStreamEndCapture(stream.get(), &captured));
  MP_CUDA(cudaGraphDestroy(captured));
}

}  // namespace mp::emulation

// Groups of NCCL's calls on the emulation: what runtime/nccl makes of the pieces of a collective.
#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cuda/handles.hpp"
#include "runtime/nccl/communicator.hpp"
#include "runtime/nccl/nccl_transport.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/emulation/nccl.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::nccl;
using emulation::MachineForTest;

namespace {

constexpr std::size_t kFloats = 4;  // of a piece
constexpr std::int64_t kPieceBytes = kFloats * sizeof(float);

// Two members, each with two pieces of its own memory.
class TwoMembers {
 public:
  TwoMembers() {
    ncclUniqueId id{};
    REQUIRE(ncclGetUniqueId(&id) == ncclSuccess);
    for (int rank = 0; rank < 2; ++rank) {
      ends_.push_back(std::make_unique<Communicator>(Seat{.gpu = rank, .rank = rank}, id));
    }
    for (std::size_t m = 0; m < 2; ++m) {
      ends_[m]->settle({.stop = stop_});
      MP_CUDA(cudaSetDevice(ends_[m]->gpu()));
      memory_.push_back(cuda::allocate(2 * kPieceBytes, ends_[m]->stream()));
      const std::vector<float> values(2 * kFloats, static_cast<float>(m + 1));
      MP_CUDA(cudaMemcpyAsync(memory_[m].get(), values.data(), 2 * kPieceBytes, cudaMemcpyHostToDevice,
                              ends_[m]->stream()));
      MP_CUDA(cudaStreamSynchronize(ends_[m]->stream()));
    }
  }

  // Piece p is reduced to member p, in place.
  [[nodiscard]] std::array<Transfer, 2> reductions_of(std::size_t member) const {
    std::array<Transfer, 2> transfers;
    for (std::size_t p = 0; p < 2; ++p) {
      std::byte* piece = memory_[member].get() + p * kPieceBytes;
      transfers[p] = {.call = Call::kReduce,
                      .from = piece,
                      .to = p == member ? piece : nullptr,
                      .size_bytes = kPieceBytes,
                      .peer = static_cast<int>(p)};
    }
    return transfers;
  }

  void run(std::size_t member, std::span<const Transfer> transfers) { ends_[member]->run(transfers, stop_); }

  // Waits until the work of both is done, or has failed.
  [[nodiscard]] std::string failure() {
    for (;;) {
      bool is_done = true;
      for (const auto& end : ends_) {
        if (std::string text = end->failure(); !text.empty()) return text;
        is_done = is_done && cudaStreamQuery(end->stream()) == cudaSuccess;
      }
      if (is_done) return {};
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  [[nodiscard]] std::vector<float> values_of(std::size_t member) const {
    std::vector<float> values(2 * kFloats);
    const cudaStream_t stream = ends_[member]->stream();
    MP_CUDA(cudaSetDevice(ends_[member]->gpu()));
    MP_CUDA(cudaMemcpyAsync(values.data(), memory_[member].get(), 2 * kPieceBytes, cudaMemcpyDeviceToHost, stream));
    MP_CUDA(cudaStreamSynchronize(stream));
    return values;
  }

  void close() {
    for (const auto& end : ends_) end->begin_to_close();
    for (const auto& end : ends_) end->close(std::chrono::steady_clock::time_point::max(), stop_);
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<runtime::DeviceMemory> memory_;
  std::vector<std::unique_ptr<Communicator>> ends_;  // work in their streams uses the memory
};

}  // namespace

TEST_CASE("each piece of a group goes to its root", "[emulation][nccl]") {
  const MachineForTest machine({.devices = 2});
  runtime::prepare_for_nccl(false);
  TwoMembers members;
  const std::int64_t groups = emulation::nccl_counts().groups;
  for (std::size_t m = 0; m < 2; ++m) members.run(m, members.reductions_of(m));
  CHECK(members.failure().empty());
  CHECK(emulation::nccl_counts().groups == groups + 2);
  CHECK(members.values_of(0) == std::vector<float>{3, 3, 3, 3, 1, 1, 1, 1});
  CHECK(members.values_of(1) == std::vector<float>{2, 2, 2, 2, 3, 3, 3, 3});
  members.close();
}

TEST_CASE("members whose groups differ are told", "[emulation][nccl]") {
  const MachineForTest machine({.devices = 2});
  runtime::prepare_for_nccl(false);
  TwoMembers members;
  members.run(0, members.reductions_of(0));
  for (const Transfer& transfer : members.reductions_of(1)) members.run(1, {&transfer, 1});
  CHECK(members.failure().find("invalid usage") != std::string::npos);
}

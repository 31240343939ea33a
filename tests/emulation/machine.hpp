// The emulated GPUs: how many, how large, under what driver, and when their work is done. Own implementations of the
// functions of the CUDA runtime, cuBLAS, cuBLASLt and cuDNN that runtime/ calls stand behind it, compiled against the
// toolkit's headers: what they refuse, a GPU refuses; what they leave undone until somebody waits, a GPU may leave
// undone. "Device memory" is host memory, a stream a queue with a thread. A function that is not emulated is missing
// when the program is linked.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mp::emulation {

// When a stream does its work. A program must be right with all of them.
enum class Timing : std::uint8_t {
  kPrompt,  // as soon as its thread gets to it
  kLate,    // once somebody waits for it
  kRandom,  // with pauses drawn from the seed
};

struct Machine {
  int devices = 2;
  std::int64_t memory_bytes = std::int64_t{4} << 30;  // of each device
  int driver_version = 13000;                         // as cudaDriverGetVersion tells it; 0: no driver
  int compute_capability = 90;                        // 10 · major + minor
  bool has_peer_access = true;                        // between any two devices
  std::int64_t cudnn_version = 91900;                 // as cudnnGetVersion tells it
  bool has_epilogues = true;                          // algorithms of cuBLASLt
  bool proposes_in_vain = false;                      // … that it then refuses to run
  // As ncclGetVersion tells it; 0: that of the header. From 2.30 on several members of a communicator may be on one
  // GPU, where the environment says NCCL_MULTI_RANK_GPU_ENABLE=1.
  int nccl_version = 0;
  bool hears_of_deaths = true;  // NCCL, of processes; over NVLink and within a host it may not
  Timing timing = Timing::kPrompt;
  std::uint64_t seed = 1;  // of pauses, and of the order of the threads of a block and the blocks of a grid
  // Mistakes of a program, made by the machine in its stead: tests must see them.
  bool ignores_waits = false;      // for events
  std::int64_t dropped_node = -1;  // of every graph
  // Faults of the machine, counted from when it is set (0-based; −1: none): what it is with fail_at_work(), with
  // fail_transfer() of ncclRemoteError, and a transfer of NCCL that never ends without any error.
  std::int64_t fails_at_work = -1;
  std::int64_t fails_at_transfer = -1;
  std::int64_t hangs_at_transfer = -1;
};

// While no stream and no memory is there. Until then, a machine as MP_EMULATED_GPUS says: "devices=4 timing=late …".
void set_machine(const Machine& machine);
[[nodiscard]] const Machine& machine();

// For the time of a test.
class MachineForTest {
 public:
  explicit MachineForTest(const Machine& wanted) : before_(machine()) { set_machine(wanted); }
  ~MachineForTest() { set_machine(before_); }
  MachineForTest(const MachineForTest&) = delete;
  MachineForTest& operator=(const MachineForTest&) = delete;

 private:
  Machine before_;
};

// What has been done since the program began.
struct Counts {
  std::int64_t launches = 0;        // of kernels, by themselves or in a graph
  std::int64_t graph_launches = 0;  // of whole graphs
  std::int64_t peer_bytes = 0;      // copied from device to device
  std::int64_t staged_bytes = 0;    // likewise, but through host memory, for want of cudaDeviceEnablePeerAccess
  std::int64_t pageable_bytes = 0;  // copied to or from host memory that is not pinned
  std::int64_t slow_products = 0;   // by an algorithm of cuBLASLt that is not its fastest
  std::int64_t convolutions = 0;    // by cuDNN
  std::int64_t attentions = 0;      // likewise, forwards or backwards
  std::int64_t plans = 0;           // that cuDNN has compiled
  std::int64_t late_uses = 0;       // copies of memory that had been freed meanwhile
};
[[nodiscard]] Counts counts();

// A kernel, library call or copy fails on the device from now on (0-based: the next is 0), as with an illegal address.
void fail_at_work(std::int64_t count);

}  // namespace mp::emulation

#include "tests/emulation/launch.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

#include "lib/base/random.hpp"
#include "tests/emulation/fibers.hpp"
#include "tests/emulation/queue.hpp"
#include "tests/emulation/state.hpp"

namespace mp::emulation {
namespace {

constexpr unsigned kMostThreads = 1024;
constexpr unsigned kWarp = 32;

// Where threads meet: the last to arrive goes on at once, the others once they find that the meeting is over.
struct Meeting {
  unsigned arrived = 0;
  std::uint64_t count = 0;  // meetings that are over
};

struct Warp {
  Meeting meeting;
  // What lanes give in one exchange is read before any of them arrives at the next but one.
  std::array<std::array<std::uint64_t, kWarp>, 2> given{};
};

// The blocks that one thread of the host runs. A fiber takes thread after thread of the block until one waits; then
// the next fiber does. Threads that never wait cost no change.
class BlockRunner {
 public:
  BlockRunner() : fibers_(kMostThreads, &BlockRunner::run_fiber) {}

  void run(Extent extent, std::uint64_t seed, const std::function<void()>& body) {
    body_ = &body;
    extent_ = extent;
    place_of_thread.threads = dim3(extent.threads);
    place_of_thread.blocks = dim3(extent.blocks);
    warps_.assign((extent.threads + kWarp - 1) / kWarp, {});
    for (unsigned i = 0; i < extent.blocks; ++i) {
      const unsigned block = (seed & 1U) == 0 ? i : extent.blocks - 1 - i;
      place_of_thread.block = {block, 0, 0};
      run_block((seed & 2U) == 0);
    }
  }

  void meet_block() { meet(block_, extent_.threads); }

  std::uint64_t exchange(std::uint64_t value, unsigned from) {
    const unsigned thread = place_of_thread.thread.x;
    Warp& warp = warps_[thread / kWarp];
    auto& given = warp.given[warp.meeting.count % 2];
    given[thread % kWarp] = value;
    meet(warp.meeting, std::min(kWarp, extent_.threads - thread / kWarp * kWarp));
    return given[from];
  }

 private:
  static void run_fiber(std::size_t fiber);

  void run_block(bool is_forward) {
    is_forward_ = is_forward;
    begun_ = 0;
    ended_ = 0;
    used_ = 1;
    idle_ = 0;
    is_stuck_ = false;
    block_ = {};
    for (Warp& warp : warps_) warp.meeting = {};
    std::fill_n(is_active_.begin(), extent_.threads, false);
    fibers_.enter(0);
    if (!is_stuck_) return;
    fibers_.forget();
    throw std::runtime_error("threads of a block wait for others that do not come");
  }

  void take_threads(std::size_t fiber) {
    fiber_ = fiber;
    is_active_[fiber] = true;
    while (begun_ < extent_.threads) {
      const unsigned next = begun_++;
      thread_of_[fiber] = is_forward_ ? next : extent_.threads - 1 - next;
      place_of_thread.thread = {thread_of_[fiber], 0, 0};
      (*body_)();
      ++ended_;
      idle_ = 0;
    }
    is_active_[fiber] = false;
    if (ended_ == extent_.threads) {
      fibers_.leave(fiber);
    } else {
      fibers_.change(fiber, next_active(fiber));
    }
  }

  void meet(Meeting& meeting, unsigned members) {
    const std::uint64_t count = meeting.count;
    if (++meeting.arrived == members) {
      meeting = {.arrived = 0, .count = count + 1};
      idle_ = 0;
      return;
    }
    while (meeting.count == count) give_way();
  }

  void give_way() {
    const std::size_t fiber = fiber_;
    if (++idle_ > 2 * extent_.threads + 2) {
      is_stuck_ = true;
      fibers_.leave(fiber);
    }
    fibers_.change(fiber, begun_ < extent_.threads ? used_++ : next_active(fiber));
    fiber_ = fiber;
    place_of_thread.thread = {thread_of_[fiber], 0, 0};
  }

  [[nodiscard]] std::size_t next_active(std::size_t fiber) const {
    std::size_t next = fiber;
    do {
      next = next + 1 < used_ ? next + 1 : 0;
    } while (!is_active_[next]);
    return next;
  }

  Fibers fibers_;
  const std::function<void()>* body_ = nullptr;
  Extent extent_;
  bool is_forward_ = true;
  bool is_stuck_ = false;
  unsigned begun_ = 0;  // threads of the block
  unsigned ended_ = 0;
  unsigned idle_ = 0;                               // changes since something went on
  std::size_t used_ = 0;                            // fibers
  std::size_t fiber_ = 0;                           // that runs
  std::array<bool, kMostThreads> is_active_{};      // by fiber
  std::array<unsigned, kMostThreads> thread_of_{};  // likewise
  Meeting block_;
  std::vector<Warp> warps_;
};

thread_local constinit BlockRunner* running = nullptr;  // this thread's

void BlockRunner::run_fiber(std::size_t fiber) { running->take_threads(fiber); }

}  // namespace

void meet_block() { running->meet_block(); }

std::uint64_t exchange(unsigned mask, std::uint64_t value, unsigned from) {
  if (mask != 0xffffffffU) throw std::runtime_error("warps of some lanes only are not emulated");
  return running->exchange(value, from);
}

void run_blocks(Extent extent, std::uint64_t seed, const std::function<void()>& body) {
  static thread_local BlockRunner own;
  running = &own;
  own.run(extent, seed, body);
}

void launch(Extent extent, cudaStream_t stream, std::function<void()> body) {
  static std::atomic<std::uint64_t> number{0};
  if (extent.blocks == 0 || extent.threads == 0 || extent.threads > kMostThreads || extent.blocks > 0x7fffffffU) {
    report(cudaErrorInvalidConfiguration);
    return;
  }
  if (device_of(stream) != current_device()) {
    report(cudaErrorInvalidResourceHandle);
    return;
  }
  const std::uint64_t drawn = RandomStream(machine().seed, "order of threads").bits(number++);
  const cudaError_t error = put_in(stream, [extent, drawn, body = std::move(body)] {
    add_to(mutable_counts().launches, 1);
    run_blocks(extent, drawn, body);
  });
  if (error != cudaSuccess) report(error);
}

}  // namespace mp::emulation

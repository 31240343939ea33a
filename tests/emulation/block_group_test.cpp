// The sums over the threads of a block, with the shuffles and barriers of device code.
#include <cstdint>
#include <vector>

#include "tests/emulation/device_code.hpp"

#include "runtime/cuda/handles.hpp"
#include "runtime/cuda/launch.cuh"
#include "tests/emulation/machine.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::gpu {
namespace {

// Each row's numbers, reduced in every way, several times in a row.
struct ReduceRow {
  std::int64_t width;
  const float* x;
  double* sums;  // a number to each thread of each row: all must have been told
  float* tops;
  std::int64_t* firsts;
  std::int64_t* lasts;

  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    double sum = 0.0;
    float top = -kInfinity;
    std::int64_t first = INT64_MAX;
    std::int64_t last = INT64_MIN;
    for (std::int64_t i = group.rank(); i < width; i += group.size()) {
      const float value = x[row * width + i];
      sum += static_cast<double>(value);
      top = fmaxf(top, value);
      if (value > 0.5F) first = least(first, i);
      if (value > 0.5F) last = most(last, i);
    }
    const std::int64_t place = row * group.size() + group.rank();
    sums[place] = group.sum(sum);
    tops[place] = group.largest(top);
    firsts[place] = group.smallest(first);
    lasts[place] = group.largest(last);
    sums[place] += group.sum(sum);
  }
};

}  // namespace

TEST_CASE("the threads of a block agree on sums and extremes", "[emulation]") {
  const cuda::Stream stream;
  constexpr std::int64_t kRows = 3;
  for (const std::int64_t width : {1, 31, 32, 33, 256, 257, 600, 1500, 2500, 4096, 10000}) {
    const auto threads = static_cast<std::int64_t>(row_threads(width));
    CAPTURE(width, threads);
    std::vector<float> x;
    for (std::int64_t i = 0; i < kRows * width; ++i) x.push_back(static_cast<float>(i * 37 % 101) / 128.0F);
    const auto count = static_cast<std::size_t>(kRows * threads);
    std::vector<double> sums(count);
    std::vector<float> tops(count);
    std::vector<std::int64_t> firsts(count);
    std::vector<std::int64_t> lasts(count);
    launch_rows(stream.get(), kRows, width,
                ReduceRow{width, x.data(), sums.data(), tops.data(), firsts.data(), lasts.data()});
    MP_CUDA(cudaStreamSynchronize(stream.get()));
    for (std::int64_t row = 0; row < kRows; ++row) {
      double sum = 0.0;
      float top = -kInfinity;
      std::int64_t first = INT64_MAX;
      std::int64_t last = INT64_MIN;
      for (std::int64_t i = 0; i < width; ++i) {
        const float value = x[static_cast<std::size_t>(row * width + i)];
        sum += static_cast<double>(value);
        top = std::max(top, value);
        if (value > 0.5F) first = std::min(first, i);
        if (value > 0.5F) last = std::max(last, i);
      }
      for (std::int64_t i = row * threads; i < (row + 1) * threads; ++i) {
        const auto place = static_cast<std::size_t>(i);
        REQUIRE(sums[place] == 2 * sum);  // multiples of 1/128: exact in any order
        REQUIRE(tops[place] == top);
        REQUIRE(firsts[place] == first);
        REQUIRE(lasts[place] == last);
      }
    }
  }
}

namespace {

// Half of the threads leave before the others wait for them.
struct LeavingRow {
  template <class Group>
  MP_HD void operator()(std::int64_t /*row*/, const Group& group) const {
    if (group.rank() % 2 == 1) return;
    group.wait();
  }
};

// Thread 0 writes what all read.
struct SharedRow {
  bool waits;
  std::int64_t* of_block;
  std::int64_t* seen;

  template <class Group>
  MP_HD void operator()(std::int64_t row, const Group& group) const {
    if (group.rank() == 0) of_block[row] = row + 1;
    if (waits) group.wait();
    seen[row * group.size() + group.rank()] = of_block[row];
  }
};

}  // namespace

TEST_CASE("an emulated block whose threads wait in vain fails its device", "[emulation]") {
  const emulation::MachineForTest machine({});
  const cuda::Stream stream;
  launch_rows(stream.get(), 1, 1, LeavingRow{});
  CHECK(cudaStreamSynchronize(stream.get()) == cudaErrorLaunchFailure);
  CHECK(cudaStreamSynchronize(stream.get()) == cudaErrorLaunchFailure);  // and stays so
  static_cast<void>(cudaGetLastError());
}

TEST_CASE("an emulated block shows where threads do not wait for what they read", "[emulation]") {
  const cuda::Stream stream;
  for (const bool waits : {true, false}) {
    int wrong = 0;
    for (int repeat = 0; repeat < 16; ++repeat) {
      std::vector<std::int64_t> of_block(1);
      std::vector<std::int64_t> seen(32);
      launch_rows(stream.get(), 1, 1, SharedRow{waits, of_block.data(), seen.data()});
      MP_CUDA(cudaStreamSynchronize(stream.get()));
      wrong += seen == std::vector<std::int64_t>(32, 1) ? 0 : 1;
    }
    CHECK((wrong == 0) == waits);
  }
}

}  // namespace mp::runtime::gpu

// oneDNN behind one door: both of its interfaces (2.6 with operation descriptors, 3.x without), always on the calling
// thread alone, errors as RunError. Work is shared out above it (Team), cut by shape, because oneDNN cuts by the number
// of threads and sums in another order for each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/cpu/gemm.hpp"

namespace mp::runtime::cpu::onednn {

void sgemm(const Gemm& call);

// A convolution of ONNX's kind over two spatial axes. Also a transposed one: with source and destination swapped, that
// is this one's input gradient.
struct ConvolutionShape {
  std::int64_t batch = 0;
  std::int64_t groups = 1;
  std::int64_t source_channels = 0;
  std::int64_t destination_channels = 0;
  std::array<std::int64_t, 2> source{};
  std::array<std::int64_t, 2> kernel{};
  std::array<std::int64_t, 2> destination{};
  std::array<std::int64_t, 2> strides{1, 1};
  std::array<std::int64_t, 2> dilations{1, 1};
  std::array<std::int64_t, 2> pads_begin{};
  std::array<std::int64_t, 2> pads_end{};
};

enum class ConvolutionPass : std::uint8_t { kForward, kSourceGradient, kWeightGradient };

// Plain row-major operands; the one that is the pass's result is written, the other two are read.
struct ConvolutionOperands {
  float* source = nullptr;
  float* weights = nullptr;  // [destination channels, source channels / groups, kernel…]
  float* destination = nullptr;
};

// The passes run on the layouts that oneDNN likes best (blocked by 8 or 16 channels), brought in and out by reorders.
// The operand that all parts of a batch read (weights; the source for the weight gradient) is prepared once.
class Convolution {
 public:
  // The destination's rows of a batch item lie destination_stride elements apart (a slice of more channels, perhaps).
  Convolution(const ConvolutionShape& shape, ConvolutionPass pass, std::int64_t destination_batch_stride);
  ~Convolution();
  Convolution(Convolution&&) noexcept;

  [[nodiscard]] std::size_t shared_bytes() const;   // 0: the shared operand is read as it is
  [[nodiscard]] std::size_t scratch_bytes() const;  // one per worker
  // Into `shared`, for the calls of run() that follow.
  void prepare(const ConvolutionOperands& operands, std::byte* shared);
  // From one thread for each scratch at a time.
  void run(const ConvolutionOperands& operands, std::byte* shared, std::byte* scratch) const;
  [[nodiscard]] const std::string& implementation() const;  // oneDNN's name of it

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mp::runtime::cpu::onednn

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
#include "runtime/cpu/layout.hpp"

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
  Layout source_layout = Layout::kPlain;
  Layout destination_layout = Layout::kPlain;
};

enum class ConvolutionPass : std::uint8_t { kForward, kSourceGradient, kWeightGradient };

// The one that is the pass's result is written, the other two are read.
struct ConvolutionOperands {
  float* source = nullptr;
  float* weights = nullptr;  // [destination channels, source channels / groups, kernel…], plain
  float* destination = nullptr;
};

struct ConvolutionOptions {
  ConvolutionPass pass = ConvolutionPass::kForward;
  // Winograd's algorithm (Lavin, Gray, "Fast algorithms for convolutional neural networks", CVPR 2016: F(4×4, 3×3)), a
  // fourth of the multiplications; the direct one where the library has none for the shape.
  bool winograd = false;
  std::int64_t destination_channels = 0;  // of a batch item in memory: the destination may be a slice of more channels
  int workers = 1;                        // that run it at a time
};

// The passes run on the layouts that oneDNN likes best. Operands that lie otherwise are brought in and out by reorders.
// The operand that all parts of a batch read (weights; the source for the weight gradient) is prepared once.
class Convolution {
 public:
  Convolution(const ConvolutionShape& shape, const ConvolutionOptions& options);
  ~Convolution();
  Convolution(Convolution&&) noexcept;

  [[nodiscard]] std::size_t shared_bytes() const;   // 0: the shared operand is read as it is
  [[nodiscard]] std::size_t scratch_bytes() const;  // one per worker
  // Into `shared`, for the calls of run() that follow.
  void prepare(const ConvolutionOperands& operands, std::byte* shared);
  // From one thread for each worker at a time. Allocates nothing, as far as the library does not.
  void run(const ConvolutionOperands& operands, std::byte* shared, std::byte* scratch, int worker);
  [[nodiscard]] const std::string& implementation() const;  // oneDNN's name of it
  // Bytes that are brought from one layout into another in a run, weights aside.
  [[nodiscard]] std::size_t reordered_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mp::runtime::cpu::onednn

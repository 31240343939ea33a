// Conv, ConvTranspose, ConvWeightGrad: three passes over one geometry. A transposed convolution is the source gradient
// of the convolution whose destination it reads; so every path runs oneDNN's convolutions on blocked layouts, and none
// its transposed ones, whose plain layouts are slow.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/spatial.hpp"
#include "runtime/cpu/onednn.hpp"
#include "runtime/cpu/scratch.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

using onednn::Convolution;
using onednn::ConvolutionOperands;
using onednn::ConvolutionPass;
using onednn::ConvolutionShape;

ConvolutionShape shape_of(const KernelCall& call, const Shape& source, const Shape& destination, const Window& window) {
  ConvolutionShape s;
  s.batch = source[0];
  s.groups = call.attributes().get_int("group", 1);
  s.source_channels = source[1];
  s.destination_channels = destination[1];
  s.source = spatial_extents(source);
  s.destination = spatial_extents(destination);
  s.kernel = window.kernel;
  s.strides = window.strides;
  s.dilations = window.dilations;
  s.pads_begin = window.pads_begin;
  s.pads_end = window.pads_end;
  return s;
}

double flops_of(const ConvolutionShape& s) {
  return 2.0 * static_cast<double>(s.batch * s.destination_channels * s.destination[0] * s.destination[1]) *
         static_cast<double>(s.source_channels / s.groups * s.kernel[0] * s.kernel[1]);
}

// The largest divisor of `size` that gives every part enough work.
std::int64_t parts_of(std::int64_t size, double flops) {
  constexpr std::int64_t kMostParts = 16;
  constexpr double kPartFlops = 8e6;
  const auto worth = static_cast<std::int64_t>(flops / kPartFlops);
  for (std::int64_t parts = std::min({size, kMostParts, worth}); parts > 1; --parts) {
    if (size % parts == 0) return parts;
  }
  return 1;
}

// A pass cut into parts of one shape: batch items for the forward and source passes, destination channels for the
// weights (each then sums over the whole batch in one order).
class PartedConvolution {
 public:
  PartedConvolution(const ConvolutionShape& whole, ConvolutionPass pass, const Team& team) {
    const std::int64_t source_item = whole.source_channels * whole.source[0] * whole.source[1];
    const std::int64_t plane = whole.destination[0] * whole.destination[1];
    const std::int64_t destination_item = whole.destination_channels * plane;
    ConvolutionShape part = whole;
    if (pass == ConvolutionPass::kWeightGradient) {
      constexpr std::int64_t kChannelBlock = 16;
      const bool can_cut = whole.groups == 1 && whole.destination_channels % kChannelBlock == 0;
      parts_ = can_cut ? parts_of(whole.destination_channels / kChannelBlock, flops_of(whole)) : 1;
      part.destination_channels /= parts_;
      destination_step_ = part.destination_channels * plane;
      weights_step_ =
          part.destination_channels * (whole.source_channels / whole.groups) * whole.kernel[0] * whole.kernel[1];
    } else {
      parts_ = parts_of(whole.batch, flops_of(whole));
      part.batch /= parts_;
      source_step_ = part.batch * source_item;
      destination_step_ = part.batch * destination_item;
    }
    convolution_ = std::make_unique<Convolution>(part, pass, destination_item);
    shared_ = Scratch(convolution_->shared_bytes());
    scratch_ = Scratch(convolution_->scratch_bytes() * static_cast<std::size_t>(team.threads()));
  }

  void run(Team& team, const ConvolutionOperands& o) {
    convolution_->prepare(o, shared_.data());
    team.for_each(parts_, [&](std::int64_t part, int worker) {
      convolution_->run(
          {o.source + part * source_step_, o.weights + part * weights_step_, o.destination + part * destination_step_},
          shared_.data(), scratch_.data() + convolution_->scratch_bytes() * static_cast<std::size_t>(worker));
    });
  }
  [[nodiscard]] std::int64_t workspace_bytes() const { return shared_.size_bytes() + scratch_.size_bytes(); }

 private:
  std::unique_ptr<Convolution> convolution_;
  std::int64_t parts_ = 1;
  std::int64_t source_step_ = 0;
  std::int64_t weights_step_ = 0;
  std::int64_t destination_step_ = 0;
  Scratch shared_;
  Scratch scratch_;
};

// y[n, c, …] += bias[c]
MP_SIMD void add_constant(float* y, float value, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += value;
}

void add_bias(Team& team, const Shape& shape, const float* bias, float* y) {
  const std::int64_t channels = shape[1];
  const std::int64_t plane = spatial_extents(shape)[0] * spatial_extents(shape)[1];
  const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / plane);
  team.for_range(shape[0] * channels, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) add_constant(y + row * plane, bias[row % channels], plane);
  });
}

// oneDNN's memory takes no const; what a pass reads it does not write.
float* operand(const Operands& io, std::size_t i) { return const_cast<float*>(io.in(i)); }

}  // namespace

KernelPointer make_conv(const KernelCall& call) {
  const Shape& x = call.input(0).shape;
  const Shape y = call.output(0).shape;
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Window window = window_of(call.attributes(), x, call.input(1).shape);
  auto convolution =
      std::make_shared<PartedConvolution>(shape_of(call, x, y, window), ConvolutionPass::kForward, call.team);
  const std::int64_t workspace = convolution->workspace_bytes();
  return function_kernel(
      [&team = call.team, convolution, y](const Operands& io) {
        convolution->run(team, {operand(io, 0), operand(io, 1), io.out(0)});
        if (io.in(2) != nullptr) add_bias(team, y, io.in(2), io.out(0));
      },
      workspace);
}

KernelPointer make_conv_transpose(const KernelCall& call) {
  const Shape& x = call.input(0).shape;
  const Shape y = call.output(0).shape;
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Window window = transposed_window_of(call.attributes(), x, call.input(1).shape);
  auto convolution =
      std::make_shared<PartedConvolution>(shape_of(call, y, x, window), ConvolutionPass::kSourceGradient, call.team);
  const std::int64_t workspace = convolution->workspace_bytes();
  return function_kernel(
      [&team = call.team, convolution, y](const Operands& io) {
        convolution->run(team, {io.out(0), operand(io, 1), operand(io, 0)});
        if (io.in(2) != nullptr) add_bias(team, y, io.in(2), io.out(0));
      },
      workspace);
}

KernelPointer make_conv_weight_grad(const KernelCall& call) {
  const Shape& dy = call.input(0).shape;
  const Shape& x = call.input(1).shape;
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Window window = window_of(call.attributes(), x, call.output(0).shape);
  auto convolution =
      std::make_shared<PartedConvolution>(shape_of(call, x, dy, window), ConvolutionPass::kWeightGradient, call.team);
  const std::int64_t workspace = convolution->workspace_bytes();
  return function_kernel(
      [&team = call.team, convolution](const Operands& io) {
        convolution->run(team, {operand(io, 1), io.out(0), operand(io, 0)});
      },
      workspace);
}

}  // namespace mp::runtime::cpu

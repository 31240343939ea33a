// Conv, ConvTranspose, ConvWeightGrad: three passes over one geometry. A transposed convolution is the source gradient
// of the convolution whose destination it reads; so every path runs oneDNN's convolutions on blocked layouts, and none
// its transposed ones, whose plain layouts are slow.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/kernels/spatial.hpp"
#include "runtime/cpu/kernels/winograd.hpp"
#include "runtime/cpu/onednn.hpp"
#include "runtime/cpu/scratch.hpp"
#include "runtime/cpu/simd.hpp"

namespace mp::runtime::cpu {
namespace {

using onednn::Convolution;
using onednn::ConvolutionOperands;
using onednn::ConvolutionOptions;
using onednn::ConvolutionPass;
using onednn::ConvolutionShape;

// An image and how it lies.
struct Image {
  const Shape& shape;
  Layout layout;
};

ConvolutionShape shape_of(const KernelCall& call, const Image& source, const Image& destination, const Window& window) {
  ConvolutionShape s;
  s.batch = source.shape[0];
  s.groups = call.attributes().get_int("group", 1);
  s.source_channels = source.shape[1];
  s.destination_channels = destination.shape[1];
  s.source = spatial_extents(source.shape);
  s.destination = spatial_extents(destination.shape);
  s.kernel = window.kernel;
  s.strides = window.strides;
  s.dilations = window.dilations;
  s.pads_begin = window.pads_begin;
  s.pads_end = window.pads_end;
  s.source_layout = source.layout;
  s.destination_layout = destination.layout;
  return s;
}

double flops_of(const ConvolutionShape& s) {
  return 2.0 * static_cast<double>(s.batch * s.destination_channels * s.destination[0] * s.destination[1]) *
         static_cast<double>(s.source_channels / s.groups * s.kernel[0] * s.kernel[1]);
}

// The largest divisor of `size` that gives every part enough work.
std::int64_t parts_of(std::int64_t size, std::int64_t worth) {
  constexpr std::int64_t kMostParts = 16;
  for (std::int64_t parts = std::min({size, kMostParts, worth}); parts > 1; --parts) {
    if (size % parts == 0) return parts;
  }
  return 1;
}

// Parts that are worth a thread. Each part of a Winograd convolution transforms the operand that all share once more.
std::int64_t parts_worth(const ConvolutionShape& s, ConvolutionPass pass, bool winograd) {
  constexpr double kPartFlops = 8e6;
  const auto by_flops = static_cast<std::int64_t>(flops_of(s) / kPartFlops);
  if (!winograd) return by_flops;
  const bool cuts_channels = pass == ConvolutionPass::kWeightGradient;
  const std::int64_t least = cuts_channels ? s.destination_channels / 32 : winograd_tiles(s) / 32;
  const std::int64_t good = cuts_channels ? s.destination_channels / 128 : winograd_tiles(s) / 128;
  return std::min(by_flops, std::max(good, std::min<std::int64_t>(2, least)));
}

// A pass cut into parts of one shape: batch items for the forward and source passes, destination channels for the
// weights (each then sums over the whole batch in one order).
class PartedConvolution {
 public:
  PartedConvolution(const ConvolutionShape& whole, ConvolutionPass pass, const KernelCall& call)
      : scratch_(&call.scratch) {
    const std::int64_t source_item = whole.source_channels * whole.source[0] * whole.source[1];
    const std::int64_t plane = whole.destination[0] * whole.destination[1];
    const std::int64_t destination_item = whole.destination_channels * plane;
    const bool winograd = suits_winograd(whole);
    const std::int64_t worth = parts_worth(whole, pass, winograd);
    ConvolutionShape part = whole;
    if (pass == ConvolutionPass::kWeightGradient) {
      const bool can_cut = whole.groups == 1 && whole.destination_channels % kChannelBlock == 0;
      parts_ = can_cut ? parts_of(whole.destination_channels / kChannelBlock, worth) : 1;
      part.destination_channels /= parts_;
      destination_step_ = part.destination_channels * plane;
      weights_step_ =
          part.destination_channels * (whole.source_channels / whole.groups) * whole.kernel[0] * whole.kernel[1];
    } else {
      parts_ = parts_of(whole.batch, worth);
      part.batch /= parts_;
      source_step_ = part.batch * source_item;
      destination_step_ = part.batch * destination_item;
    }
    const int workers = call.team.threads();
    convolution_ =
        std::make_unique<Convolution>(part, ConvolutionOptions{.pass = pass,
                                                               .winograd = winograd,
                                                               .destination_channels = whole.destination_channels,
                                                               .workers = workers});
    scratch_->reserve(convolution_->shared_bytes() + convolution_->scratch_bytes() * static_cast<std::size_t>(workers));
  }

  void run(Team& team, const ConvolutionOperands& o) {
    std::byte* shared = scratch_->data();
    std::byte* scratch = shared + convolution_->shared_bytes();
    convolution_->prepare(o, shared);
    team.for_each(parts_, [&](std::int64_t part, int worker) {
      convolution_->run(
          {o.source + part * source_step_, o.weights + part * weights_step_, o.destination + part * destination_step_},
          shared, scratch + convolution_->scratch_bytes() * static_cast<std::size_t>(worker), worker);
    });
  }

 private:
  std::unique_ptr<Convolution> convolution_;
  SharedScratch* scratch_;
  std::int64_t parts_ = 1;
  std::int64_t source_step_ = 0;
  std::int64_t weights_step_ = 0;
  std::int64_t destination_step_ = 0;
};

MP_SIMD void add_constant(float* y, float value, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += value;
}

// `n` times one value for each channel of a block.
MP_SIMD void add_block(float* y, const float* values, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t c = 0; c < kChannelBlock; ++c) y[i * kChannelBlock + c] += values[c];
  }
}

// y[n, c, …] += bias[c]
void add_bias(Team& team, const Image& image, const float* bias, float* y) {
  const std::int64_t width = image.layout == Layout::kBlocked ? kChannelBlock : 1;
  const std::int64_t channels = image.shape[1];
  const std::int64_t plane = spatial_extents(image.shape)[0] * spatial_extents(image.shape)[1];
  const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / (plane * width));
  team.for_range(image.shape[0] * channels / width, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float* values = bias + row * width % channels;
      float* to = y + row * width * plane;
      width == 1 ? add_constant(to, *values, plane) : add_block(to, values, plane);
    }
  });
}

// oneDNN's memory takes no const; what a pass reads it does not write.
float* operand(const Operands& io, std::size_t i) { return const_cast<float*>(io.in(i)); }

}  // namespace

KernelPointer make_conv(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Image x{call.input(0).shape, call.input_layout(0)};
  const Shape y = call.output(0).shape;
  const Layout layout = call.output_layout(0);
  const Window window = window_of(call.attributes(), x.shape, call.input(1).shape);
  auto convolution =
      std::make_shared<PartedConvolution>(shape_of(call, x, {y, layout}, window), ConvolutionPass::kForward, call);
  return function_kernel([&team = call.team, convolution, y, layout](const Operands& io) {
    convolution->run(team, {operand(io, 0), operand(io, 1), io.out(0)});
    if (io.in(2) != nullptr) add_bias(team, {y, layout}, io.in(2), io.out(0));
  });
}

KernelPointer make_conv_transpose(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Image x{call.input(0).shape, call.input_layout(0)};
  const Shape y = call.output(0).shape;
  const Layout layout = call.output_layout(0);
  const Window window = transposed_window_of(call.attributes(), x.shape, call.input(1).shape);
  auto convolution = std::make_shared<PartedConvolution>(shape_of(call, {y, layout}, x, window),
                                                         ConvolutionPass::kSourceGradient, call);
  return function_kernel([&team = call.team, convolution, y, layout](const Operands& io) {
    convolution->run(team, {io.out(0), operand(io, 1), operand(io, 0)});
    if (io.in(2) != nullptr) add_bias(team, {y, layout}, io.in(2), io.out(0));
  });
}

KernelPointer make_conv_weight_grad(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const Image dy{call.input(0).shape, call.input_layout(0)};
  const Image x{call.input(1).shape, call.input_layout(1)};
  const Window window = window_of(call.attributes(), x.shape, call.output(0).shape);
  auto convolution =
      std::make_shared<PartedConvolution>(shape_of(call, x, dy, window), ConvolutionPass::kWeightGradient, call);
  return function_kernel([&team = call.team, convolution](const Operands& io) {
    convolution->run(team, {operand(io, 1), io.out(0), operand(io, 0)});
  });
}

}  // namespace mp::runtime::cpu

// Conv, ConvTranspose, ConvWeightGrad, pools, Resize.
#include "runtime/gpu/kernels/windows.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "lib/operators/windows.hpp"
#include "runtime/gpu/kernels/bias.hpp"
#include "runtime/gpu/kernels/elementwise.hpp"
#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/reduction.hpp"
#include "runtime/gpu/kernels/resize_table.hpp"

namespace mp::runtime::gpu {
namespace {

Shape spatial_of(const Shape& shape) { return {shape.begin() + 2, shape.end()}; }

// A missing first axis in front of the last one: [N, C, W] is read as [N, C, 1, W].
void put(const std::vector<std::int64_t>& values, std::int64_t missing, std::int64_t (&to)[2]) {
  to[0] = values.size() == 1 ? missing : values[0];
  to[1] = values.back();
}

template <class Window>
void put_windows(const Windows& w, Window& to) {
  put(w.kernel, 1, to.kernel);
  put(w.strides, 1, to.strides);
  put(w.dilations, 1, to.dilations);
  put(w.pads_begin, 0, to.pads_begin);
  put(w.pads_end, 0, to.pads_end);
}

Windows windows_over(const KernelCall& call, const Shape& source, const Shape& weights) {
  return windows_of({.inputs = {}, .attributes = call.attributes(), .outputs = 1}, spatial_of(source),
                    weights.empty() ? weights : spatial_of(weights));
}

ConvolutionShape shape_of(const KernelCall& call, const Shape& source, const Shape& destination,
                          const Windows& windows) {
  ConvolutionShape s;
  s.batch = source[0];
  s.groups = call.attributes().get_int("group", 1);
  s.source_channels = source[1];
  s.destination_channels = destination[1];
  put(spatial_of(source), 1, s.source);
  put(spatial_of(destination), 1, s.destination);
  put_windows(windows, s);
  return s;
}

// Without a library: each element of the result by itself.
class PlainConvolution final : public Convolution {
 public:
  PlainConvolution(Device& device, const ConvolutionShape& shape, ConvolutionPass pass)
      : device_(device), s_(shape), pass_(pass) {}
  void run(const ConvolutionOperands& o) override {
    const Queue queue = device_.queue();
    const std::int64_t weights =
        s_.destination_channels * (s_.source_channels / s_.groups) * s_.kernel[0] * s_.kernel[1];
    switch (pass_) {
      case ConvolutionPass::kForward:
        return for_items(queue, s_.batch * s_.destination_channels * s_.destination[0] * s_.destination[1],
                         ConvolutionForwardItem{s_, o});
      case ConvolutionPass::kSourceGradient:
        return for_items(queue, s_.batch * s_.source_channels * s_.source[0] * s_.source[1],
                         ConvolutionSourceItem{s_, o});
      case ConvolutionPass::kWeightGradient:
        return for_rows(queue, weights, s_.batch * s_.destination[0] * s_.destination[1], ConvolutionWeightRow{s_, o});
    }
  }

 private:
  Device& device_;
  ConvolutionShape s_;
  ConvolutionPass pass_;
};

// A library's result has its operands' type. The gradient of weights is float32, also where they are bfloat16: it is
// made in shared scratch, behind the library's own (so it is rounded once more than the CPU's, as PyTorch's is), and
// widened.
class WidenedWeightGradient final : public Convolution {
 public:
  WidenedWeightGradient(Device& device, std::unique_ptr<Convolution> library, std::int64_t elements)
      : device_(device),
        library_(std::move(library)),
        elements_(elements),
        narrow_at_(divide_up(library_->shared_bytes(), kAlignment) * kAlignment) {
    device_.reserve_shared(narrow_at_ + elements_ * 2);
  }
  void run(const ConvolutionOperands& o) override {
    std::byte* const narrow = device_.shared() + narrow_at_;
    library_->run({o.source, {narrow, true}, o.destination});
    for_items(device_.queue(), elements_, CastItem{Element::kBfloat16, Element::kFloat32, narrow, o.weights.data});
  }

 private:
  static constexpr std::int64_t kAlignment = 256;
  Device& device_;
  std::unique_ptr<Convolution> library_;
  std::int64_t elements_;
  std::int64_t narrow_at_;
};

std::shared_ptr<Convolution> make_convolution(const KernelCall& call, const ConvolutionShape& shape,
                                              ConvolutionPass pass) {
  call.require_real(call.input(0).type);
  const bool is_bfloat16 = call.input(0).type == DataType::kBfloat16;
  std::unique_ptr<Convolution> library = call.device.make_convolution(shape, pass, is_bfloat16);
  if (library && is_bfloat16 && call.output(0).type == DataType::kFloat32) {
    return std::make_shared<WidenedWeightGradient>(call.device, std::move(library), elements(call.output(0).shape));
  }
  if (library) return library;
  return std::make_shared<PlainConvolution>(call.device, shape, pass);
}

// What a pass reads it does not write.
Reals operand(const Operands& io, std::size_t i) {
  return {const_cast<void*>(io.real(i).data), io.real(i).is_bfloat16};
}

void add_bias(const Queue& queue, const Shape& y, ConstReals bias, Reals to) {
  if (!bias) return;
  const std::int64_t plane = elements(spatial_of(y));
  for_items(queue, elements(y), BiasItem{y[1], plane, bias, to});
}

Pool pool_of(const KernelCall& call, const Shape& source, const Shape& destination) {
  Pool pool;
  pool.planes = source[0] * source[1];
  put(spatial_of(source), 1, pool.source);
  put(spatial_of(destination), 1, pool.destination);
  put_windows(windows_over(call, source, {}), pool);
  pool.include_padding = call.attributes().get_int("count_include_pad", 0) != 0;
  return pool;
}

std::int64_t source_size(const Pool& p) { return p.planes * p.source[0] * p.source[1]; }
std::int64_t destination_size(const Pool& p) { return p.planes * p.destination[0] * p.destination[1]; }

}  // namespace

KernelPointer make_conv(const KernelCall& call) {
  const Shape& x = call.input(0).shape;
  const Shape y = call.output(0).shape;
  const auto convolution = make_convolution(call, shape_of(call, x, y, windows_over(call, x, call.input(1).shape)),
                                            ConvolutionPass::kForward);
  return function_kernel(call, [queue = call.device.queue(), convolution, y](const Operands& io) {
    convolution->run({operand(io, 0), operand(io, 1), io.real_out(0)});
    add_bias(queue, y, io.real(2), io.real_out(0));
  });
}

KernelPointer make_conv_transpose(const KernelCall& call) {
  const Shape& x = call.input(0).shape;
  const Shape y = call.output(0).shape;
  const Windows windows = transposed_windows_of({.inputs = {}, .attributes = call.attributes(), .outputs = 1},
                                                spatial_of(x), spatial_of(call.input(1).shape));
  const auto convolution = make_convolution(call, shape_of(call, y, x, windows), ConvolutionPass::kSourceGradient);
  return function_kernel(call, [queue = call.device.queue(), convolution, y](const Operands& io) {
    convolution->run({io.real_out(0), operand(io, 1), operand(io, 0)});
    add_bias(queue, y, io.real(2), io.real_out(0));
  });
}

KernelPointer make_conv_weight_grad(const KernelCall& call) {
  const Shape& dy = call.input(0).shape;
  const Shape& x = call.input(1).shape;
  const auto convolution = make_convolution(call, shape_of(call, x, dy, windows_over(call, x, call.output(0).shape)),
                                            ConvolutionPass::kWeightGradient);
  return function_kernel(call, [convolution](const Operands& io) {
    convolution->run({operand(io, 1), io.real_out(0), operand(io, 0)});
  });
}

KernelPointer make_max_pool(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const Pool p = pool_of(call, call.input(0).shape, call.output(0).shape);
  return function_kernel(call, [queue = call.device.queue(), p](const Operands& io) {
    for_items(queue, destination_size(p), MaxPoolItem{p, io.real(0), io.real_out(0)});
  });
}

KernelPointer make_max_pool_grad(const KernelCall& call) {
  const Pool p = pool_of(call, call.input(1).shape, call.input(0).shape);
  return function_kernel(call, [queue = call.device.queue(), p](const Operands& io) {
    for_items(queue, source_size(p), MaxPoolGradientItem{p, io.real(0), io.real(1), io.real_out(0)});
  });
}

KernelPointer make_average_pool(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const Pool p = pool_of(call, call.input(0).shape, call.output(0).shape);
  return function_kernel(call, [queue = call.device.queue(), p](const Operands& io) {
    for_items(queue, destination_size(p), AveragePoolItem{p, io.real(0), io.real_out(0)});
  });
}

KernelPointer make_average_pool_grad(const KernelCall& call) {
  const Pool p = pool_of(call, call.output(0).shape, call.input(0).shape);
  return function_kernel(call, [queue = call.device.queue(), p](const Operands& io) {
    for_items(queue, source_size(p), AveragePoolGradientItem{p, io.real(0), io.real_out(0)});
  });
}

KernelPointer make_global_average_pool(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const std::int64_t planes = elements(call.output(0).shape);
  const std::int64_t plane = elements(call.input(0).shape) / std::max<std::int64_t>(1, planes);
  const auto rows = strided<1>({planes}, {StrideList{plane}});
  const auto within = strided<1>({plane}, {StrideList{1}});
  return function_kernel(call, [queue = call.device.queue(), planes, plane, rows, within](const Operands& io) {
    for_rows(
        queue, planes, plane,
        SumRow{rows, within, planes, plane, 1, 1.0 / static_cast<double>(plane), io.real(0), io.real_out(0), nullptr});
  });
}

KernelPointer make_global_average_pool_grad(const KernelCall& call) {
  const std::int64_t planes = elements(call.input(0).shape);
  const std::int64_t size = elements(call.output(0).shape);
  const std::int64_t plane = size / std::max<std::int64_t>(1, planes);
  return function_kernel(call, [queue = call.device.queue(), plane, size](const Operands& io) {
    for_items(queue, size, SpreadItem{plane, io.real(0), io.real_out(0)});
  });
}

KernelPointer make_resize(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const ResizeTable table(call, call.input(0).shape, call.output(0).shape);
  return function_kernel(
      call,
      [queue = call.device.queue(), table, size = elements(call.output(0).shape)](const Operands& io) {
        const ResizeTable::Addresses at = table.addresses();
        for_items(queue, size,
                  ResizeItem{{at.source[0], at.source[1]},
                             {at.destination[0], at.destination[1]},
                             at.rows,
                             at.columns,
                             io.real(0),
                             io.real_out(0)});
      },
      table.size_bytes());
}

KernelPointer make_resize_grad(const KernelCall& call) {
  const ResizeTable table(call, call.output(0).shape, call.input(0).shape);
  return function_kernel(
      call,
      [queue = call.device.queue(), table, size = elements(call.output(0).shape)](const Operands& io) {
        const ResizeTable::Addresses at = table.addresses();
        for_items(queue, size,
                  ResizeGradientItem{{at.source[0], at.source[1]},
                                     {at.destination[0], at.destination[1]},
                                     at.rows,
                                     at.columns,
                                     at.row_users,
                                     at.column_users,
                                     io.real(0),
                                     io.real_out(0)});
      },
      table.size_bytes());
}

}  // namespace mp::runtime::gpu

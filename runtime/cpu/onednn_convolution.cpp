#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/cpu/onednn.hpp"
#include "runtime/cpu/onednn_calls.hpp"

namespace mp::runtime::cpu::onednn {
namespace {

using Descriptor = dnnl::memory::desc;
using Dims = dnnl::memory::dims;

Descriptor any_layout(const Dims& dims) { return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any}; }

Descriptor plain_layout(const Dims& dims) {
  Dims strides(dims.size());
  dnnl::memory::dim stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return {dims, dnnl::memory::data_type::f32, strides};
}

Descriptor layout_of(const Dims& dims, Layout layout) {
  if (layout == Layout::kPlain) return plain_layout(dims);
  return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nChw16c};
}

dnnl::memory memory_of(const Descriptor& descriptor) { return {descriptor, cpu_engine(), DNNL_MEMORY_NONE}; }

// The C interface: that of C++ makes a map and a vector for every call.
void execute(const dnnl::primitive& primitive, std::span<const dnnl_exec_arg_t> arguments) {
  dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), thread_stream().get(),
                                                 static_cast<int>(arguments.size()), arguments.data()),
                          "could not execute a primitive");
}

struct ConvolutionDims {
  Dims source, weights, destination, strides, dilations, pads_begin, pads_end;
};

ConvolutionDims dims_of(const ConvolutionShape& s) {
  ConvolutionDims d;
  d.source = {s.batch, s.source_channels, s.source[0], s.source[1]};
  d.destination = {s.batch, s.destination_channels, s.destination[0], s.destination[1]};
  if (s.groups > 1) {
    d.weights = {s.groups, s.destination_channels / s.groups, s.source_channels / s.groups, s.kernel[0], s.kernel[1]};
  } else {
    d.weights = {s.destination_channels, s.source_channels, s.kernel[0], s.kernel[1]};
  }
  d.strides = {s.strides[0], s.strides[1]};
  d.dilations = {s.dilations[0] - 1, s.dilations[1] - 1};  // oneDNN counts the zeros between taps
  d.pads_begin = {s.pads_begin[0], s.pads_begin[1]};
  d.pads_end = {s.pads_end[0], s.pads_end[1]};
  return d;
}

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

// What differs between the versions: 2.x builds a primitive from an operation descriptor.
#if DNNL_VERSION_MAJOR >= 3
template <class Primitive, class... Operands>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attributes, Operands&&... operands) {
  return typename Primitive::primitive_desc(cpu_engine(), std::forward<Operands>(operands)..., attributes);
}
template <class Primitive, class... Operands>
typename Primitive::primitive_desc describe_backward(const dnnl::convolution_forward::primitive_desc& hint,
                                                     const dnnl::primitive_attr& attributes, Operands&&... operands) {
  return typename Primitive::primitive_desc(cpu_engine(), std::forward<Operands>(operands)..., hint, attributes);
}
#else
template <class Primitive, class... Operands>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attributes, Operands&&... operands) {
  return typename Primitive::primitive_desc(typename Primitive::desc(std::forward<Operands>(operands)...), attributes,
                                            cpu_engine());
}
template <class Primitive, class... Operands>
typename Primitive::primitive_desc describe_backward(const dnnl::convolution_forward::primitive_desc& hint,
                                                     const dnnl::primitive_attr& attributes, Operands&&... operands) {
  return typename Primitive::primitive_desc(typename Primitive::desc(std::forward<Operands>(operands)...), attributes,
                                            cpu_engine(), hint);
}
#endif

dnnl::convolution_forward::primitive_desc forward_descriptor(const ConvolutionDims& d, dnnl::algorithm algorithm) {
  return describe<dnnl::convolution_forward>(attributes(), dnnl::prop_kind::forward_training, algorithm,
                                             any_layout(d.source), any_layout(d.weights), any_layout(d.destination),
                                             d.strides, d.dilations, d.pads_begin, d.pads_end);
}

constexpr std::size_t kAlignment = 64;
std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

// One operand: as the caller has it (outer) and as the primitive wants it (inner).
struct Side {
  Descriptor outer;
  Descriptor inner;
  std::optional<dnnl::reorder> reorder;  // none: used as it is
  std::size_t offset = 0;                // of the inner copy in its scratch
  [[nodiscard]] std::size_t bytes() const { return reorder ? aligned(inner.get_size()) : 0; }
};

Side make_side(const Descriptor& outer, const Descriptor& inner, bool is_result) {
  Side side{outer, inner, std::nullopt, 0};
  if (outer == inner) return side;
  const Descriptor& from = is_result ? inner : outer;
  const Descriptor& to = is_result ? outer : inner;
  side.reorder.emplace(dnnl::reorder::primitive_desc(cpu_engine(), from, cpu_engine(), to));
  return side;
}

// Memory objects of one worker, pointed anew at every run.
struct Worker {
  std::array<dnnl::memory, 3> outer;
  std::array<dnnl::memory, 3> inner;
  dnnl::memory scratchpad;
};

void reorder(const dnnl::reorder& primitive, const dnnl::memory& from, const dnnl::memory& to) {
  const std::array<dnnl_exec_arg_t, 2> arguments{{{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}}};
  execute(primitive, arguments);
}

}  // namespace

struct Convolution::Impl {
  enum Operand : std::size_t { kSource, kWeights, kDestination };
  std::array<Side, 3> sides;
  std::array<int, 3> roles{};  // DNNL_ARG_… of each operand
  Operand result = kDestination;
  Operand shared = kWeights;
  dnnl::primitive primitive;
  Descriptor scratchpad;
  std::size_t scratchpad_offset = 0;
  std::size_t scratch_size = 0;
  std::string name;
  std::vector<Worker> workers;
  Worker preparing;

  Impl(const ConvolutionShape& shape, const ConvolutionOptions& options, dnnl::algorithm algorithm);
  template <class PrimitiveDescriptor>
  void describe_operands(const PrimitiveDescriptor& pd, const ConvolutionShape& shape, std::int64_t channels,
                         const std::array<Descriptor, 3>& inner);
  void make_workers(int count);
  // Points the memory objects; what is the same inside and outside has one place.
  void place(Worker& worker, Operand operand, void* outer, void* inner) const {
    worker.outer[operand].set_data_handle(outer);
    worker.inner[operand].set_data_handle(sides[operand].reorder ? inner : outer);
  }
};

template <class PrimitiveDescriptor>
void Convolution::Impl::describe_operands(const PrimitiveDescriptor& pd, const ConvolutionShape& shape,
                                          std::int64_t channels, const std::array<Descriptor, 3>& inner) {
  const ConvolutionDims dims = dims_of(shape);
  Descriptor destination = layout_of(dims.destination, shape.destination_layout);
  if (dims.destination[0] > 1 && channels != dims.destination[1]) {
    Dims whole = dims.destination;
    whole[1] = channels;
    destination = layout_of(whole, shape.destination_layout).submemory_desc(dims.destination, {0, 0, 0, 0});
  }
  const std::array<Descriptor, 3> outer{layout_of(dims.source, shape.source_layout), plain_layout(dims.weights),
                                        destination};
  for (const Operand o : {kSource, kWeights, kDestination}) {
    sides[o] = make_side(outer[o], inner[o], o == result);
    if (o == shared) continue;
    sides[o].offset = scratch_size;
    scratch_size += sides[o].bytes();
  }
  scratchpad = pd.scratchpad_desc();
  scratchpad_offset = scratch_size;
  scratch_size += aligned(scratchpad.get_size());
  name = pd.impl_info_str();
}

void Convolution::Impl::make_workers(int count) {
  const auto make = [&] {
    Worker worker;
    for (const Operand o : {kSource, kWeights, kDestination}) {
      worker.outer[o] = memory_of(sides[o].outer);
      worker.inner[o] = memory_of(sides[o].inner);
    }
    worker.scratchpad = memory_of(scratchpad);
    return worker;
  };
  for (int i = 0; i < count; ++i) workers.push_back(make());
  preparing = make();
}

Convolution::Impl::Impl(const ConvolutionShape& shape, const ConvolutionOptions& options, dnnl::algorithm algorithm) {
  const ConvolutionDims d = dims_of(shape);
  const auto forward = forward_descriptor(d, algorithm);
  const auto backward = [&]<class Primitive>(std::type_identity<Primitive>) {
    return describe_backward<Primitive>(forward, attributes(), algorithm, any_layout(d.source), any_layout(d.weights),
                                        any_layout(d.destination), d.strides, d.dilations, d.pads_begin, d.pads_end);
  };
  const std::int64_t channels = options.destination_channels;
  switch (options.pass) {
    case ConvolutionPass::kForward:
      roles = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
      describe_operands(forward, shape, channels, {forward.src_desc(), forward.weights_desc(), forward.dst_desc()});
      primitive = dnnl::convolution_forward(forward);
      break;
    case ConvolutionPass::kSourceGradient: {
      const auto pd = backward(std::type_identity<dnnl::convolution_backward_data>());
      roles = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
      result = kSource;
      describe_operands(pd, shape, channels, {pd.diff_src_desc(), pd.weights_desc(), pd.diff_dst_desc()});
      primitive = dnnl::convolution_backward_data(pd);
      break;
    }
    case ConvolutionPass::kWeightGradient: {
      const auto pd = backward(std::type_identity<dnnl::convolution_backward_weights>());
      roles = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST};
      result = kWeights;
      shared = kSource;
      describe_operands(pd, shape, channels, {pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc()});
      primitive = dnnl::convolution_backward_weights(pd);
      break;
    }
  }
  make_workers(options.workers);
}

Convolution::Convolution(const ConvolutionShape& shape, const ConvolutionOptions& options) {
  if (options.winograd) {
    try {
      const OneThread one;
      impl_ = std::make_unique<Impl>(shape, options, dnnl::algorithm::convolution_winograd);
    } catch (const dnnl::error&) {  // not for this shape or machine
    }
  }
  if (!impl_) {
    checked("making a convolution",
            [&] { impl_ = std::make_unique<Impl>(shape, options, dnnl::algorithm::convolution_direct); });
  }
}

Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;

std::size_t Convolution::shared_bytes() const { return impl_->sides[impl_->shared].bytes(); }
std::size_t Convolution::scratch_bytes() const { return impl_->scratch_size; }
const std::string& Convolution::implementation() const { return impl_->name; }
std::size_t Convolution::reordered_bytes() const {
  return impl_->sides[Impl::kSource].bytes() + impl_->sides[Impl::kDestination].bytes();
}

void Convolution::prepare(const ConvolutionOperands& operands, std::byte* shared) {
  const Impl::Operand o = impl_->shared;
  const Side& side = impl_->sides[o];
  if (!side.reorder) return;
  checked("preparing a convolution", [&] {
    impl_->place(impl_->preparing, o, o == Impl::kWeights ? operands.weights : operands.source, shared);
    reorder(*side.reorder, impl_->preparing.outer[o], impl_->preparing.inner[o]);
  });
}

void Convolution::run(const ConvolutionOperands& operands, std::byte* shared, std::byte* scratch, int worker) {
  const std::array<float*, 3> outer{operands.source, operands.weights, operands.destination};
  Worker& mine = impl_->workers[static_cast<std::size_t>(worker)];
  checked("running a convolution", [&] {
    std::array<dnnl_exec_arg_t, 4> arguments{};
    for (const auto o : {Impl::kSource, Impl::kWeights, Impl::kDestination}) {
      const Side& side = impl_->sides[o];
      impl_->place(mine, o, outer[o], o == impl_->shared ? shared : scratch + side.offset);
      if (side.reorder && o != impl_->shared && o != impl_->result)
        reorder(*side.reorder, mine.outer[o], mine.inner[o]);
      arguments[o] = {impl_->roles[o], mine.inner[o].get()};
    }
    mine.scratchpad.set_data_handle(scratch + impl_->scratchpad_offset);
    arguments[3] = {DNNL_ARG_SCRATCHPAD, mine.scratchpad.get()};
    execute(impl_->primitive, arguments);
    const auto result = impl_->result;
    if (impl_->sides[result].reorder) reorder(*impl_->sides[result].reorder, mine.inner[result], mine.outer[result]);
  });
}

}  // namespace mp::runtime::cpu::onednn

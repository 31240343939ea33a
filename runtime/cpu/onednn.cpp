#include "runtime/cpu/onednn.hpp"

#include <fmt/core.h>
#include <omp.h>

#include <cstring>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "lib/base/error.hpp"

namespace mp::runtime::cpu::onednn {
namespace {

// oneDNN makes and runs everything for the calling thread alone while one lives.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

// The one check of every call into oneDNN.
template <class Call>
decltype(auto) checked(const char* what, Call&& call) {
  const OneThread one;
  try {
    return call();
  } catch (const dnnl::error& error) {
    throw RunError(
        fmt::format("oneDNN: {} failed: {} (status {})", what, error.what(), static_cast<int>(error.status)));
  }
}

const dnnl::engine& cpu_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

const dnnl::stream& thread_stream() {
  static thread_local const dnnl::stream stream(cpu_engine());
  return stream;
}

using Descriptor = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Arguments = std::unordered_map<int, dnnl::memory>;

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

dnnl::memory memory_at(const Descriptor& descriptor, void* place) { return {descriptor, cpu_engine(), place}; }

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

dnnl::convolution_forward::primitive_desc forward_descriptor(const ConvolutionDims& d) {
  return describe<dnnl::convolution_forward>(
      attributes(), dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, any_layout(d.source),
      any_layout(d.weights), any_layout(d.destination), d.strides, d.dilations, d.pads_begin, d.pads_end);
}

constexpr std::size_t kAlignment = 64;
std::size_t aligned(std::size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

// One operand: as the caller has it (plain) and as the primitive wants it (inner).
struct Side {
  Descriptor plain;
  Descriptor inner;
  std::optional<dnnl::reorder> reorder;  // none: used as it is
  std::size_t offset = 0;                // of the inner copy in its scratch
  [[nodiscard]] std::size_t bytes() const { return reorder ? aligned(inner.get_size()) : 0; }
};

Side make_side(const Descriptor& plain, const Descriptor& inner, bool is_result) {
  Side side{plain, inner, std::nullopt, 0};
  if (plain == inner) return side;
  const Descriptor& from = is_result ? inner : plain;
  const Descriptor& to = is_result ? plain : inner;
  side.reorder.emplace(dnnl::reorder::primitive_desc(cpu_engine(), from, cpu_engine(), to));
  return side;
}

void run_reorder(const Side& side, void* from, void* to, bool is_result) {
  dnnl::memory source = memory_at(is_result ? side.inner : side.plain, from);
  dnnl::memory target = memory_at(is_result ? side.plain : side.inner, to);
  side.reorder->execute(thread_stream(), source, target);
}

}  // namespace

void sgemm(const Gemm& g) {
  const OneThread one;
  const dnnl_status_t status = dnnl_sgemm(g.transpose_a ? 'T' : 'N', g.transpose_b ? 'T' : 'N', g.m, g.n, g.k, g.alpha,
                                          g.a, g.lda, g.b, g.ldb, g.beta, g.c, g.ldc);
  if (status != dnnl_success) {
    throw RunError(
        fmt::format("oneDNN: sgemm of {} × {} × {} failed (status {})", g.m, g.n, g.k, static_cast<int>(status)));
  }
}

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

  template <class PrimitiveDescriptor>
  void describe_operands(const PrimitiveDescriptor& pd, const ConvolutionDims& dims, std::int64_t destination_stride,
                         const std::array<Descriptor, 3>& inner) {
    Descriptor destination = plain_layout(dims.destination);
    if (dims.destination[0] > 1) {
      const std::int64_t row = dims.destination[3];
      destination = Descriptor(dims.destination, dnnl::memory::data_type::f32,
                               Dims{destination_stride, dims.destination[2] * row, row, 1});
    }
    const std::array<Descriptor, 3> plain{plain_layout(dims.source), plain_layout(dims.weights), destination};
    for (const Operand o : {kSource, kWeights, kDestination}) {
      sides[o] = make_side(plain[o], inner[o], o == result);
      if (o == shared) continue;
      sides[o].offset = scratch_size;
      scratch_size += sides[o].bytes();
    }
    scratchpad = pd.scratchpad_desc();
    scratchpad_offset = scratch_size;
    scratch_size += aligned(scratchpad.get_size());
    name = pd.impl_info_str();
  }

  void make(const ConvolutionShape& shape, ConvolutionPass pass, std::int64_t destination_stride);
};

void Convolution::Impl::make(const ConvolutionShape& shape, ConvolutionPass pass, std::int64_t stride) {
  const ConvolutionDims d = dims_of(shape);
  const auto direct = dnnl::algorithm::convolution_direct;
  const auto forward = forward_descriptor(d);
  switch (pass) {
    case ConvolutionPass::kForward:
      roles = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
      describe_operands(forward, d, stride, {forward.src_desc(), forward.weights_desc(), forward.dst_desc()});
      primitive = dnnl::convolution_forward(forward);
      return;
    case ConvolutionPass::kSourceGradient: {
      const auto pd = describe_backward<dnnl::convolution_backward_data>(
          forward, attributes(), direct, any_layout(d.source), any_layout(d.weights), any_layout(d.destination),
          d.strides, d.dilations, d.pads_begin, d.pads_end);
      roles = {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST};
      result = kSource;
      describe_operands(pd, d, stride, {pd.diff_src_desc(), pd.weights_desc(), pd.diff_dst_desc()});
      primitive = dnnl::convolution_backward_data(pd);
      return;
    }
    case ConvolutionPass::kWeightGradient: {
      const auto pd = describe_backward<dnnl::convolution_backward_weights>(
          forward, attributes(), direct, any_layout(d.source), any_layout(d.weights), any_layout(d.destination),
          d.strides, d.dilations, d.pads_begin, d.pads_end);
      roles = {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST};
      result = kWeights;
      shared = kSource;
      describe_operands(pd, d, stride, {pd.src_desc(), pd.diff_weights_desc(), pd.diff_dst_desc()});
      primitive = dnnl::convolution_backward_weights(pd);
      return;
    }
  }
}

Convolution::Convolution(const ConvolutionShape& shape, ConvolutionPass pass, std::int64_t destination_batch_stride)
    : impl_(std::make_unique<Impl>()) {
  checked("making a convolution", [&] { impl_->make(shape, pass, destination_batch_stride); });
}

Convolution::~Convolution() = default;
Convolution::Convolution(Convolution&&) noexcept = default;

std::size_t Convolution::shared_bytes() const { return impl_->sides[impl_->shared].bytes(); }
std::size_t Convolution::scratch_bytes() const { return impl_->scratch_size; }
const std::string& Convolution::implementation() const { return impl_->name; }

void Convolution::prepare(const ConvolutionOperands& operands, std::byte* shared) {
  const Side& side = impl_->sides[impl_->shared];
  if (!side.reorder) return;
  checked("preparing a convolution", [&] {
    run_reorder(side, impl_->shared == Impl::kWeights ? operands.weights : operands.source, shared, false);
  });
}

void Convolution::run(const ConvolutionOperands& operands, std::byte* shared, std::byte* scratch) const {
  const std::array<float*, 3> plain{operands.source, operands.weights, operands.destination};
  checked("running a convolution", [&] {
    std::array<void*, 3> inner{};
    Arguments arguments;
    for (const auto o : {Impl::kSource, Impl::kWeights, Impl::kDestination}) {
      const Side& side = impl_->sides[o];
      inner[o] = plain[o];
      if (side.reorder) inner[o] = o == impl_->shared ? shared : scratch + side.offset;
      if (side.reorder && o != impl_->shared && o != impl_->result) run_reorder(side, plain[o], inner[o], false);
      arguments.emplace(impl_->roles[o], memory_at(side.inner, inner[o]));
    }
    arguments.emplace(DNNL_ARG_SCRATCHPAD, memory_at(impl_->scratchpad, scratch + impl_->scratchpad_offset));
    impl_->primitive.execute(thread_stream(), arguments);
    const Side& result = impl_->sides[impl_->result];
    if (result.reorder) run_reorder(result, inner[impl_->result], plain[impl_->result], true);
  });
}

}  // namespace mp::runtime::cpu::onednn

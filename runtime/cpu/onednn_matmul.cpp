#include "runtime/cpu/onednn_matmul.hpp"

#include <fmt/core.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/cpu/onednn_calls.hpp"

namespace mp::runtime::cpu::onednn {
namespace {

using Descriptor = dnnl::memory::desc;
using Type = dnnl::memory::data_type;

Descriptor matrix(std::int64_t rows, std::int64_t columns, std::int64_t stride, bool is_transposed, Type type) {
  return {{rows, columns}, type, is_transposed ? dnnl::memory::dims{1, stride} : dnnl::memory::dims{stride, 1}};
}

dnnl::matmul::primitive_desc describe(const MatmulShape& s) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const Descriptor a = matrix(s.m, s.k, s.lda, s.transpose_a, Type::bf16);
  const Descriptor b = matrix(s.k, s.n, s.ldb, s.transpose_b, Type::bf16);
  const Descriptor c = matrix(s.m, s.n, s.ldc, false, s.is_float32 ? Type::f32 : Type::bf16);
  const Descriptor bias = matrix(1, s.n, s.n, false, Type::bf16);
#if DNNL_VERSION_MAJOR >= 3
  if (s.has_bias) return {cpu_engine(), a, b, bias, c, attributes};
  return {cpu_engine(), a, b, c, attributes};
#else
  if (s.has_bias) return {dnnl::matmul::desc(a, b, bias, c), attributes, cpu_engine()};
  return {dnnl::matmul::desc(a, b, c), attributes, cpu_engine()};
#endif
}

}  // namespace

struct Matmul::Impl {
  explicit Impl(const dnnl::matmul::primitive_desc& pd, bool with_bias)
      : a(pd.src_desc()),
        b(pd.weights_desc()),
        c(pd.dst_desc()),
        scratchpad(pd.scratchpad_desc()),
        has_bias(with_bias),
        primitive(pd) {
    if (has_bias) bias = pd.query_md(dnnl::query::weights_md, 1);
  }
  Descriptor a, b, c, scratchpad, bias;
  bool has_bias;
  dnnl::matmul primitive;
};

Matmul::Matmul(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Matmul::~Matmul() = default;

std::shared_ptr<const Matmul> Matmul::make(const MatmulShape& shape) {
  const OneThread one;
  try {
    return std::shared_ptr<const Matmul>(new Matmul(std::make_unique<Impl>(describe(shape), shape.has_bias)));
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_unimplemented) return nullptr;
    throw RunError(fmt::format("oneDNN: making a bfloat16 product failed: {} (status {})", error.what(),
                               static_cast<int>(error.status)));
  }
}

std::size_t Matmul::scratch_bytes() const { return impl_->scratchpad.get_size(); }

void Matmul::run(const MatmulOperands& operands, std::byte* scratch) const {
  const auto at = [](const Descriptor& descriptor, const void* place) {
    return dnnl::memory(descriptor, cpu_engine(), const_cast<void*>(place));  // oneDNN has no constant memory
  };
  checked("running a bfloat16 product", [&] {
    std::unordered_map<int, dnnl::memory> arguments{{DNNL_ARG_SRC, at(impl_->a, operands.a)},
                                                    {DNNL_ARG_WEIGHTS, at(impl_->b, operands.b)},
                                                    {DNNL_ARG_DST, at(impl_->c, operands.c)},
                                                    {DNNL_ARG_SCRATCHPAD, at(impl_->scratchpad, scratch)}};
    if (impl_->has_bias) arguments.emplace(DNNL_ARG_BIAS, at(impl_->bias, operands.bias));
    impl_->primitive.execute(thread_stream(), arguments);
  });
}

}  // namespace mp::runtime::cpu::onednn

// GroupQueryAttention: the new keys and values are written into the cache, and no more of it is read than is filled.
#include <fmt/core.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cpu/bfloat16/convert.hpp"
#include "runtime/cpu/kernels/attention.hpp"
#include "runtime/cpu/kernels/kernels.hpp"

namespace mp::runtime::cpu {
namespace {

class CachedAttention {
 public:
  explicit CachedAttention(const KernelCall& call)
      : node_(call.node.name),
        team_(call.team),
        shape_{cached_attention_sizes(call)},
        element_bytes_(size_of(call.input(0).type)),
        is_bfloat16_(call.input(0).type == DataType::kBfloat16),
        scratch_(attention_scratch(call.team)) {
    if (!is_bfloat16_ && call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
    if (!is_bfloat16_) return;
    const std::int64_t queries = shape_.queries * (shape_.query_stride() + shape_.output_stride());
    const std::int64_t keys = shape_.keys * (shape_.key_stride() + shape_.value_stride());
    widened_.resize(static_cast<std::size_t>(queries + keys));
  }

  [[nodiscard]] std::int64_t workspace_bytes() const {
    return static_cast<std::int64_t>((scratch_.size() + widened_.size()) * sizeof(float));
  }

  void run(const Operands& io) {
    for (std::int64_t b = 0; b < shape_.batch; ++b) {
      const std::int64_t last = io.in<std::int64_t>(5)[b];
      if (last < shape_.queries - 1 || last >= shape_.keys) {
        throw RunError(fmt::format("node '{}' (GroupQueryAttention): position {} of batch item {} is not in [{}, {})",
                                   node_, last, b, shape_.queries - 1, shape_.keys));
      }
      run_item(io, b, last + 1 - shape_.queries);
    }
  }

 private:
  // The batch item's part of operand memory whose rows, `rows` an item, have `stride` elements.
  template <class Byte>
  [[nodiscard]] Byte* item(Byte* of, std::int64_t b, std::int64_t rows, std::int64_t stride) const {
    return of + b * rows * stride * element_bytes_;
  }

  void append(const std::byte* rows, std::byte* cache, std::int64_t before, std::int64_t stride) const {
    const std::int64_t row_bytes = stride * element_bytes_;
    std::memcpy(cache + before * row_bytes, rows, static_cast<std::size_t>(shape_.queries * row_bytes));
  }

  void run_item(const Operands& io, std::int64_t b, std::int64_t before) {
    const AttentionShape& s = shape_;
    std::byte* keys = item(io.out<std::byte>(1), b, s.keys, s.key_stride());
    std::byte* values = item(io.out<std::byte>(2), b, s.keys, s.value_stride());
    append(item(io.in<std::byte>(1), b, s.queries, s.key_stride()), keys, before, s.key_stride());
    append(item(io.in<std::byte>(2), b, s.queries, s.value_stride()), values, before, s.value_stride());
    AttentionShape one = s;
    one.batch = 1;
    one.before = before;
    const std::byte* queries = item(io.in<std::byte>(0), b, s.queries, s.query_stride());
    std::byte* y = item(io.out<std::byte>(0), b, s.queries, s.output_stride());
    if (is_bfloat16_) return run_widened(one, queries, keys, values, y);
    attend(team_, one, {}, {floats(queries), floats(keys), floats(values), static_cast<float*>(static_cast<void*>(y))},
           scratch_.data());
  }

  void run_widened(const AttentionShape& one, const std::byte* queries, const std::byte* keys, const std::byte* values,
                   std::byte* y) {
    float* next = widened_.data();
    const auto widen_rows = [&](const std::byte* from, std::int64_t count) {
      float* const to = next;
      next += count;
      widen(team_, halves(from), to, count);
      return to;
    };
    const std::int64_t filled = one.before + one.queries;
    AttentionTensors tensors{.q = widen_rows(queries, one.queries * one.query_stride())};
    tensors.k = widen_rows(keys, filled * one.key_stride());
    tensors.v = widen_rows(values, filled * one.value_stride());
    tensors.y = next;
    attend(team_, one, {}, tensors, scratch_.data());
    narrow(team_, tensors.y, static_cast<std::uint16_t*>(static_cast<void*>(y)), one.queries * one.output_stride());
  }

  static const float* floats(const std::byte* x) { return static_cast<const float*>(static_cast<const void*>(x)); }
  static const std::uint16_t* halves(const std::byte* x) {
    return static_cast<const std::uint16_t*>(static_cast<const void*>(x));
  }

  std::string node_;
  Team& team_;
  AttentionShape shape_;
  std::int64_t element_bytes_;
  bool is_bfloat16_;
  std::vector<float> scratch_;
  std::vector<float> widened_;  // queries, keys, values, outputs of one batch item
};

}  // namespace

KernelPointer make_group_query_attention(const KernelCall& call) {
  CachedAttention attention(call);
  const std::int64_t workspace = attention.workspace_bytes();
  return function_kernel([attention = std::move(attention)](const Operands& io) mutable { attention.run(io); },
                         workspace);
}

}  // namespace mp::runtime::cpu

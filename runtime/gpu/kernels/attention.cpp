// Attention and its gradient: matrix products over all heads of a batch item and a block of queries at a time, with a
// softmax between them. A block is small enough to stay in the L2 cache, and under a causal mask it sees only the keys
// before its last query. Gradients make the scores again from the saved log-sum-exp (Dao et al., "FlashAttention",
// NeurIPS 2022, algorithm 4). In bfloat16 the device's library may do all of it (Device::make_attention).
#include "runtime/gpu/kernels/attention.hpp"

#include <algorithm>
#include <memory>

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/packs.hpp"
#include "runtime/gpu/strided.hpp"

namespace mp::runtime::gpu {
namespace {

AttentionShape shape_of(const KernelCall& call, std::size_t first) {
  call.require_real(call.input(first).type);
  return {attention_sizes(call, first)};
}

struct MaskCall {
  bool exists = false;
  bool is_bool = false;
  std::size_t input = 0;
  AttentionMask mask{};

  [[nodiscard]] AttentionMask of(const Operands& io) const {
    AttentionMask m = mask;
    if (exists && is_bool) m.is_seen = io.in<std::uint8_t>(input);
    if (exists && !is_bool) m.added = io.real(input);
    return m;
  }
};

MaskCall mask_of(const KernelCall& call, std::size_t input, const AttentionShape& shape) {
  MaskCall m{.input = input};
  const AttentionMaskView view = attention_mask(call, input, shape);
  m.exists = view.exists;
  m.is_bool = view.is_bool;
  std::copy(view.strides.begin(), view.strides.end(), m.mask.strides);
  return m;
}

// Queries of a block: few enough that its scores take kBlockBytes at most.
std::int64_t block_rows(const AttentionShape& s) {
  constexpr std::int64_t kBlockBytes = std::int64_t{16} << 20;
  constexpr std::int64_t kMostRows = 512;
  const std::int64_t row_bytes = s.key_heads * s.keys * 4;
  return std::clamp<std::int64_t>(kBlockBytes / std::max<std::int64_t>(1, row_bytes), 16, kMostRows);
}

ConstReals at(ConstReals x, std::int64_t element) {
  return {static_cast<const std::byte*>(x.data) + element * (x.is_bfloat16 ? 2 : 4), x.is_bfloat16};
}
Reals at(Reals x, std::int64_t element) {
  return {static_cast<std::byte*>(x.data) + element * (x.is_bfloat16 ? 2 : 4), x.is_bfloat16};
}

// One side of a product: the rows of a batch item's heads in a tensor [batch, rows, heads·depth], or a block of scores.
struct Side {
  ConstReals data;
  std::int64_t row = 0;   // elements from one row to the next
  std::int64_t head = 0;  // … from one key head's to the next
};

// The products of one kernel run: all key heads at once.
class Products {
 public:
  Products(Device& device, const AttentionShape& shape, const ScoreBlock& block)
      : device_(device), s_(shape), b_(block) {}

  // Rows of queries, outputs: those of the block. Rows of keys, values: all.
  [[nodiscard]] Side queries(ConstReals q) const { return by_query(q, s_.depth); }
  [[nodiscard]] Side outputs(ConstReals y) const { return by_query(y, s_.value_depth); }
  [[nodiscard]] Side keys(ConstReals k) const { return by_key(k, s_.depth, b_.batch); }
  [[nodiscard]] Side values(ConstReals v) const { return by_key(v, s_.value_depth, b_.batch); }
  [[nodiscard]] Side scores(ConstReals scores) const { return {scores, b_.columns, b_.rows * b_.columns}; }

  // scores ← factor · left · rightᵀ over `depth`
  void into_scores(const Side& left, const Side& right, std::int64_t depth, float factor, float* scores) const {
    MatrixProduct p{.transpose_b = true, .m = b_.rows, .n = b_.columns, .k = depth, .alpha = factor};
    multiply(p, left, right, {{scores, false}, b_.columns, b_.rows * b_.columns});
  }
  // to ← factor · weights · right: a row for each query
  void over_keys(const Side& weights, const Side& right, std::int64_t depth, float factor, const Side& to) const {
    MatrixProduct p{.m = b_.rows, .n = depth, .k = b_.columns, .alpha = factor};
    multiply(p, weights, right, to);
  }
  // to += factor · weightsᵀ · right: a row for each key
  void over_queries(const Side& weights, const Side& right, std::int64_t depth, float factor, const Side& to) const {
    MatrixProduct p{.transpose_a = true, .m = b_.columns, .n = depth, .k = b_.rows, .alpha = factor, .beta = 1.0F};
    multiply(p, weights, right, to);
  }
  [[nodiscard]] Side by_key(ConstReals x, std::int64_t depth, std::int64_t batch) const {
    return {at(x, batch * s_.keys * s_.key_heads * depth), s_.key_heads * depth, depth};
  }

 private:
  [[nodiscard]] Side by_query(ConstReals x, std::int64_t depth) const {
    const std::int64_t row = s_.query_heads * depth;
    return {at(x, (b_.batch * s_.queries + b_.query) * row + b_.member * depth), row, s_.group() * depth};
  }
  void multiply(MatrixProduct p, const Side& a, const Side& b, const Side& c) const {
    p.a = a.data;
    p.lda = a.row;
    p.stride_a = a.head;
    p.b = b.data;
    p.ldb = b.row;
    p.stride_b = b.head;
    p.c = {const_cast<void*>(c.data.data), c.data.is_bfloat16};  // a result: its owner gave it to be written
    p.ldc = c.row;
    p.stride_c = c.head;
    p.batch = s_.key_heads;
    device_.multiply(p);
  }

  Device& device_;
  const AttentionShape& s_;
  const ScoreBlock& b_;
};

// visit(block) for every block of queries of every batch item and member of the groups.
template <class Visit>
void for_blocks(const AttentionShape& s, std::int64_t batch, const Visit& visit) {
  const std::int64_t rows = block_rows(s);
  for (std::int64_t member = 0; member < s.group(); ++member) {
    for (std::int64_t query = 0; query < s.queries; query += rows) {
      const std::int64_t count = std::min(rows, s.queries - query);
      visit(ScoreBlock{batch, member, query, count, s.visible(query + count - 1)});
    }
  }
}

// float32 scores of a block, and as many weights of type bfloat16 where that is the operands' type.
std::int64_t block_elements(const AttentionShape& s) {
  return s.key_heads * std::min(block_rows(s), s.queries) * s.keys;
}

// Null where the device has none, or the node is not of that kind. `first`: position of Q among the inputs.
std::shared_ptr<FusedAttention> fused_attention(const KernelCall& call, const AttentionShape& s, const MaskCall& mask,
                                                std::size_t first) {
  const bool is_backward = first > 0;
  const auto is_bfloat16 = [&](std::size_t i) { return call.input(first + i).type == DataType::kBfloat16; };
  if (mask.exists || !is_bfloat16(0) || !is_bfloat16(1) || !is_bfloat16(2)) return nullptr;
  if (s.batch * s.queries * s.keys * s.query_heads * s.depth * s.value_depth == 0) return nullptr;
  if (is_backward) {
    const bool has_all = call.has_output(0) && call.has_output(1) && call.has_output(2);
    if (!has_all || call.input(0).type != DataType::kBfloat16 || call.input(5).type != DataType::kFloat32)
      return nullptr;
  } else if (call.has_output(1) && call.output(1).type != DataType::kFloat32) {
    return nullptr;
  }
  return call.device.make_attention({.batch = s.batch,
                                     .queries = s.queries,
                                     .keys = s.keys,
                                     .query_heads = s.query_heads,
                                     .key_heads = s.key_heads,
                                     .depth = s.depth,
                                     .value_depth = s.value_depth,
                                     .scale = s.scale,
                                     .is_causal = s.is_causal,
                                     .is_backward = is_backward});
}

}  // namespace

KernelPointer make_attention(const KernelCall& call) {
  const AttentionShape s = shape_of(call, 0);
  const MaskCall mask = mask_of(call, 3, s);
  if (const auto fused = fused_attention(call, s, mask, 0)) {
    return function_kernel(call, [fused](const Operands& io) {
      fused->run({.q = io.in<void>(0),
                  .k = io.in<void>(1),
                  .v = io.in<void>(2),
                  .y = io.out<void>(0),
                  .statistics = io.out<void>(1)});
    });
  }
  const std::int64_t size = block_elements(s);
  call.device.reserve_shared(size * 6);
  return function_kernel(call, [&device = call.device, s, mask, size](const Operands& io) {
    auto* scores = reinterpret_cast<float*>(device.shared());
    Reals weights{scores, false};
    if (io.real(0).is_bfloat16) weights = {scores + size, true};
    for (std::int64_t b = 0; b < s.batch; ++b) {
      for_blocks(s, b, [&](const ScoreBlock& block) {
        const Products products(device, s, block);
        products.into_scores(products.queries(io.real(0)), products.keys(io.real(1)), s.depth, s.scale, scores);
        for_rows(device.queue(), s.key_heads * block.rows, block.columns,
                 AttentionSoftmaxRow{s, mask.of(io), block, scores, weights, io.real_out(1)});
        products.over_keys(products.scores(as_const(weights)), products.values(io.real(2)), s.value_depth, 1.0F,
                           products.outputs(as_const(io.real_out(0))));
      });
    }
  });
}

namespace {

// Where a block of the gradient puts things: in the shared scratch, one behind the other.
struct GradientScratch {
  float* scores;
  float* weight_gradients;
  Reals weights;
  Reals score_gradients;
  float* dk;  // of one batch item, in float32, where the result is bfloat16
  float* dv;
};

std::int64_t gradient_scratch_bytes(const AttentionShape& s) {
  return block_elements(s) * 12 + s.keys * s.key_heads * (s.depth + s.value_depth) * 4;
}

GradientScratch gradient_scratch(const AttentionShape& s, std::byte* memory, bool is_bfloat16) {
  const std::int64_t size = block_elements(s);
  GradientScratch g{};
  g.dk = reinterpret_cast<float*>(memory);
  g.dv = g.dk + s.keys * s.key_heads * s.depth;
  g.scores = g.dv + s.keys * s.key_heads * s.value_depth;
  g.weight_gradients = g.scores + size;
  g.weights = {g.scores, false};
  g.score_gradients = {g.weight_gradients, false};
  if (is_bfloat16) {
    auto* halves = reinterpret_cast<std::uint16_t*>(g.weight_gradients + size);
    g.weights = {halves, true};
    g.score_gradients = {halves + size, true};
  }
  return g;
}

// Inputs dY, Q, K, V, Y, log-sum-exp, mask; outputs dQ, dK, dV, each of which may be null.
class BatchItemGradient {
 public:
  BatchItemGradient(Device& device, const AttentionShape& shape, const AttentionMask& mask, const Operands& io)
      : device_(device),
        s_(shape),
        mask_(mask),
        io_(io),
        is_bfloat16_(io.real(1).is_bfloat16),
        scratch_(gradient_scratch(shape, device.shared(), is_bfloat16_)) {}

  void run(std::int64_t b) const {
    const Sum dk = sum_of(1, scratch_.dk, s_.depth, b);
    const Sum dv = sum_of(2, scratch_.dv, s_.value_depth, b);
    for_blocks(s_, b, [&](const ScoreBlock& block) { add_block(block, dk, dv); });
    finish(dk);
    finish(dv);
  }

 private:
  // The sum over all queries of one batch item: where it is wanted, or in float32 to be rounded there.
  struct Sum {
    Side side;
    Reals result;
    std::int64_t size;
  };

  [[nodiscard]] Sum sum_of(std::size_t output, float* scratch, std::int64_t depth, std::int64_t b) const {
    Reals result = io_.real_out(output);
    if (!result) return {};
    const std::int64_t size = s_.keys * s_.key_heads * depth;
    result = at(result, b * size);
    const Reals sum = result.is_bfloat16 ? Reals{scratch, false} : result;
    device_.clear(sum.data, size * 4);
    return {{as_const(sum), s_.key_heads * depth, depth}, result, size};
  }
  void finish(const Sum& sum) const {
    if (!sum.result || !sum.result.is_bfloat16) return;
    for_items(device_.queue(), sum.size, RoundItem{static_cast<const float*>(sum.side.data.data), sum.result});
  }

  void add_block(const ScoreBlock& block, const Sum& dk, const Sum& dv) const {
    const Products products(device_, s_, block);
    const Side q = products.queries(io_.real(1));
    const Side k = products.keys(io_.real(2));
    const Side dy = products.outputs(io_.real(0));
    products.into_scores(q, k, s_.depth, s_.scale, scratch_.scores);
    products.into_scores(dy, products.values(io_.real(3)), s_.value_depth, 1.0F, scratch_.weight_gradients);
    for_rows(device_.queue(), s_.key_heads * block.rows, block.columns,
             AttentionGradientRow{s_, mask_, block, scratch_.scores, scratch_.weight_gradients, io_.real(0),
                                  io_.real(4), io_.real(5), scratch_.weights, scratch_.score_gradients});
    const Side weights = products.scores(as_const(scratch_.weights));
    const Side gradients = products.scores(as_const(scratch_.score_gradients));
    if (dv.result) products.over_queries(weights, dy, s_.value_depth, 1.0F, dv.side);
    if (dk.result) products.over_queries(gradients, q, s_.depth, s_.scale, dk.side);
    if (!io_.real_out(0)) return;
    products.over_keys(gradients, k, s_.depth, s_.scale, products.queries(as_const(io_.real_out(0))));
  }

  Device& device_;
  const AttentionShape& s_;
  const AttentionMask& mask_;
  const Operands& io_;
  bool is_bfloat16_;
  GradientScratch scratch_;
};

}  // namespace

KernelPointer make_attention_grad(const KernelCall& call) {
  const AttentionShape s = shape_of(call, 1);
  const MaskCall mask = mask_of(call, 6, s);
  if (const auto fused = fused_attention(call, s, mask, 1)) {
    return function_kernel(call, [fused](const Operands& io) {
      fused->run({.q = io.in<void>(1),
                  .k = io.in<void>(2),
                  .v = io.in<void>(3),
                  .y = io.in<void>(4),
                  .statistics = io.in<void>(5),
                  .dy = io.in<void>(0),
                  .dq = io.out<void>(0),
                  .dk = io.out<void>(1),
                  .dv = io.out<void>(2)});
    });
  }
  call.device.reserve_shared(gradient_scratch_bytes(s));
  return function_kernel(call, [&device = call.device, s, mask](const Operands& io) {
    const AttentionMask values = mask.of(io);
    const BatchItemGradient gradient(device, s, values, io);
    for (std::int64_t b = 0; b < s.batch; ++b) gradient.run(b);
  });
}

}  // namespace mp::runtime::gpu

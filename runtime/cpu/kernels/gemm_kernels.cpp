// Gemm, MatMul, FusedMatMul, MatMulWeightGrad.
#include "runtime/cpu/gemm.hpp"

#include <algorithm>

#include "runtime/cpu/index.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/semantics/matrices.hpp"

namespace mp::runtime::cpu {
namespace {

// Y ← factor · C, C broadcast to Y's shape.
void fill_scaled(Team& team, const Nest<2>& nest, float factor, const float* c, float* y) {
  for_pieces(team, nest, [&](const std::array<std::int64_t, 2>& at, std::int64_t count) {
    const std::int64_t stride = nest.inner().strides[0];
    const float* from = c + at[0];
    float* to = y + at[1];
    if (stride == 1) {
      for (std::int64_t i = 0; i < count; ++i) to[i] = factor * from[i];
    } else {
      std::fill_n(to, count, factor * *from);
    }
  });
}

// Many products of one shape, one after the other where each is large enough for the whole team, else side by side.
struct Batch {
  Gemm gemm;
  Nest<3> items;  // innermost axis too: offsets of A, B, Y
};

void run_batch(Team& team, const Batch& batch, const float* a, const float* b, float* y) {
  const auto& inner = batch.items.inner();
  const std::int64_t count = batch.items.rows() * inner.extent;
  const auto item = [&](std::int64_t i) {
    Gemm call = batch.gemm;
    batch.items.for_rows(i / inner.extent, i / inner.extent + 1, [&](const std::array<std::int64_t, 3>& at) {
      const std::int64_t column = i % inner.extent;
      call.a = a + at[0] + column * inner.strides[0];
      call.b = b + at[1] + column * inner.strides[1];
      call.c = y + at[2] + column * inner.strides[2];
    });
    return call;
  };
  constexpr std::int64_t kSideBySide = 8;
  if (count < kSideBySide) {
    for (std::int64_t i = 0; i < count; ++i) gemm(team, item(i));
  } else {
    team.for_each(count, [&](std::int64_t i, int) { gemm(item(i)); });
  }
}

Batch make_batch(const Matrices& a, const Matrices& b, bool transpose_a, bool transpose_b, float alpha) {
  Gemm call{.transpose_a = transpose_a, .transpose_b = transpose_b};
  call.m = transpose_a ? a.columns : a.rows;
  call.k = transpose_a ? a.rows : a.columns;
  call.n = transpose_b ? b.rows : b.columns;
  call.alpha = alpha;
  call.lda = a.columns;
  call.ldb = b.columns;
  call.ldc = call.n;
  const Shape batch = batch_shape(a.batch, b.batch);
  if (b.batch.empty() && !transpose_a) {  // one matrix at the right: all rows of the left at once
    call.m *= elements(batch);
    return {call, Nest<3>({}, {})};
  }
  const Matrices y{call.m, call.n, batch};
  return {call, Nest<3>(batch, {batch_strides(a, batch), batch_strides(b, batch), batch_strides(y, batch)})};
}

}  // namespace

std::unique_ptr<Kernel> make_gemm(const KernelCall& call) {
  const bool ta = call.attributes().get_int("transA", 0) != 0;
  const bool tb = call.attributes().get_int("transB", 0) != 0;
  const auto alpha = static_cast<float>(call.attributes().get_float("alpha", 1.0));
  const auto beta = static_cast<float>(call.attributes().get_float("beta", 1.0));
  Batch batch = make_batch(matrices(call.input(0).shape, true), matrices(call.input(1).shape, false), ta, tb, alpha);
  const Shape& shape = call.output(0).shape;
  const bool has_c = call.has_input(2) && beta != 0.0F;
  const Nest<2> fill(shape, {has_c ? broadcast_strides(call.input(2).shape, shape) : row_major_strides(shape),
                             row_major_strides(shape)});
  batch.gemm.beta = has_c ? 1.0F : 0.0F;
  return function_kernel([&team = call.team, batch, fill, has_c, beta](const Operands& io) {
    if (has_c) fill_scaled(team, fill, beta, io.in(2), io.out(0));
    run_batch(team, batch, io.in(0), io.in(1), io.out(0));
  });
}

std::unique_ptr<Kernel> make_matmul(const KernelCall& call) {
  const bool ta = call.attributes().get_int("transA", 0) != 0;
  const bool tb = call.attributes().get_int("transB", 0) != 0;
  const auto alpha = static_cast<float>(call.attributes().get_float("alpha", 1.0));
  const Batch batch =
      make_batch(matrices(call.input(0).shape, true), matrices(call.input(1).shape, false), ta, tb, alpha);
  return function_kernel(
      [&team = call.team, batch](const Operands& io) { run_batch(team, batch, io.in(0), io.in(1), io.out(0)); });
}

std::unique_ptr<Kernel> make_matmul_weight_grad(const KernelCall& call) {
  const Shape& gradient = call.input(0).shape;
  const Shape& input = call.input(1).shape;
  Gemm product{.transpose_a = true};
  product.m = product.lda = input.back();
  product.n = product.ldb = product.ldc = gradient.back();
  product.k = elements(input) / input.back();
  return function_kernel([&team = call.team, product](const Operands& io) {
    Gemm run = product;
    run.a = io.in(1);
    run.b = io.in(0);
    run.c = io.out(0);
    gemm(team, run);
  });
}

}  // namespace mp::runtime::cpu

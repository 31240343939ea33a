// Gemm, MatMul, FusedMatMul, MatMulWeightGrad.
#include <fmt/core.h>

#include "lib/base/error.hpp"
#include "lib/program/stored_rows.hpp"
#include "runtime/gpu/kernels/bias.hpp"
#include "runtime/gpu/kernels/elementwise.hpp"
#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/semantics/matrices.hpp"

namespace mp::runtime::gpu {
namespace {

// Products of one shape: the innermost axis of the batch is the library's, the others are calls.
struct Batch {
  MatrixProduct product;
  Strided<3> items;  // offsets of A, B, Y
};

ConstReals shifted(ConstReals x, std::int64_t elements) {
  return {static_cast<const std::byte*>(x.data) + elements * (x.is_bfloat16 ? 2 : 4), x.is_bfloat16};
}
Reals shifted(Reals x, std::int64_t elements) {
  return {static_cast<std::byte*>(x.data) + elements * (x.is_bfloat16 ? 2 : 4), x.is_bfloat16};
}

void run_batch(Device& device, const Batch& batch, ConstReals a, ConstReals b, Reals y) {
  const std::int64_t count = batch.items.count();
  const std::int64_t calls = batch.product.batch == 0 ? 0 : count / batch.product.batch;
  for (std::int64_t i = 0; i < calls; ++i) {
    const auto at = batch.items(i * batch.product.batch);
    MatrixProduct call = batch.product;
    call.a = shifted(a, at.at[0]);
    call.b = shifted(b, at.at[1]);
    call.c = shifted(y, at.at[2]);
    device.multiply(call);
  }
}

// Elements from a row of a matrix to the next, where it lies as a matrix: not as the vector that is one.
std::int64_t stored_columns(const KernelCall& call, TensorId tensor, std::int64_t columns) {
  return call.graph.tensor(tensor).type.shape.size() == 2 ? stored_row(call.graph, tensor) : columns;
}

Batch make_batch(const KernelCall& call, bool transpose_a, bool transpose_b, float alpha) {
  const Matrices a = matrices(call.input(0).shape, true);
  const Matrices b = matrices(call.input(1).shape, false);
  MatrixProduct product{.transpose_a = transpose_a, .transpose_b = transpose_b, .alpha = alpha};
  product.m = transpose_a ? a.columns : a.rows;
  product.k = transpose_a ? a.rows : a.columns;
  product.n = transpose_b ? b.rows : b.columns;
  product.lda = stored_columns(call, call.node.inputs[0], a.columns);
  product.ldb = stored_columns(call, call.node.inputs[1], b.columns);
  product.ldc = stored_columns(call, call.node.outputs[0], product.n);
  const Shape batch = batch_shape(a.batch, b.batch);
  if (b.batch.empty() && !transpose_a) {  // one matrix at the right: all rows of the left at once
    product.m *= elements(batch);
    return {product, {}};
  }
  const Matrices y{product.m, product.n, batch};
  const auto items = strided<3>(batch, {batch_strides(a, batch), batch_strides(b, batch), batch_strides(y, batch)});
  if (items.axes > 0) {
    product.batch = items.extents[items.axes - 1];
    product.stride_a = items.strides[items.axes - 1][0];
    product.stride_b = items.strides[items.axes - 1][1];
    product.stride_c = items.strides[items.axes - 1][2];
  }
  return {product, items};
}

void require_one_type(const KernelCall& call) {
  call.require_real(call.input(0).type);
  call.require_real(call.output(0).type);
  if (call.input(0).type == call.input(1).type) return;
  throw RunError(fmt::format("node '{}': the CUDA backend multiplies matrices of one type, not {} and {}",
                             call.node.name, name_of(call.input(0).type), name_of(call.input(1).type)));
}

// None where it takes more than one product.
KernelRole role_of(const Batch& batch, std::size_t bias) {
  if (batch.product.batch != 1 || batch.items.count() != 1) return {};
  return ProductRole{.product = batch.product, .bias = bias};
}

KernelPointer product_kernel(const KernelCall& call, const Batch& batch) {
  return function_kernel(
      call,
      [&device = call.device, batch](const Operands& io) {
        run_batch(device, batch, io.real(0), io.real(1), io.real_out(0));
      },
      0, role_of(batch, kNoOperand));
}

}  // namespace

// A bias along the columns goes into the product; any other C is written first, and the product added to it.
KernelPointer make_gemm(const KernelCall& call) {
  require_one_type(call);
  const auto beta = static_cast<float>(call.attributes().get_float("beta", 1.0));
  Batch batch =
      make_batch(call, call.attributes().get_int("transA", 0) != 0, call.attributes().get_int("transB", 0) != 0,
                 static_cast<float>(call.attributes().get_float("alpha", 1.0)));
  if (!call.has_input(2) || beta == 0.0F) return product_kernel(call, batch);
  const Shape& shape = call.output(0).shape;
  const std::int64_t size = elements(shape);
  const bool is_bias = elements(call.input(2).shape) == shape.back() && beta == 1.0F &&
                       (call.input(2).shape.size() <= 1 || call.input(2).shape.back() == shape.back());
  const auto from = strided<1>(shape, {broadcast_strides(call.input(2).shape, shape)});
  if (!is_bias) batch.product.beta = 1.0F;
  return function_kernel(
      call,
      [&device = call.device, batch, is_bias, from, beta, size](const Operands& io) {
        Batch run = batch;
        if (is_bias) {
          run.product.bias = io.real(2);
        } else {
          for_items(device.queue(), size, ScaledItem{from, beta, io.real(2), io.real_out(0)});
        }
        run_batch(device, run, io.real(0), io.real(1), io.real_out(0));
      },
      0, is_bias ? role_of(batch, 2) : KernelRole{});
}

KernelPointer make_matmul(const KernelCall& call) {
  require_one_type(call);
  return product_kernel(
      call, make_batch(call, call.attributes().get_int("transA", 0) != 0, call.attributes().get_int("transB", 0) != 0,
                       static_cast<float>(call.attributes().get_float("alpha", 1.0))));
}

// Xᵀ·dY over all rows.
KernelPointer make_matmul_weight_grad(const KernelCall& call) {
  require_one_type(call);
  const Shape& gradient = call.input(0).shape;
  const Shape& input = call.input(1).shape;
  MatrixProduct product{.transpose_a = true};
  product.m = product.lda = input.back();
  product.n = product.ldb = product.ldc = gradient.back();
  product.k = elements(input) / input.back();
  return function_kernel(
      call,
      [&device = call.device, product](const Operands& io) {
        MatrixProduct run = product;
        run.a = io.real(1);
        run.b = io.real(0);
        run.c = io.real_out(0);
        device.multiply(run);
      },
      0, ProductRole{.product = product, .a = 1, .b = 0});
}

}  // namespace mp::runtime::gpu

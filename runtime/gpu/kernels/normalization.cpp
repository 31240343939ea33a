// LayerNormalization, RMSNormalization, GroupNormalization, InstanceNormalization, BatchNormalization, and gradients.
#include "runtime/gpu/kernels/normalization.hpp"

#include "runtime/gpu/kernels/kernels.hpp"
#include "runtime/gpu/kernels/reduction.hpp"
#include "runtime/gpu/kernels/sum.hpp"

namespace mp::runtime::gpu {
namespace {

// Rows are what lies before the axis, columns what is normalised.
struct Rows {
  std::int64_t count = 1;
  std::int64_t width = 1;
};

Rows rows_of(const KernelCall& call, const Shape& shape) {
  const auto axis = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", -1), shape.size()));
  Rows rows;
  for (std::size_t i = 0; i < shape.size(); ++i) (i < axis ? rows.count : rows.width) *= shape[i];
  return rows;
}

KernelPointer normalize(const KernelCall& call, bool is_rms) {
  call.require_real(call.input(0).type);
  const Rows rows = rows_of(call, call.input(0).shape);
  const double epsilon = call.attributes().get_float("epsilon", 1e-5);
  return function_kernel(call, [queue = call.device.queue(), rows, epsilon, is_rms](const Operands& io) {
    NormalizeRow row{rows.width, epsilon, is_rms, io.real(0), io.real(1), {}, io.real_out(0), {}, {}};
    if (!is_rms) row.shift = io.real(2);
    if (!is_rms) row.means = io.real_out(1);
    row.inverses = io.real_out(is_rms ? 1 : 2);
    for_rows(queue, rows.count, rows.width, row);
  });
}

NormalizationGradientRole gradient_role(const Rows& rows, bool is_rms, bool of_weights) {
  return {.rows = rows.count, .width = rows.width, .is_rms = is_rms, .of_weights = of_weights};
}

// Inputs dY, X, scale, mean (not for RMS), inverse.
KernelPointer normalize_input_grad(const KernelCall& call, bool is_rms) {
  const Rows rows = rows_of(call, call.input(1).shape);
  return function_kernel(
      call,
      [queue = call.device.queue(), rows, is_rms](const Operands& io) {
        for_rows(
            queue, rows.count, rows.width,
            NormalizeInputGradientRow{rows.width, is_rms, io.real(0), io.real(1), io.real(2),
                                      is_rms ? ConstReals{} : io.real(3), io.real(is_rms ? 3 : 4), io.real_out(0)});
      },
      0, gradient_role(rows, is_rms, false));
}

// Inputs dY, X, mean (not for RMS), inverse; outputs dscale, dshift (not for RMS).
KernelPointer normalize_weight_grad(const KernelCall& call, bool is_rms) {
  const Rows rows = rows_of(call, call.input(1).shape);
  const std::int64_t slices = slices_of(rows.width, rows.count);
  const std::int64_t sums = slices * rows.width;
  const std::int64_t workspace = 2 * sums * static_cast<std::int64_t>(sizeof(double));
  const DeviceMemory scratch = call.device.allocate_scratch(workspace);
  return function_kernel(
      call,
      [queue = call.device.queue(), rows, slices, sums, is_rms, scratch](const Operands& io) {
        auto* scales = reinterpret_cast<double*>(scratch.get());
        double* shifts = scales + sums;
        for_items(
            queue, sums,
            NormalizeWeightSliceItem{rows.count, rows.width, slices, is_rms, io.real(0), io.real(1),
                                     is_rms ? ConstReals{} : io.real(2), io.real(is_rms ? 2 : 3), scales, shifts});
        if (io.real_out(0)) fold_sums(queue, {scales, rows.width, slices, 1.0, io.real_out(0)});
        if (!is_rms && io.real_out(1)) fold_sums(queue, {shifts, rows.width, slices, 1.0, io.real_out(1)});
      },
      workspace, gradient_role(rows, is_rms, true));
}

ChannelGroups groups_of(const Shape& x, std::int64_t groups) {
  ChannelGroups g{.batch = x[0], .channels = x[1], .groups = groups};
  for (std::size_t i = 2; i < x.size(); ++i) g.plane *= x[i];
  return g;
}

ChannelWalk walk_of(const Shape& x) {
  ChannelWalk walk{.batch = x[0], .channels = x[1]};
  for (std::size_t i = 2; i < x.size(); ++i) walk.plane *= x[i];
  return walk;
}

KernelPointer group_normalize(const KernelCall& call, std::int64_t groups) {
  call.require_real(call.input(0).type);
  const ChannelGroups g = groups_of(call.input(0).shape, groups);
  const double epsilon = call.attributes().get_float("epsilon", 1e-5);
  return function_kernel(call, [queue = call.device.queue(), g, epsilon](const Operands& io) {
    for_rows(queue, g.batch * g.groups, g.width(),
             GroupNormalizeRow{g, epsilon, io.real(0), io.real(1), io.real(2), io.real_out(0), io.real_out(1),
                               io.real_out(2)});
  });
}

}  // namespace

KernelPointer make_layer_normalization(const KernelCall& call) { return normalize(call, false); }
KernelPointer make_layer_normalization_input_grad(const KernelCall& call) { return normalize_input_grad(call, false); }
KernelPointer make_layer_normalization_weight_grad(const KernelCall& call) {
  return normalize_weight_grad(call, false);
}
KernelPointer make_rms_normalization(const KernelCall& call) { return normalize(call, true); }
KernelPointer make_rms_normalization_input_grad(const KernelCall& call) { return normalize_input_grad(call, true); }
KernelPointer make_rms_normalization_weight_grad(const KernelCall& call) { return normalize_weight_grad(call, true); }

KernelPointer make_group_normalization(const KernelCall& call) {
  return group_normalize(call, call.attributes().get_int("num_groups", 1));
}
KernelPointer make_instance_normalization(const KernelCall& call) {
  return group_normalize(call, call.input(0).shape[1]);
}

KernelPointer make_group_normalization_input_grad(const KernelCall& call) {
  const ChannelGroups g = groups_of(call.input(1).shape, call.input(3).shape[1]);
  return function_kernel(call, [queue = call.device.queue(), g](const Operands& io) {
    for_rows(queue, g.batch * g.groups, g.width(),
             GroupInputGradientRow{g, io.real(0), io.real(1), io.real(2), io.real(3), io.real(4), io.real_out(0)});
  });
}

KernelPointer make_group_normalization_weight_grad(const KernelCall& call) {
  const ChannelWalk walk = walk_of(call.input(1).shape);
  const std::int64_t groups = call.input(2).shape[1];
  return function_kernel(call, [queue = call.device.queue(), walk, groups](const Operands& io) {
    for_rows(queue, walk.channels, walk.count(),
             ChannelWeightGradientRow{walk, groups, io.real(0), io.real(1), io.real(2), io.real(3), io.real_out(0),
                                      io.real_out(1)});
  });
}

KernelPointer make_batch_normalization(const KernelCall& call) {
  call.require_real(call.input(0).type);
  const ChannelWalk walk = walk_of(call.input(0).shape);
  const double epsilon = call.attributes().get_float("epsilon", 1e-5);
  const double momentum = call.attributes().get_float("momentum", 0.9);
  const bool is_training = call.attributes().get_int("training_mode", 0) != 0;
  return function_kernel(call, [queue = call.device.queue(), walk, epsilon, momentum, is_training](const Operands& io) {
    for_rows(
        queue, walk.channels, walk.count(),
        BatchNormalizeRow{walk, is_training, epsilon, momentum, io.real(0), io.real(1), io.real(2), io.real(3),
                          io.real(4), io.real_out(0), io.real_out(1), io.real_out(2), io.real_out(3), io.real_out(4)});
  });
}

KernelPointer make_batch_normalization_weight_grad(const KernelCall& call) {
  const ChannelWalk walk = walk_of(call.input(1).shape);
  return function_kernel(call, [queue = call.device.queue(), walk](const Operands& io) {
    for_rows(queue, walk.channels, walk.count(),
             ChannelWeightGradientRow{walk, 0, io.real(0), io.real(1), io.real(2), io.real(3), io.real_out(0),
                                      io.real_out(1)});
  });
}

// Inputs dY, X, scale, mean, inverse, dscale, dshift.
KernelPointer make_batch_normalization_input_grad(const KernelCall& call) {
  const ChannelWalk walk = walk_of(call.input(1).shape);
  return function_kernel(call, [queue = call.device.queue(), walk](const Operands& io) {
    for_items(queue, walk.count() * walk.channels,
              BatchInputGradientItem{walk, io.real(0), io.real(1), io.real(2), io.real(3), io.real(4), io.real(5),
                                     io.real(6), io.real_out(0)});
  });
}

}  // namespace mp::runtime::gpu

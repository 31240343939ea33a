// Softmax, LogSoftmax, SoftmaxCrossEntropyLoss and their gradients.
#include "runtime/gpu/kernels/softmax.hpp"

#include <fmt/core.h>

#include <string>

#include "lib/program/stored_rows.hpp"
#include "runtime/gpu/kernels/kernels.hpp"

namespace mp::runtime::gpu {
namespace {

Lines lines_of(const KernelCall& call) {
  return {line_extents(call.output(0).shape, call.attributes().get_int("axis", -1))};
}

KernelPointer softmax(const KernelCall& call, bool is_log) {
  call.require_real(call.input(0).type);
  return function_kernel(call, [queue = call.device.queue(), l = lines_of(call), is_log](const Operands& io) {
    for_rows(queue, l.count(), l.extent, SoftmaxRow{l, is_log, io.real(0), io.real_out(0)});
  });
}

KernelPointer softmax_grad(const KernelCall& call, bool is_log) {
  call.require_real(call.input(0).type);
  return function_kernel(call, [queue = call.device.queue(), l = lines_of(call), is_log](const Operands& io) {
    for_rows(queue, l.count(), l.extent, SoftmaxGradientRow{l, is_log, io.real(0), io.real(1), io.real_out(0)});
  });
}

CrossEntropyProblem problem_of(const KernelCall& call, std::size_t scores) {
  const Shape& shape = call.input(scores).shape;
  call.require_real(call.input(scores).type);
  CrossEntropyProblem p{.lines = {line_extents(shape, 1)}};
  if (shape.size() == 2) p.lines.step = stored_row(call.graph, call.node.inputs[scores]);
  const std::string reduction = call.attributes().get_string("reduction", "mean");
  p.is_mean = reduction == "mean";
  p.is_reduced = reduction != "none";
  p.has_ignored = call.attributes().has("ignore_index");
  if (p.has_ignored) p.ignored = call.attributes().get_int("ignore_index", 0);
  p.fault = call.device.add_fault([node = call.node.name, classes = p.lines.extent](const Fault& fault) {
    return fmt::format("node '{}' (SoftmaxCrossEntropyLoss): label {} at position {} is not in [0, {})", node,
                       fault.value, fault.position, classes);
  });
  return p;
}

}  // namespace

KernelPointer make_softmax(const KernelCall& call) { return softmax(call, false); }
KernelPointer make_log_softmax(const KernelCall& call) { return softmax(call, true); }
KernelPointer make_softmax_grad(const KernelCall& call) { return softmax_grad(call, false); }
KernelPointer make_log_softmax_grad(const KernelCall& call) { return softmax_grad(call, true); }

KernelPointer make_softmax_cross_entropy_loss(const KernelCall& call) {
  const CrossEntropyProblem p = problem_of(call, 0);
  const std::int64_t count = p.lines.count();
  const std::int64_t workspace = count * static_cast<std::int64_t>(sizeof(double));
  const DeviceMemory scratch = call.device.allocate_scratch(workspace);
  return function_kernel(
      call,
      [queue = call.device.queue(), p, count, scratch](const Operands& io) {
        auto* losses = reinterpret_cast<double*>(scratch.get());
        const Labels labels = p.labels(io.in<std::int64_t>(1), io.real(2));
        for_rows(queue, count, p.lines.extent,
                 CrossEntropyRow{p.lines, labels, io.real(0), losses, io.real_out(1), io.real_out(2)});
        if (!io.real_out(0)) return;
        if (p.is_reduced) {
          for_rows(queue, 1, count, CrossEntropyFold{count, labels, losses, p.is_mean, nullptr, io.real_out(0)});
        } else {
          for_items(queue, count, StoreItem{losses, io.real_out(0)});
        }
      },
      workspace, CrossEntropyRole{.problem = p, .is_gradient = false});
}

KernelPointer make_softmax_cross_entropy_loss_grad(const KernelCall& call) {
  const CrossEntropyProblem p = problem_of(call, 1);
  const std::int64_t count = p.lines.count();
  const DeviceMemory scratch = call.device.allocate_scratch(sizeof(double));
  return function_kernel(
      call,
      [queue = call.device.queue(), p, count, scratch](const Operands& io) {
        auto* total = reinterpret_cast<double*>(scratch.get());
        const Labels labels = p.labels(io.in<std::int64_t>(2), io.real(4));
        for_rows(queue, 1, count, CrossEntropyFold{count, labels, nullptr, p.is_mean, total, {}});
        for_rows(queue, count, p.lines.extent,
                 CrossEntropyGradientRow{p.lines, labels, p.is_mean, p.is_reduced, total, io.real(0), io.real(1),
                                         io.real(3), io.real_out(0)});
      },
      sizeof(double), CrossEntropyRole{.problem = p, .is_gradient = true});
}

}  // namespace mp::runtime::gpu

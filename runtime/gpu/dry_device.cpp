#include "runtime/gpu/dry_device.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "lib/program/program.hpp"

namespace mp::runtime::gpu {
namespace {

double bytes_of(bool is_bfloat16) { return is_bfloat16 ? 2.0 : 4.0; }

std::string_view suffix_of(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::kNone:
      return "";
    case Epilogue::kGelu:
      return " + GELU";
    case Epilogue::kGeluGradient:
      return " + GELU's gradient";
    case Epilogue::kColumnSums:
    case Epilogue::kRowSums:
      return " + sums of an operand";
  }
  return "";
}

// Tensor cores are fed by pieces of 16 bytes.
bool is_aligned(const void* address, bool is_bfloat16, std::int64_t row) {
  const std::int64_t row_bytes = row * (is_bfloat16 ? 2 : 4);
  return reinterpret_cast<std::uintptr_t>(address) % 16 == 0 && row_bytes % 16 == 0;
}

LoggedWork work_of(const MatrixProduct& p) {
  const auto m = static_cast<double>(p.m);
  const auto n = static_cast<double>(p.n);
  const auto k = static_cast<double>(p.k);
  const auto batch = static_cast<double>(p.batch);
  const double result = m * n * bytes_of(p.c.is_bfloat16);
  LoggedWork work{.kind = WorkKind::kProduct};
  work.what = fmt::format("{}{}x{}x{}{}{}{}", p.batch > 1 ? fmt::format("{} x ", p.batch) : "", p.m, p.n, p.k,
                          p.bias ? " + bias" : "", p.added ? " + matrix" : "", suffix_of(p.epilogue));
  work.flops = 2.0 * batch * m * n * k;
  work.bytes_read = batch * (m * k * bytes_of(p.a.is_bfloat16) + n * k * bytes_of(p.b.is_bfloat16));
  if (p.beta != 0.0F || p.added) work.bytes_read += batch * result;
  work.bytes_written = batch * result;
  if (p.kept) (p.epilogue == Epilogue::kGelu ? work.bytes_written : work.bytes_read) += result;
  work.is_misaligned = !is_aligned(p.a.data, p.a.is_bfloat16, p.lda) || !is_aligned(p.b.data, p.b.is_bfloat16, p.ldb) ||
                       !is_aligned(p.c.data, p.c.is_bfloat16, p.ldc);
  return work;
}

// Forward: two products of the scores' size, backward five, over the pairs that are looked at. The operands of every
// pass are read or written once.
LoggedWork work_of(const AttentionProblem& p) {
  const auto rows = static_cast<double>(p.batch * p.queries);
  const auto keys = static_cast<double>(p.batch * p.keys);
  double pairs = static_cast<double>(p.queries) * static_cast<double>(p.keys);
  if (p.is_causal) {
    const auto ramp = static_cast<double>(std::min(p.queries, p.keys));
    pairs = ramp * (ramp + 1) / 2 + (static_cast<double>(p.queries) - ramp) * static_cast<double>(p.keys);
  }
  pairs *= static_cast<double>(p.batch * p.query_heads);
  const auto depth = static_cast<double>(p.depth);
  const auto value_depth = static_cast<double>(p.value_depth);
  const double q = 2.0 * rows * static_cast<double>(p.query_heads) * depth;
  const double y = 2.0 * rows * static_cast<double>(p.query_heads) * value_depth;
  const double kv = 2.0 * keys * static_cast<double>(p.key_heads) * (depth + value_depth);
  const double statistics = 4.0 * rows * static_cast<double>(p.query_heads);
  LoggedWork work{.kind = WorkKind::kAttention, .what = p.is_backward ? "attention's gradient" : "attention"};
  work.flops = 2.0 * pairs * (p.is_backward ? 3.0 * depth + 2.0 * value_depth : depth + value_depth);
  work.bytes_read = p.is_backward ? q + kv + 2.0 * y + statistics : q + kv;
  work.bytes_written = p.is_backward ? q + kv : y + statistics;
  return work;
}

class DryAttention final : public FusedAttention {
 public:
  DryAttention(LaunchLog& log, const AttentionProblem& problem) : log_(log), problem_(problem) {}
  void run(const AttentionOperands& /*operands*/) override { log_.add(work_of(problem_)); }

 private:
  LaunchLog& log_;
  AttentionProblem problem_;
};

class DryConvolution final : public Convolution {
 public:
  explicit DryConvolution(LaunchLog& log) : log_(log) {}
  void run(const ConvolutionOperands& /*operands*/) override {
    log_.add({.kind = WorkKind::kConvolution, .what = "convolution"});
  }

 private:
  LaunchLog& log_;
};

}  // namespace

DeviceMemory DryDevice::allocate_scratch(std::int64_t size_bytes) {
  auto* address = reinterpret_cast<std::byte*>(next_address_);
  next_address_ += static_cast<std::uintptr_t>(aligned_bytes(size_bytes));
  return {address, [](std::byte* /*nothing*/) {}};
}

void DryDevice::reserve_shared(std::int64_t size_bytes) {
  if (size_bytes <= shared_bytes_) return;
  shared_bytes_ = size_bytes;
  shared_ = allocate_scratch(size_bytes);
}

void DryDevice::clear(void* /*memory*/, std::int64_t size_bytes) {
  log_.add({.kind = WorkKind::kMemory, .what = "memset", .bytes_written = static_cast<double>(size_bytes)});
}

void DryDevice::move(void* /*to*/, const void* /*from*/, std::int64_t size_bytes) {
  log_.add({.kind = WorkKind::kMemory,
            .what = "memcpy",
            .bytes_read = static_cast<double>(size_bytes),
            .bytes_written = static_cast<double>(size_bytes)});
}

void DryDevice::multiply(const MatrixProduct& product) { log_.add(work_of(product)); }

bool DryDevice::multiply_fused(const MatrixProduct& product) {
  if (!options_.epilogues) return false;
  log_.add(work_of(product));
  return true;
}

std::unique_ptr<Convolution> DryDevice::make_convolution(const ConvolutionShape& /*shape*/, ConvolutionPass /*pass*/,
                                                         bool /*is_bfloat16*/) {
  return std::make_unique<DryConvolution>(log_);
}

std::unique_ptr<FusedAttention> DryDevice::make_attention(const AttentionProblem& problem) {
  if (!options_.attention) return nullptr;
  return std::make_unique<DryAttention>(log_, problem);
}

Fault* DryDevice::add_fault(Describe /*describe*/) { return &fault_; }

const void* DryDevice::step_value(std::size_t position, const StepContext& context) {
  step_bytes_.resize(step_values().size_bytes());
  step_values().fill(context, step_bytes_.data());
  return step_bytes_.data() + position;
}

}  // namespace mp::runtime::gpu

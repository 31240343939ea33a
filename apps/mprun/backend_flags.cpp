#include "apps/mprun/backend_flags.hpp"

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>

#include "lib/base/error.hpp"
#include "runtime/nccl/nccl_transport.hpp"

namespace mp::apps {
namespace {

using runtime::gpu::AttentionChoice;
const std::map<std::string, AttentionChoice> kAttention{{"fused", AttentionChoice::kFused},
                                                        {"any-order", AttentionChoice::kAnyOrder},
                                                        {"blocks", AttentionChoice::kBlocks}};

std::chrono::milliseconds patience_of(std::optional<double> stall_timeout_s) {
  if (!stall_timeout_s) return runtime::kNcclPatience;
  if (*stall_timeout_s <= 0.0) return std::chrono::hours(24 * 365);
  return std::chrono::milliseconds(static_cast<std::int64_t>(*stall_timeout_s * 1000.0));
}

}  // namespace

void BackendFlags::prepare() const {
  if (!nccl) return;
  if (name != "cuda") throw UsageError("--nccl is for GPUs: it needs --backend cuda");
  runtime::prepare_for_nccl(oversubscribe);
}

runtime::BackendChoice BackendFlags::choice(std::optional<double> stall_timeout_s) const {
  prepare();
  return {.name = name,
          .cpu_threads = threads,
          .oversubscribe = oversubscribe,
          .allow_tf32 = tf32,
          .use_cuda_graphs = !no_cuda_graphs,
          .use_epilogues = !no_epilogues,
          .tunes_products = tune_products,
          .attention = kAttention.at(attention),
          .remark = [](const std::string& text) { fmt::print(stderr, "{}\n", text); },
          .use_nccl = nccl,
          .nccl_patience = patience_of(stall_timeout_s)};
}

void add_fusion_flags(CLI::App& command, BackendFlags& flags, const std::string& group) {
  command
      .add_flag("--no-epilogues", flags.no_epilogues,
                "cuda: GELU and gradients of biases by kernels of their own, not within bfloat16 products")
      ->group(group);
  command
      .add_option("--attention", flags.attention,
                  "cuda, in bfloat16: fused (by cuDNN, the same bits every time), any-order (fused, and faster) or "
                  "blocks (kernels of our own) [fused]")
      ->check(CLI::IsMember({"fused", "any-order", "blocks"}))
      ->type_name("NAME")
      ->group(group);
}

void add_backend_flags(CLI::App& command, BackendFlags& flags, const std::string& group) {
  command.add_option("--backend", flags.name, "auto, cpu or cuda [auto: cpu]")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->type_name("NAME")
      ->group(group);
  command
      .add_option("--threads", flags.threads, "Threads of each cpu device [all cores]; the results do not depend on it")
      ->check(CLI::Range(1, 1024))
      ->type_name("N")
      ->group(group);
  command.add_flag("--oversubscribe", flags.oversubscribe, "cuda: several devices of the plan may share a GPU")
      ->group(group);
  command.add_flag("--tf32", flags.tf32, "cuda: float32 products on tensor cores, with 10 bits of mantissa")
      ->group(group);
  command.add_flag("--no-cuda-graphs", flags.no_cuda_graphs, "cuda: launch every kernel, replay no recorded steps")
      ->group(group);
  command
      .add_flag("--tune-products", flags.tune_products,
                "cuda: the first step times cuBLASLt's algorithms for each product and takes the fastest; the next run "
                "may take others, and differ by rounding")
      ->group(group);
  add_fusion_flags(command, flags, group);
  command
      .add_flag(
          "--nccl", flags.nccl,
          "cuda: devices exchange tensors by NCCL, replicas sum by its collectives; else by copies, and through host "
          "memory between processes")
      ->group(group);
}

}  // namespace mp::apps

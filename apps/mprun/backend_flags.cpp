#include "apps/mprun/backend_flags.hpp"

namespace mp::apps {

runtime::BackendChoice BackendFlags::choice() const {
  return {.name = name,
          .cpu_threads = threads,
          .oversubscribe = oversubscribe,
          .allow_tf32 = tf32,
          .use_cuda_graphs = !no_cuda_graphs,
          .use_epilogues = !no_epilogues,
          .use_nccl = nccl};
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
      .add_flag("--no-epilogues", flags.no_epilogues,
                "cuda: GELU and gradients of biases by kernels of their own, not within bfloat16 products")
      ->group(group);
  command.add_flag("--nccl", flags.nccl, "cuda: messages between devices by NCCL, not by copies")->group(group);
}

}  // namespace mp::apps

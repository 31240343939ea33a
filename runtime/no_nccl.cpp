#include "lib/base/error.hpp"
#include "runtime/nccl/nccl_transport.hpp"

namespace mp::runtime {

void prepare_for_nccl(bool /*shares_gpus*/) {
  throw RunError(
      "this build is without NCCL: install libnccl-dev (or pip's nvidia-nccl-cu13) and configure again, or train "
      "without --nccl: GPUs of one machine then copy from each other");
}

std::string nccl_version() { return {}; }

std::unique_ptr<Transport> make_nccl_transport(const Program& /*program*/, std::span<Backend* const> /*backends*/,
                                               const NcclOptions& /*options*/) {
  prepare_for_nccl(false);
  return nullptr;
}

}  // namespace mp::runtime

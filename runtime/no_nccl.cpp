#include "lib/base/error.hpp"
#include "runtime/nccl/nccl_transport.hpp"

namespace mp::runtime {

std::unique_ptr<Transport> make_nccl_transport(std::span<const Message> /*messages*/,
                                               std::span<Backend* const> /*backends*/, const NcclOptions& /*options*/) {
  throw RunError(
      "this build is without NCCL: install libnccl-dev (or pip's nvidia-nccl-cu13) and configure again, or train "
      "without --nccl: GPUs of one machine then copy from each other");
}

}  // namespace mp::runtime

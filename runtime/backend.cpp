#include "runtime/backend.hpp"

#include "lib/program/program.hpp"
#include "runtime/fusion.hpp"
#include "runtime/local/local_transport.hpp"

namespace mp::runtime {

std::vector<Fusion> Backend::find_fusions(std::span<const FusionStep> /*steps*/) { return {}; }

std::unique_ptr<Transport> Backend::make_transport(std::span<const Message> messages,
                                                   std::span<Backend* const> backends) {
  return std::make_unique<LocalTransport>(messages, backends);
}

}  // namespace mp::runtime

#include "runtime/backend.hpp"

#include "lib/program/program.hpp"
#include "runtime/fusion.hpp"
#include "runtime/local/local_transport.hpp"
#include "runtime/rank_transport.hpp"

namespace mp::runtime {

std::vector<Fusion> Backend::find_fusions(std::span<const FusionStep> /*steps*/) { return {}; }

std::unique_ptr<Transport> Backend::make_transport(const Program& program, std::span<Backend* const> backends,
                                                   RankGroup* ranks) {
  if (ranks != nullptr) return std::make_unique<RankTransport>(*ranks, program.messages, backends);
  return std::make_unique<LocalTransport>(program.messages, backends);
}

}  // namespace mp::runtime

#include "runtime/decoding_pass.hpp"

#include <cmath>
#include <cstring>
#include <utility>

#include "lib/base/check.hpp"
#include "runtime/sampling.hpp"

namespace mp::runtime {
namespace {

Program program_of(const Program& trained, const DecodingGraph& decoding) {
  TrainingGraph training;
  training.graph = decoding.graph;
  const std::size_t nodes = training.graph.nodes().size();
  training.phase.assign(nodes, Phase::kForward);
  Placement placement;
  for (const NodeId node : ids<NodeId>(nodes)) {
    training.placed_with.push_back(node);
    placement.push_back(trained.placement[decoding.origin[node]]);
  }
  training.home.assign(training.graph.tensors().size(), kNone<NodeId>);
  for (const GraphParameter& parameter : training.graph.parameters()) {
    training.home[parameter.tensor] = training.graph.consumers(parameter.tensor).front();
  }
  training.forward_nodes = static_cast<std::int32_t>(nodes);
  training.fetched = {decoding.scores};
  return compile(std::move(training), std::move(placement),
                 {.schedule = trained.schedule, .devices = static_cast<std::int32_t>(trained.devices.size())});
}

}  // namespace

// The inputs of one run.
class DecodingPass::Feeder final : public DataSource {
 public:
  Feeder(const DecodingPass& pass, std::span<const std::int64_t> tokens, std::int64_t first)
      : pass_(pass), tokens_(tokens), first_(first) {}

  void fill(std::size_t input, std::int64_t /*step*/, std::int32_t /*microbatch*/,
            std::span<std::byte> slice) const override {
    const DecodingGraph& decoding = pass_.decoding_;
    const TensorId tensor = decoding.graph.inputs()[input].tensor;
    if (tensor == decoding.tokens) {
      std::memset(slice.data(), 0, slice.size());
      std::memcpy(slice.data(), tokens_.data(), tokens_.size_bytes());
    } else if (tensor == decoding.positions) {
      for (std::int64_t i = 0; i < pass_.positions_; ++i) put(first_ + i, i, slice);
    } else if (tensor == decoding.last) {
      put(first_ + pass_.positions_ - 1, 0, slice);
    } else if (tensor == decoding.row) {
      put(static_cast<std::int64_t>(tokens_.size()) - 1, 0, slice);
    } else {
      turn(tensor, slice);
    }
  }

 private:
  template <class T>
  static void put(T value, std::int64_t at, std::span<std::byte> slice) {
    std::memcpy(slice.data() + static_cast<std::size_t>(at) * sizeof(T), &value, sizeof(T));
  }

  void turn(TensorId tensor, std::span<std::byte> slice) const {
    for (const DecodingGraph::Rotation& rotation : pass_.decoding_.rotations) {
      if (rotation.cosines == tensor || rotation.sines == tensor) return angles(rotation, tensor, slice);
    }
    MP_CHECK(false);
  }

  // As the kernels have them: pair i of position s turns by s · theta^(−2i / rotated), computed in double.
  void angles(const DecodingGraph::Rotation& rotation, TensorId tensor, std::span<std::byte> slice) const {
    const std::int64_t pairs = static_cast<std::int64_t>(slice.size() / sizeof(float)) / pass_.positions_;
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double turns = -2.0 * static_cast<double>(i) / static_cast<double>(2 * pairs);
      const double frequency = std::pow(rotation.theta, turns);
      for (std::int64_t s = 0; s < pass_.positions_; ++s) {
        const double angle = static_cast<double>(first_ + s) * frequency;
        put(static_cast<float>(tensor == rotation.cosines ? std::cos(angle) : std::sin(angle)), s * pairs + i, slice);
      }
    }
  }

  const DecodingPass& pass_;
  std::span<const std::int64_t> tokens_;
  std::int64_t first_;
};

DecodingPass::DecodingPass(const Program& trained, DecodingGraph decoding, const BackendFactory& backends,
                           RankGroup* ranks, const std::vector<const Executor*>& lenders)
    : decoding_(std::move(decoding)),
      positions_(decoding_.graph.tensor(decoding_.tokens).type.shape.back()),
      scores_(static_cast<std::size_t>(elements(decoding_.graph.tensor(decoding_.scores).type.shape))),
      executor_(program_of(trained, decoding_), backends, ranks, lenders) {
  executor_.hand_fetched_to([this, type = decoding_.graph.tensor(decoding_.scores).type.type](
                                TensorId /*tensor*/, std::int32_t /*microbatch*/, std::span<const std::byte> values) {
    take_scores(type, values, scores_);
  });
}

void DecodingPass::copy_weights(Executor& whole) {
  for (const DecodingGraph::Copy& copy : decoding_.copies) {
    std::vector<std::byte> values(static_cast<std::size_t>(bytes(decoding_.graph.tensor(copy.parameter).type)));
    whole.read(copy.original, values);
    executor_.write_alike(copy.parameter, values);
  }
}

std::span<const float> DecodingPass::run(std::span<const std::int64_t> tokens, std::int64_t first) {
  MP_CHECK(!tokens.empty() && static_cast<std::int64_t>(tokens.size()) <= positions_);
  executor_.run_step({.step = passes_++}, Feeder(*this, tokens, first));
  return scores_;
}

}  // namespace mp::runtime

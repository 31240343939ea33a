#include "runtime/decoder.hpp"

#include <algorithm>
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
  for (const DecodingGraph::Cache& cache : decoding.caches) {
    const auto known = std::find(training.fetched.begin(), training.fetched.end(), cache.row);
    if (known == training.fetched.end()) training.fetched.push_back(cache.row);
  }
  return compile(std::move(training), std::move(placement),
                 {.schedule = trained.schedule, .devices = static_cast<std::int32_t>(trained.devices.size())});
}

}  // namespace

// The inputs at one position.
class Decoder::Feeder final : public DataSource {
 public:
  Feeder(const Decoder& decoder, std::int64_t token, std::int64_t position)
      : decoder_(decoder), token_(token), position_(position) {}

  void fill(std::size_t input, std::int64_t /*step*/, std::int32_t /*microbatch*/,
            std::span<std::byte> slice) const override {
    const DecodingGraph& decoding = decoder_.decoding_;
    const TensorId tensor = decoding.graph.inputs()[input].tensor;
    if (tensor == decoding.token) return number(token_, slice);
    if (tensor == decoding.position) return number(position_, slice);
    if (tensor == decoding.is_here || tensor == decoding.is_visible) {
      const auto here = static_cast<std::size_t>(position_);
      std::fill(slice.begin(), slice.end(), std::byte{0});
      const std::size_t first = tensor == decoding.is_here ? here : 0;
      return std::fill(slice.begin() + static_cast<std::ptrdiff_t>(first),
                       slice.begin() + static_cast<std::ptrdiff_t>(here + 1), std::byte{1});
    }
    for (std::size_t c = 0; c < decoding.caches.size(); ++c) {
      if (tensor != decoding.caches[c].before) continue;
      std::memcpy(slice.data(), decoder_.kept_[c].rows.data(), slice.size());
      return;
    }
    for (const DecodingGraph::Rotation& rotation : decoding.rotations) {
      if (tensor == rotation.cosines || tensor == rotation.sines) return angles(rotation, tensor, slice);
    }
    MP_CHECK(false);
  }

 private:
  static void number(std::int64_t value, std::span<std::byte> slice) {
    std::memcpy(slice.data(), &value, sizeof value);
  }

  // As the kernels have them: pair i of position s turns by s · theta^(−2i / rotated), computed in double.
  void angles(const DecodingGraph::Rotation& rotation, TensorId tensor, std::span<std::byte> slice) const {
    const std::size_t pairs = slice.size() / sizeof(float);
    for (std::size_t i = 0; i < pairs; ++i) {
      const double turns = -2.0 * static_cast<double>(i) / static_cast<double>(2 * pairs);
      const double angle = static_cast<double>(position_) * std::pow(rotation.theta, turns);
      const auto value = static_cast<float>(tensor == rotation.cosines ? std::cos(angle) : std::sin(angle));
      std::memcpy(slice.data() + i * sizeof(float), &value, sizeof value);
    }
  }

  const Decoder& decoder_;
  std::int64_t token_;
  std::int64_t position_;
};

Decoder::Decoder(const Program& trained, DecodingGraph decoding, const BackendFactory& backends, RankGroup* ranks)
    : decoding_(std::move(decoding)), executor_(program_of(trained, decoding_), backends, ranks) {
  const Graph& graph = decoding_.graph;
  for (const DecodingGraph::Cache& cache : decoding_.caches) {
    kept_.push_back({.rows = std::vector<std::byte>(static_cast<std::size_t>(bytes(graph.tensor(cache.before).type))),
                     .row = std::vector<std::byte>(static_cast<std::size_t>(bytes(graph.tensor(cache.row).type)))});
  }
  scores_.resize(static_cast<std::size_t>(elements(graph.tensor(decoding_.scores).type.shape)));
  executor_.hand_fetched_to([this](TensorId tensor, std::int32_t /*microbatch*/, std::span<const std::byte> values) {
    take(tensor, values);
  });
}

std::vector<TensorId> Decoder::wanted() const {
  std::vector<TensorId> tensors;
  for (const DecodingGraph::Cache& cache : decoding_.caches) {
    if (std::find(tensors.begin(), tensors.end(), cache.whole) == tensors.end()) tensors.push_back(cache.whole);
  }
  return tensors;
}

void Decoder::keep(TensorId whole, std::span<const std::byte> values) {
  for (std::size_t c = 0; c < kept_.size(); ++c) {
    if (decoding_.caches[c].whole == whole) std::copy(values.begin(), values.end(), kept_[c].rows.begin());
  }
}

void Decoder::take(TensorId made, std::span<const std::byte> values) {
  if (made == decoding_.scores) return take_scores(decoding_.graph.tensor(made).type.type, values, scores_);
  for (std::size_t c = 0; c < kept_.size(); ++c) {
    if (decoding_.caches[c].row == made) std::copy(values.begin(), values.end(), kept_[c].row.begin());
  }
}

// Rows are kept when the step is over: another device may be reading those before it until then.
std::span<const float> Decoder::next_scores(std::int64_t token, std::int64_t position) {
  executor_.run_step({.step = passes_++}, Feeder(*this, token, position));
  for (Kept& kept : kept_) {
    std::copy(kept.row.begin(), kept.row.end(),
              kept.rows.begin() + static_cast<std::ptrdiff_t>(kept.row.size()) * static_cast<std::ptrdiff_t>(position));
  }
  return scores_;
}

}  // namespace mp::runtime

#include "partition/max_load/segment_walk.hpp"

#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace mp::partition {
namespace {

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// Lists by unit, one after the other.
std::pair<std::vector<std::int64_t>, std::vector<std::int32_t>> flattened(
    const std::vector<std::vector<std::int32_t>>& lists) {
  std::pair<std::vector<std::int64_t>, std::vector<std::int32_t>> flat;
  flat.first.push_back(0);
  for (const std::vector<std::int32_t>& list : lists) {
    flat.second.insert(flat.second.end(), list.begin(), list.end());
    flat.first.push_back(static_cast<std::int64_t>(flat.second.size()));
  }
  return flat;
}

}  // namespace

IdealSums ideal_sums(const LoadProblem& problem, const IdealLattice& lattice) {
  IdealSums sums;
  const std::size_t ideals = lattice.size();
  sums.seconds.assign(problem.classes.size(), std::vector<double>(ideals, 0.0));
  sums.blocked.assign(problem.classes.size(), std::vector<std::int32_t>(ideals, 0));
  sums.bytes.assign(ideals, 0);
  for (std::size_t ideal = 0; ideal < ideals; ++ideal) {
    for (std::int64_t s = lattice.offsets[ideal]; s < lattice.offsets[ideal + 1]; ++s) {
      const IdealStep step = lattice.steps[static_cast<std::size_t>(s)];
      const std::size_t unit = at(step.unit);
      const std::size_t top = at(step.ideal);
      sums.bytes[top] = sums.bytes[ideal] + problem.bytes[unit];
      for (std::size_t c = 0; c < problem.classes.size(); ++c) {
        const bool runs = std::isfinite(problem.seconds[c][unit]);
        sums.seconds[c][top] = sums.seconds[c][ideal] + (runs ? problem.seconds[c][unit] : 0.0);
        sums.blocked[c][top] = sums.blocked[c][ideal] + (runs ? 0 : 1);
      }
    }
  }
  return sums;
}

SegmentWalk::SegmentWalk(const LoadProblem& problem, const IdealLattice& lattice, const IdealSums& sums)
    : problem_(problem), lattice_(lattice), sums_(sums), met_(lattice.size(), 0) {
  std::vector<std::vector<std::int32_t>> made(problem.units());
  std::vector<std::vector<std::int32_t>> read(problem.units());
  for (std::size_t t = 0; t < problem.tensors.size(); ++t) {
    const LoadTensor& tensor = problem.tensors[t];
    made[at(tensor.producer)].push_back(static_cast<std::int32_t>(t));
    for (const std::int32_t reader : tensor.readers) read[at(reader)].push_back(static_cast<std::int32_t>(t));
    tensors_.push_back({.transfer_s = tensor.transfer_s, .readers = static_cast<std::int32_t>(tensor.readers.size())});
  }
  std::tie(made_offsets_, made_) = flattened(made);
  std::tie(read_offsets_, read_) = flattened(read);
}

void SegmentWalk::begin(std::size_t base) {
  ++walks_;
  base_ = base;
  lasting_s_ = 0.0;
  open_s_ = 0.0;
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const LoadTensor& tensor = problem_.tensors[t];
    TensorState& state = tensors_[t];
    state.producer = lattice_.contains(base, tensor.producer) ? Place::kBase : Place::kAbove;
    state.in_stage = 0;
    state.in_base = 0;
    for (const std::int32_t reader : tensor.readers) state.in_base += lattice_.contains(base, reader) ? 1 : 0;
  }
}

void SegmentWalk::open(std::size_t ideal, std::int32_t unit) {
  stack_.push_back(
      {.ideal = ideal, .next = lattice_.offsets[ideal], .unit = unit, .lasting_s = lasting_s_, .open_s = open_s_});
  if (unit >= 0) add(unit);
}

// The sums are put back, not counted back: no rounding gathers.
void SegmentWalk::close() {
  const Frame& frame = stack_.back();
  if (frame.unit >= 0) remove(frame.unit);
  lasting_s_ = frame.lasting_s;
  open_s_ = frame.open_s;
  stack_.pop_back();
}

void SegmentWalk::add(std::int32_t unit) {
  for (std::int64_t i = made_offsets_[at(unit)]; i < made_offsets_[at(unit) + 1]; ++i) {
    TensorState& tensor = tensors_[at(made_[static_cast<std::size_t>(i)])];
    if (tensor.in_stage > 0) open_s_ -= tensor.transfer_s;  // was received from above
    tensor.producer = Place::kStage;
    if (tensor.in_base > 0) {
      lasting_s_ += tensor.transfer_s;
    } else if (tensor.in_stage < tensor.readers) {
      open_s_ += tensor.transfer_s;
    }
  }
  for (std::int64_t i = read_offsets_[at(unit)]; i < read_offsets_[at(unit) + 1]; ++i) {
    TensorState& tensor = tensors_[at(read_[static_cast<std::size_t>(i)])];
    ++tensor.in_stage;
    if (tensor.producer == Place::kStage) {
      if (tensor.in_stage == tensor.readers) open_s_ -= tensor.transfer_s;  // nobody else is left to send it to
    } else if (tensor.in_stage == 1) {
      (tensor.producer == Place::kBase ? lasting_s_ : open_s_) += tensor.transfer_s;
    }
  }
}

void SegmentWalk::remove(std::int32_t unit) {
  for (std::int64_t i = made_offsets_[at(unit)]; i < made_offsets_[at(unit) + 1]; ++i) {
    tensors_[at(made_[static_cast<std::size_t>(i)])].producer = Place::kAbove;
  }
  for (std::int64_t i = read_offsets_[at(unit)]; i < read_offsets_[at(unit) + 1]; ++i) {
    --tensors_[at(read_[static_cast<std::size_t>(i)])].in_stage;
  }
}

bool SegmentWalk::can_grow(double limit) const {
  const std::size_t top = stack_.back().ideal;
  for (std::size_t c = 0; c < problem_.classes.size(); ++c) {
    const DeviceClass& device = problem_.classes[c];
    if (sums_.blocked[c][top] != sums_.blocked[c][base_]) continue;
    if (device.memory_bytes > 0 && sums_.bytes[top] - sums_.bytes[base_] > device.memory_bytes) continue;
    const double compute_s = sums_.seconds[c][top] - sums_.seconds[c][base_];
    if (compute_s + (device.pays_transfers ? lasting_s_ : 0.0) < limit) return true;
  }
  return false;
}

double SegmentWalk::load(std::size_t device_class) const {
  const std::size_t top = stack_.back().ideal;
  const DeviceClass& device = problem_.classes[device_class];
  const bool too_large = device.memory_bytes > 0 && sums_.bytes[top] - sums_.bytes[base_] > device.memory_bytes;
  if (too_large || sums_.blocked[device_class][top] != sums_.blocked[device_class][base_]) {
    return std::numeric_limits<double>::infinity();
  }
  const double compute_s = sums_.seconds[device_class][top] - sums_.seconds[device_class][base_];
  return compute_s + (device.pays_transfers ? lasting_s_ + open_s_ : 0.0);
}

}  // namespace mp::partition

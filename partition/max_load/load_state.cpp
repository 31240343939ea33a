#include "partition/max_load/load_state.hpp"

#include <algorithm>
#include <cmath>

namespace mp::partition {
namespace {

constexpr double kTicksTogether = 0x1p50;

std::size_t at(std::int32_t position) { return static_cast<std::size_t>(position); }

// More than all devices can be loaded with together.
double all_seconds(const LoadProblem& problem) {
  double sum = 0.0;
  for (const std::vector<double>& seconds : problem.seconds) {
    for (const double s : seconds) sum += std::isfinite(s) ? s : 0.0;
  }
  for (const LoadTensor& tensor : problem.tensors) {
    sum += tensor.transfer_s * static_cast<double>(tensor.readers.size() + 1);
  }
  return sum;
}

}  // namespace

LoadState::LoadState(const LoadProblem& problem, LoadPlacement placement)
    : problem_(problem),
      placement_(std::move(placement)),
      devices_(problem.devices()),
      made_(problem.units()),
      read_(problem.units()),
      neighbours_(problem.units()),
      ticks_(problem.devices(), 0),
      bytes_(problem.devices(), 0),
      pending_(problem.devices(), 0),
      touched_(problem.devices(), false) {
  const double together = all_seconds(problem);
  if (together > 0.0) seconds_per_tick_ = together / kTicksTogether;
  const auto ticks_of = [&](double seconds) { return std::llround(seconds / seconds_per_tick_); };
  for (const std::vector<double>& seconds : problem.seconds) {
    compute_.emplace_back();
    for (const double s : seconds) compute_.back().push_back(std::isfinite(s) ? ticks_of(s) : -1);
  }
  for (const std::int32_t c : problem.class_of) {
    pays_.push_back(problem.classes[at(c)].pays_transfers);
    memory_.push_back(problem.classes[at(c)].memory_bytes);
  }
  for (const LoadTensor& tensor : problem.tensors) {
    tensors_.push_back({.ticks = ticks_of(tensor.transfer_s), .producer = tensor.producer});
  }
  index_tensors();
  count_from_scratch();
}

void LoadState::index_tensors() {
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const LoadTensor& tensor = problem_.tensors[t];
    made_[at(tensor.producer)].push_back(static_cast<std::int32_t>(t));
    for (const std::int32_t reader : tensor.readers) {
      read_[at(reader)].push_back(static_cast<std::int32_t>(t));
      neighbours_[at(reader)].push_back(tensor.producer);
      neighbours_[at(tensor.producer)].push_back(reader);
    }
  }
}

void LoadState::count_from_scratch() {
  for (std::size_t unit = 0; unit < placement_.size(); ++unit) {
    const std::int32_t device = placement_[unit];
    ticks_[at(device)] += std::max<std::int64_t>(0, compute_[at(problem_.class_of[at(device)])][unit]);
    bytes_[at(device)] += problem_.bytes[unit];
  }
  readers_.assign(tensors_.size() * devices_, 0);
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    const auto tensor = static_cast<std::int32_t>(t);
    const std::int32_t home = placement_[at(tensors_[t].producer)];
    for (const std::int32_t reader : problem_.tensors[t].readers) {
      if (readers(tensor, placement_[at(reader)])++ > 0) continue;
      ++tensors_[t].devices;
      const std::int32_t device = placement_[at(reader)];
      if (device != home && pays_[at(device)]) ticks_[at(device)] += tensors_[t].ticks;
    }
    const bool sent = tensors_[t].devices > (readers(tensor, home) > 0 ? 1 : 0);
    if (sent && pays_[at(home)]) ticks_[at(home)] += tensors_[t].ticks;
  }
}

bool LoadState::may_move(std::int32_t unit, std::int32_t device) const {
  const std::int32_t fixed = problem_.fixed_device(at(unit));
  if (fixed >= 0 && fixed != device) return false;
  if (compute_[at(problem_.class_of[at(device)])][at(unit)] < 0) return false;
  return memory_[at(device)] == 0 || bytes_[at(device)] + problem_.bytes[at(unit)] <= memory_[at(device)];
}

void LoadState::add(std::int32_t device, std::int64_t ticks) {
  pending_[at(device)] += ticks;
  if (touched_[at(device)]) return;
  touched_[at(device)] = true;
  changes_.push_back({device, 0});
}

void LoadState::add_transfer(std::int32_t device, std::int64_t ticks) {
  if (pays_[at(device)]) add(device, ticks);
}

// The home of what the unit makes changes: who reads it does not.
void LoadState::count_made(std::int32_t unit, std::int32_t from, std::int32_t to) {
  for (const std::int32_t t : made_[at(unit)]) {
    const Tensor& tensor = tensors_[at(t)];
    const bool read_at_from = readers(t, from) > 0;
    const bool read_at_to = readers(t, to) > 0;
    const bool was_sent = tensor.devices > (read_at_from ? 1 : 0);
    const bool is_sent = tensor.devices > (read_at_to ? 1 : 0);
    add_transfer(from, tensor.ticks * ((read_at_from ? 1 : 0) - (was_sent ? 1 : 0)));
    add_transfer(to, tensor.ticks * ((is_sent ? 1 : 0) - (read_at_to ? 1 : 0)));
  }
}

void LoadState::count_read(std::int32_t unit, std::int32_t from, std::int32_t to) {
  for (const std::int32_t t : read_[at(unit)]) {
    const Tensor& tensor = tensors_[at(t)];
    const std::int32_t home = placement_[at(tensor.producer)];
    const bool leaves = readers(t, from) == 1;
    const bool arrives = readers(t, to) == 0;
    if (leaves && from != home) add_transfer(from, -tensor.ticks);
    if (arrives && to != home) add_transfer(to, tensor.ticks);
    const std::int32_t elsewhere = tensor.devices - (readers(t, home) > 0 ? 1 : 0);
    const std::int32_t then = elsewhere - (leaves && from != home ? 1 : 0) + (arrives && to != home ? 1 : 0);
    if ((elsewhere > 0) != (then > 0)) add_transfer(home, then > 0 ? tensor.ticks : -tensor.ticks);
  }
}

std::span<const LoadState::Change> LoadState::changes(std::int32_t unit, std::int32_t device) {
  const std::int32_t from = placement_[at(unit)];
  changes_.clear();
  add(from, -std::max<std::int64_t>(0, compute_[at(problem_.class_of[at(from)])][at(unit)]));
  add(device, std::max<std::int64_t>(0, compute_[at(problem_.class_of[at(device)])][at(unit)]));
  count_made(unit, from, device);
  count_read(unit, from, device);
  for (Change& change : changes_) {
    change.ticks = pending_[at(change.device)];
    pending_[at(change.device)] = 0;
    touched_[at(change.device)] = false;
  }
  return changes_;
}

void LoadState::move(std::int32_t unit, std::int32_t device) {
  const std::int32_t from = placement_[at(unit)];
  if (from == device) return;
  for (const Change& change : changes(unit, device)) ticks_[at(change.device)] += change.ticks;
  for (const std::int32_t t : read_[at(unit)]) {
    if (--readers(t, from) == 0) --tensors_[at(t)].devices;
    if (readers(t, device)++ == 0) ++tensors_[at(t)].devices;
  }
  bytes_[at(from)] -= problem_.bytes[at(unit)];
  bytes_[at(device)] += problem_.bytes[at(unit)];
  placement_[at(unit)] = device;
}

}  // namespace mp::partition

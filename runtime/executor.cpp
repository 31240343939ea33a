#include "runtime/executor.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/base/check.hpp"
#include "runtime/cpu/affinity.hpp"
#include "runtime/cpu/team.hpp"
#include "runtime/host_memory.hpp"
#include "runtime/lent_parameters.hpp"

namespace mp::runtime {

namespace {

Program with_lent(Program program, const std::vector<const Executor*>& lenders) {
  for (const Executor* lender : lenders) lend_parameters(lender->program(), program);
  return program;
}

}  // namespace

Executor::Executor(Program program, const BackendFactory& make_backend, RankGroup* ranks,
                   const std::vector<const Executor*>& lenders)
    : program_(with_lent(std::move(program), lenders)),
      ranks_(ranks),
      share_(ranks == nullptr ? DeviceShare{0, program_.devices.size()} : ranks->share()),
      backends_(program_.devices.size()),
      workers_(program_.devices.size()),
      microbatch_losses_(static_cast<std::size_t>(program_.microbatches)),
      times_(program_.devices.size()),
      memory_(program_.devices.size()),
      threads_(share_.first, share_.last - share_.first, [this] {
        if (transport_) transport_->abort();
      }) {
  on_devices([&](std::size_t d) { backends_[d] = make_backend(make_id<DeviceId>(d)); });
  std::vector<DeviceId> in_host_memory;
  for (const DeviceId d : ids<DeviceId>(backends_.size())) {
    if (backends_[index(d)] && backends_[index(d)]->name() == "cpu") in_host_memory.push_back(d);
  }
  require_host_memory(program_, in_host_memory, available_host_bytes());
  make_transport();
  on_devices([&](std::size_t d) {
    const auto device = make_id<DeviceId>(d);
    std::vector<const DeviceWorker*> lending;
    for (const Executor* lender : lenders) lending.push_back(lender->workers_[d].get());
    workers_[d] = std::make_unique<DeviceWorker>(program_, device, *backends_[d], *transport_, lending);
    memory_[d] = {.arena_bytes = program_.devices[device].arena_bytes,
                  .workspace_bytes = workers_[d]->workspace_bytes()};
  });
  if (ranks_ == nullptr) return;
  find_results();
  share_memory_use();
}

// A training that broke off may have left work behind: no device's memory is freed while another copies from it.
Executor::~Executor() {
  for (const std::unique_ptr<Backend>& backend : backends_) {
    try {
      if (backend) backend->synchronize();
    } catch (...) {  // told already
    }
  }
}

void Executor::make_transport() {
  std::vector<Backend*> backends;
  for (const std::unique_ptr<Backend>& backend : backends_) backends.push_back(backend.get());
  transport_ = backends[share_.first]->make_transport(program_, backends, ranks_);
}

void Executor::on_devices(const std::function<void(std::size_t)>& task) {
  threads_.run([this, &task](std::size_t i) { task(share_.first + i); });
}

std::string_view Executor::backend_name(DeviceId device) const {
  const std::unique_ptr<Backend>& backend = backends_[index(device)];
  return backend ? backend->name() : backends_[share_.first]->name();
}

void Executor::initialise_parameters(std::uint64_t seed) {
  // A billion of them take a core minutes.
  const std::size_t cores = cpu::usable_cores().size();
  const int threads = std::max(1, static_cast<int>(cores / (share_.last - share_.first)));
  on_devices([&](std::size_t d) {
    Team team(threads);
    workers_[d]->initialise_parameters(seed, team);
  });
}

double Executor::run_step(const StepContext& context, const DataSource& data) {
  const StepRequest request{
      .context = context, .data = &data, .microbatch_losses = microbatch_losses_, .gradient_norm = &gradient_norm_};
  // Two references fit into the function object itself: nothing is allocated.
  on_devices([this, &request](std::size_t d) { workers_[d]->run_step(request); });
  if (ranks_ != nullptr) share_results();
  return combined_loss();
}

double Executor::combined_loss() const {
  double sum = 0.0;
  for (const float loss : microbatch_losses_) sum += static_cast<double>(loss);
  const bool is_mean = program_.training.graph.loss_reduction() == LossReduction::kMean;
  return is_mean ? sum / static_cast<double>(program_.microbatches) : sum;
}

std::optional<double> Executor::gradient_norm() const {
  if (program_.training.gradient_norm == kNone<TensorId>) return std::nullopt;
  return static_cast<double>(gradient_norm_);
}

// The leader's first.
std::vector<Executor::Place> Executor::places_of(TensorId parameter) const {
  const NodeId home = program_.training.home[parameter];
  const DeviceId leader = home == kNone<NodeId> ? kNone<DeviceId> : program_.placement[home];
  std::vector<Place> places;
  for (const DeviceId device : ids<DeviceId>(program_.devices.size())) {
    const IdVector<BufferId, Buffer>& buffers = program_.devices[device].buffers;
    for (const BufferId id : ids<BufferId>(buffers.size())) {
      const Buffer& buffer = buffers[id];
      if (buffer.role != BufferRole::kParameter || buffer.tensor != parameter) continue;
      places.insert(device == leader ? places.begin() : places.end(), {device, id});
    }
  }
  MP_CHECK(!places.empty());  // every parameter has a home
  return places;
}

void Executor::read_here(const Place& place, std::span<std::byte> values) {
  on_devices([&](std::size_t d) {
    if (d == index(place.device)) workers_[d]->read(place.buffer, values);
  });
}

void Executor::read(TensorId parameter, std::span<std::byte> values) {
  const Place place = places_of(parameter).front();
  MP_CHECK(static_cast<std::int64_t>(values.size()) == bytes(program_.training.graph.tensor(parameter).type));
  read_here(place, values);
  if (ranks_ != nullptr) ranks_->broadcast(ranks_->rank_of(place.device), values);
}

void Executor::write_alike(TensorId parameter, std::span<const std::byte> values) {
  const std::vector<Place> places = places_of(parameter);
  MP_CHECK(static_cast<std::int64_t>(values.size()) == bytes(program_.training.graph.tensor(parameter).type));
  on_devices([&](std::size_t d) {
    for (const Place& place : places) {
      if (d == index(place.device)) workers_[d]->write(place.buffer, values);
    }
  });
}

void Executor::detect_anomalies() {
  on_devices([&](std::size_t d) { workers_[d]->detect_anomalies(); });
}

void Executor::hand_fetched_to(TensorObserver observer) {
  observer_ = std::move(observer);
  if (ranks_ != nullptr) return keep_fetched();
  on_devices([&](std::size_t d) { workers_[d]->hand_fetched_to(observer_ ? &observer_ : nullptr); });
}

void Executor::record_times() {
  on_devices([&](std::size_t d) {
    const auto device = make_id<DeviceId>(d);
    times_[device].resize(program_.devices[device].instructions.size());
    workers_[d]->record_times(times_[device]);
  });
}

}  // namespace mp::runtime

#include "runtime/executor.hpp"

#include <utility>

#include "lib/base/check.hpp"
#include "runtime/local/local_transport.hpp"

namespace mp::runtime {

Executor::Executor(Program program, const BackendFactory& make_backend)
    : program_(std::move(program)),
      backends_(program_.devices.size()),
      workers_(program_.devices.size()),
      microbatch_losses_(static_cast<std::size_t>(program_.microbatches)),
      times_(program_.devices.size()),
      memory_(program_.devices.size()),
      threads_(program_.devices.size(), [this] {
        if (transport_) transport_->abort();
      }) {
  threads_.run([&](std::size_t d) { backends_[d] = make_backend(make_id<DeviceId>(d)); });
  std::vector<Backend*> backends;
  for (const std::unique_ptr<Backend>& backend : backends_) backends.push_back(backend.get());
  transport_ = std::make_unique<LocalTransport>(program_.messages, backends);
  threads_.run([&](std::size_t d) {
    const auto device = make_id<DeviceId>(d);
    workers_[d] = std::make_unique<DeviceWorker>(program_, device, *backends_[d], *transport_);
    memory_[d] = {.arena_bytes = program_.devices[device].arena_bytes,
                  .workspace_bytes = workers_[d]->workspace_bytes()};
  });
}

void Executor::initialise_parameters(std::uint64_t seed) {
  threads_.run([&](std::size_t d) { workers_[d]->initialise_parameters(seed); });
}

double Executor::run_step(const StepContext& context, const DataSource& data) {
  const StepRequest request{.context = context, .data = &data, .microbatch_losses = microbatch_losses_};
  // Two references fit into the function object itself: nothing is allocated.
  threads_.run([this, &request](std::size_t d) { workers_[d]->run_step(request); });
  return combined_loss();
}

double Executor::combined_loss() const {
  double sum = 0.0;
  for (const float loss : microbatch_losses_) sum += static_cast<double>(loss);
  const bool is_mean = program_.training.graph.loss_reduction() == LossReduction::kMean;
  return is_mean ? sum / static_cast<double>(program_.microbatches) : sum;
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

void Executor::read(TensorId parameter, std::span<std::byte> values) {
  const Place place = places_of(parameter).front();
  MP_CHECK(static_cast<std::int64_t>(values.size()) == bytes(program_.training.graph.tensor(parameter).type));
  threads_.run([&](std::size_t d) {
    if (d == index(place.device)) workers_[d]->read(place.buffer, values);
  });
}

void Executor::write(TensorId parameter, std::span<const std::byte> values) {
  const std::vector<Place> places = places_of(parameter);
  MP_CHECK(static_cast<std::int64_t>(values.size()) == bytes(program_.training.graph.tensor(parameter).type));
  threads_.run([&](std::size_t d) {
    for (const Place& place : places) {
      if (d == index(place.device)) workers_[d]->write(place.buffer, values);
    }
  });
}

void Executor::detect_anomalies() {
  threads_.run([&](std::size_t d) { workers_[d]->detect_anomalies(); });
}

void Executor::hand_fetched_to(TensorObserver observer) {
  observer_ = std::move(observer);
  threads_.run([&](std::size_t d) { workers_[d]->hand_fetched_to(observer_ ? &observer_ : nullptr); });
}

void Executor::record_times() {
  threads_.run([&](std::size_t d) {
    const auto device = make_id<DeviceId>(d);
    times_[device].resize(program_.devices[device].instructions.size());
    workers_[d]->record_times(times_[device]);
  });
}

}  // namespace mp::runtime

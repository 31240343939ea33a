#include "runtime/nccl/cliques.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>

#include "lib/base/error.hpp"
#include "lib/program/collective_pieces.hpp"
#include "runtime/transport.hpp"

namespace mp::nccl {
namespace {

constexpr std::chrono::seconds kPatience{5};  // for the others to end a run, too
constexpr std::int64_t kTrialBytes = 256;

ncclUniqueId new_id() {
  ncclUniqueId id{};
  const ncclResult_t result = ncclGetUniqueId(&id);
  if (result != ncclSuccess) {
    throw RunError(std::string("NCCL: ncclGetUniqueId: ") + ncclGetErrorString(result) +
                   "; NCCL_DEBUG=WARN tells more");
  }
  return id;
}

// Of the member at `position`.
Transfer trial(Lane lane, std::size_t position, std::byte* memory) {
  Transfer transfer{.call = Call::kSend, .from = memory, .to = memory + kTrialBytes, .size_bytes = kTrialBytes};
  if (lane == Lane::kMessages) {
    transfer.call = position == 0 ? Call::kSend : Call::kReceive;
    transfer.peer = position == 0 ? 1 : 0;
  } else {
    transfer.call = lane == Lane::kSums ? Call::kAllReduce : Call::kBroadcast;
  }
  return transfer;
}

}  // namespace

CliqueName clique_of(const Message& message) { return {Lane::kMessages, {message.from, message.to}}; }

CliqueName clique_of(const Collective& collective) {
  return {is_sum(collective.kind) ? Lane::kSums : Lane::kValues, collective.members};
}

Cliques::Cliques(const Program& program, const std::vector<int>& gpus, runtime::RankGroup* ranks) {
  for (const Message& message : program.messages) cliques_.try_emplace(clique_of(message));
  for (const Collective& collective : program.collectives) cliques_.try_emplace(clique_of(collective));
  make_ids(gpus, ranks);
  std::size_t place = 0;
  for (auto& [name, ends] : cliques_) {
    const ncclUniqueId& id = ids_[place++];
    ends.resize(name.members.size());
    for (std::size_t r = 0; r < ends.size(); ++r) {
      const int gpu = gpus[index(name.members[r])];
      if (gpu < 0) continue;
      const Seat seat{.gpu = gpu, .rank = static_cast<int>(r), .size = static_cast<int>(ends.size())};
      ends[r] = std::make_unique<Communicator>(seat, id);
    }
  }
}

// Whoever has a clique's first device makes its id.
void Cliques::make_ids(const std::vector<int>& gpus, runtime::RankGroup* ranks) {
  for (const auto& [name, ends] : cliques_) {
    ids_.push_back(gpus[index(name.members.front())] < 0 ? ncclUniqueId{} : new_id());
  }
  if (ranks == nullptr) return;
  for (int rank = 0; rank < ranks->size(); ++rank) {
    std::vector<ncclUniqueId> made;
    std::vector<std::size_t> places;
    std::size_t place = 0;
    for (const auto& [name, ends] : cliques_) {
      if (ranks->rank_of(name.members.front()) == rank) {
        made.push_back(ids_[place]);
        places.push_back(place);
      }
      ++place;
    }
    ranks->broadcast(rank, std::as_writable_bytes(std::span(made)));
    for (std::size_t i = 0; i < places.size(); ++i) ids_[places[i]] = made[i];
  }
}

template <class Action>
void Cliques::on_each(Action action) {
  for (auto& [name, ends] : cliques_) {
    for (std::size_t r = 0; r < ends.size(); ++r) {
      if (ends[r]) action(name, r, *ends[r]);
    }
  }
}

void Cliques::connect(const Waiting& waiting) {
  on_each([&](const CliqueName&, std::size_t, Communicator& end) { end.settle(waiting); });
  std::vector<runtime::DeviceMemory> memory;
  try {
    on_each([&](const CliqueName&, std::size_t, Communicator& end) {
      MP_CUDA(cudaSetDevice(end.gpu()));
      memory.push_back(cuda::allocate(2 * kTrialBytes, end.stream()));
    });
    auto next =
        memory.begin();  // all of it is there before a transfer begins: to allocate may wait for work of the GPU
    on_each([&](const CliqueName& name, std::size_t position, Communicator& end) {
      MP_CUDA(cudaSetDevice(end.gpu()));
      end.begin(trial(name.lane, position, (next++)->get()));
    });
    on_each([&](const CliqueName&, std::size_t, Communicator& end) { end.settle(waiting); });
    on_each([&](const CliqueName&, std::size_t, Communicator& end) { end.await(waiting); });
  } catch (...) {
    abort();  // memory is not freed while a transfer waits for the other end
    throw;
  }
}

void Cliques::close(const std::atomic<bool>& stop) noexcept {
  on_each([](const CliqueName&, std::size_t, Communicator& end) { end.begin_to_close(); });
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  on_each([&](const CliqueName&, std::size_t, Communicator& end) { end.close(deadline, stop); });
  abort();  // what is left
}

void Cliques::abort() noexcept {
  std::vector<Communicator*> all;
  on_each([&](const CliqueName&, std::size_t, Communicator& end) { all.push_back(&end); });
  Communicator::abort_all(all);
}

std::string Cliques::failure() {
  std::string first;
  on_each([&](const CliqueName&, std::size_t, Communicator& end) {
    if (first.empty()) first = end.failure();
  });
  return first;
}

Communicator* Cliques::end(const CliqueName& name, DeviceId device) {
  const auto place = std::find(name.members.begin(), name.members.end(), device);
  return cliques_.at(name)[static_cast<std::size_t>(place - name.members.begin())].get();
}

}  // namespace mp::nccl

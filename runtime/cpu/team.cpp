#include "runtime/cpu/team.hpp"

#include <limits>
#include <utility>

#include "lib/base/check.hpp"
#include "runtime/cpu/affinity.hpp"

namespace mp::runtime {

Team::Team(int threads, const std::vector<int>& cores) {
  MP_CHECK(threads >= 1);
  MP_CHECK(cores.empty() || cores.size() == static_cast<std::size_t>(threads));
  if (!cores.empty()) cpu::keep_to_core(cores.front());
  workers_.reserve(static_cast<std::size_t>(threads) - 1);
  for (int worker = 1; worker < threads; ++worker) {
    const int core = cores.empty() ? -1 : cores[static_cast<std::size_t>(worker)];
    workers_.emplace_back([this, worker, core] {
      if (core >= 0) cpu::keep_to_core(core);
      worker_main(worker);
    });
  }
}

Team::~Team() {
  stopping_.store(true);
  generation_.fetch_add(1);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Team::run(Work work, std::int64_t parts) {
  MP_CHECK(parts < std::numeric_limits<std::int32_t>::max());
  if (workers_.empty() || parts <= 1) {
    for (std::int64_t part = 0; part < parts; ++part) work.call(work.context, part, 0);
    return;
  }
  const std::uint32_t generation = generation_.load() + 1;
  work_ = work;
  unfinished_.store(static_cast<std::uint32_t>(parts));
  ticket_.store(std::uint64_t{generation} << 32U | static_cast<std::uint64_t>(parts));
  generation_.store(generation);
  generation_.notify_all();
  work_for(generation, 0);
  for (std::uint32_t left = unfinished_.load(); left != 0; left = unfinished_.load()) unfinished_.wait(left);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void Team::work_for(std::uint32_t generation, int worker) {
  std::uint64_t ticket = ticket_.load();
  while (ticket >> 32U == generation && static_cast<std::uint32_t>(ticket) != 0) {
    if (!ticket_.compare_exchange_weak(ticket, ticket - 1)) continue;
    const std::int64_t part = static_cast<std::uint32_t>(ticket) - 1;
    try {
      work_.call(work_.context, part, worker);
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
    if (unfinished_.fetch_sub(1) == 1) unfinished_.notify_one();
    ticket = ticket_.load();
  }
}

void Team::worker_main(int worker) {
  std::uint32_t seen = 0;
  while (true) {
    generation_.wait(seen);
    seen = generation_.load();
    if (stopping_.load()) return;
    work_for(seen, worker);
  }
}

}  // namespace mp::runtime

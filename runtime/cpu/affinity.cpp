#include "runtime/cpu/affinity.hpp"

#include <pthread.h>
#include <sched.h>

#include <cstddef>

namespace mp::runtime::cpu {

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(static_cast<std::size_t>(core), &set)) cores.push_back(core);
  }
  return cores;
}

std::vector<int> cores_of_device(const std::vector<int>& usable, int devices, int threads, int device) {
  const std::size_t wanted = static_cast<std::size_t>(devices) * static_cast<std::size_t>(threads);
  if (wanted > usable.size() || 2 * wanted <= usable.size()) return {};
  const auto first = usable.begin() + static_cast<std::ptrdiff_t>(device) * threads;
  return {first, first + threads};
}

void keep_to_core(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  static_cast<void>(pthread_setaffinity_np(pthread_self(), sizeof(set), &set));
}

}  // namespace mp::runtime::cpu

// Which cores this process may use, and threads that keep to one of them.
#pragma once

#include <vector>

namespace mp::runtime::cpu {

// In ascending order; empty where the system does not say.
[[nodiscard]] std::vector<int> usable_cores();

// The cores of device `device`'s team: distinct for all devices of `devices` × `threads`. Empty, any core: where they
// do not fit on `usable`, or leave half of it free, since then another program may have the same cores in mind.
[[nodiscard]] std::vector<int> cores_of_device(const std::vector<int>& usable, int devices, int threads, int device);

// From now on the calling thread runs on this core alone. A system that refuses changes nothing but the speed.
void keep_to_core(int core);

}  // namespace mp::runtime::cpu

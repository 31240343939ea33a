// Whether items can be packed into devices below a limit: the fractional bound of bin packing, by column generation.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace mp::partition {

struct PackingProblem {
  std::vector<std::vector<double>> seconds;  // [class][item]; infinity: not there
  std::vector<std::int32_t> counts;          // devices of each class
};

struct PackingEffort {
  std::int32_t columns = 400;  // packings of one device looked at
  std::function<bool()> stop = [] { return false; };
};

// Proves that no packing gives every device a sum below `limit`: finds a price for every item such that all together
// cost more than the devices can hold, each filled with the dearest items that fit. The prices come from the linear
// program over all packings of single devices (Gilmore & Gomory, Operations Research 1961), solved by the simplex
// method, its columns by dynamic programming over prices in whole numbers; the proof counts with those and with exact
// seconds. False: not proved.
[[nodiscard]] bool cannot_pack(const PackingProblem& problem, double limit, const PackingEffort& effort);

}  // namespace mp::partition

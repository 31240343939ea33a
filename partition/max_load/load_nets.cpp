#include "partition/max_load/load_nets.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace mp::partition {

std::vector<LoadNet> load_nets(const LoadProblem& problem) {
  std::map<std::vector<std::int32_t>, double> seconds_of;
  for (const LoadTensor& tensor : problem.tensors) {
    if (tensor.transfer_s <= 0.0 || tensor.readers.empty()) continue;
    std::vector<std::int32_t> units = tensor.readers;
    units.push_back(tensor.producer);
    std::sort(units.begin(), units.end());
    seconds_of[std::move(units)] += tensor.transfer_s;
  }
  std::vector<LoadNet> nets;
  nets.reserve(seconds_of.size());
  for (auto& [units, seconds] : seconds_of) nets.push_back({.units = units, .transfer_s = seconds});
  return nets;
}

}  // namespace mp::partition

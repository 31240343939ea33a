#include "runtime/ranks/host_devices.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace mp::runtime {

DeviceId device_on_host(std::span<const std::string> hosts, DeviceId device) {
  const auto before = hosts.first(index(device));
  return make_id<DeviceId>(static_cast<std::size_t>(std::count(before.begin(), before.end(), hosts[index(device)])));
}

BackendFactory on_each_host(const RankGroup& ranks, std::size_t devices, BackendFactory factory) {
  std::vector<std::string> hosts;
  for (std::size_t d = 0; d < devices; ++d) hosts.push_back(ranks.place(ranks.rank_of(make_id<DeviceId>(d))).host);
  return [hosts = std::move(hosts), factory = std::move(factory)](DeviceId device) {
    return factory(device_on_host(hosts, device));
  };
}

}  // namespace mp::runtime

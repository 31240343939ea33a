#include "lib/base/ids.hpp"

#include <vector>

#include "tests/support/catch.hpp"

using mp::DeviceId;
using mp::IdVector;
using mp::NodeId;

TEST_CASE("an id vector hands out consecutive ids and knows which are its own", "[base]") {
  IdVector<NodeId, int> values;
  const NodeId first = values.push_back(10);
  const NodeId second = values.push_back(20);
  CHECK(mp::index(first) == 0);
  CHECK(mp::index(second) == 1);
  CHECK(values[second] == 20);
  CHECK(values.contains(second));
  CHECK_FALSE(values.contains(mp::make_id<NodeId>(2)));
  CHECK_FALSE(values.contains(mp::kNone<NodeId>));
}

TEST_CASE("a range of ids counts from zero", "[base]") {
  std::vector<DeviceId> seen;
  for (const DeviceId device : mp::ids<DeviceId>(3)) seen.push_back(device);
  CHECK(seen == std::vector<DeviceId>{DeviceId{0}, DeviceId{1}, DeviceId{2}});
  CHECK(mp::ids<DeviceId>(0).begin() == mp::ids<DeviceId>(0).end());
}

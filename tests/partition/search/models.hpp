// Models and clusters for the tests of the search: small, from a seed where random.
#pragma once

#include <cstdint>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "partition/search/step_search.hpp"

namespace mp::partition::test {

// `layers` of Gemm with bias, Relu, Add of two earlier layers, a weight shared by two products; batch 16, loss at the
// end. Any layer may read any of the four before it.
[[nodiscard]] Model random_model(std::uint64_t seed, int layers);

// `layers` equal Gemm of `width` with Relu: a pipeline's ideal.
[[nodiscard]] Model chain_model(int layers, int width);

// `towers` chains of `layers` Gemm of `width` with Relu that read the input and are added up, in the file layer by
// layer.
[[nodiscard]] Model tower_model(int towers, int layers, int width);

// Devices of two types, one twice as fast and with more memory, on two hosts where there are more than two.
[[nodiscard]] Cluster mixed_cluster(int devices, std::int64_t memory_bytes);

// One quick algorithm with seed 1.
[[nodiscard]] StepSearchOptions quick();

}  // namespace mp::partition::test

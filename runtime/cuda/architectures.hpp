// Which GPUs this build has kernels for.
#pragma once

namespace mp::cuda {

// As 10 · major + minor; kernels run on it and on every newer one.
[[nodiscard]] int least_compute_capability();

}  // namespace mp::cuda

#include "runtime/cudnn/check.hpp"

#include <fmt/format.h>

#include <array>

#include "lib/base/error.hpp"

namespace mp::runtime {

void cudnn_failed(cudnnStatus_t status, std::string_view call, std::string_view file, int line) {
  std::array<char, 512> more{};
  cudnnGetLastErrorString(more.data(), more.size());
  throw RunError(fmt::format("cuDNN: {} ({}) at {}:{}{}{}", cudnnGetErrorString(status), call, file, line,
                             more[0] == '\0' ? "" : ": ", more.data()));
}

}  // namespace mp::runtime

#include "runtime/mpi/check.hpp"

#include <fmt/core.h>

#include <array>
#include <string_view>

#include "lib/base/error.hpp"

namespace mp::runtime {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) length = 0;
  const std::string_view name(call);
  throw RunError(fmt::format("MPI: {} failed: {}", name.substr(0, name.find('(')),
                             std::string_view(text.data(), static_cast<std::size_t>(length))));
}

}  // namespace mp::runtime

#include "lib/base/error.hpp"
#include "runtime/mpi/mpi_session.hpp"

namespace mp::runtime {

std::unique_ptr<MpiSession> start_mpi() {
  throw RunError(
      "started by an MPI launcher, but this mprun was built without MPI: install MPI (libopenmpi-dev and openmpi-bin) "
      "and build again, or start the ranks without MPI: mprun launch -n N train …");
}

}  // namespace mp::runtime

// Every call of MPI goes through MP_MPI: an error becomes a RunError that names the call.
#pragma once

#include <mpi.h>

namespace mp::runtime {

// Throws RunError with the error's text.
void check_mpi(int code, const char* call);

}  // namespace mp::runtime

#define MP_MPI(call) ::mp::runtime::check_mpi((call), #call)

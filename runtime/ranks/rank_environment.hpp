// Whether this process is one rank of several, as its launcher says.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mp::runtime {

// How the ranks find each other.
enum class Launcher : std::uint8_t {
  kMpi,   // mpirun, mpiexec, srun with PMIx: by MPI
  kAddress  // rank 0 listens at an address that all know
};

struct RankEnvironment {
  Launcher launcher = Launcher::kAddress;
  std::string started_by;  // "mpirun", "srun", "RANK and WORLD_SIZE": for messages
  int rank = 0;
  int size = 1;
  std::string address;     // kAddress: of rank 0
  std::uint16_t port = 0;  // kAddress
  friend bool operator==(const RankEnvironment&, const RankEnvironment&) = default;
};

// The value of a variable; nothing where it is not set.
using Variables = std::function<std::optional<std::string>(std::string_view name)>;

// Nothing for a process alone, or of a launcher that started just one. Looked at in this order: Open MPI
// (OMPI_COMM_WORLD_RANK, …_SIZE); a step of Slurm (SLURM_PROCID, SLURM_STEP_NUM_TASKS or SLURM_NTASKS; by MPI where it
// brings PMIx, else by address); MPICH and its kin (PMI_RANK, PMI_SIZE); RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT as
// torchrun sets them. MASTER_ADDR and MASTER_PORT override what Slurm's variables say. Throws UsageError for values
// that make no sense.
[[nodiscard]] std::optional<RankEnvironment> rank_environment(const Variables& variables);
[[nodiscard]] std::optional<RankEnvironment> rank_environment();  // of this process

// The first host of a Slurm list: "gpu[07-12,20],login" is "gpu07".
[[nodiscard]] std::string first_host(std::string_view host_list);

}  // namespace mp::runtime

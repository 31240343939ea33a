#include "runtime/ranks/rank_environment.hpp"

#include <fmt/core.h>

#include <charconv>
#include <cstdlib>

#include "lib/base/error.hpp"

namespace mp::runtime {
namespace {

// Ports of steps of Slurm: above the well-known ones, below those the system hands out.
constexpr std::int64_t kFirstPort = 20000;
constexpr std::int64_t kPorts = 12000;

class Reader {
 public:
  explicit Reader(const Variables& variables) : variables_(variables) {}

  [[nodiscard]] bool has(std::string_view name) const { return variables_(name).has_value(); }
  [[nodiscard]] std::string text(std::string_view name) const { return variables_(name).value_or(""); }

  [[nodiscard]] std::int64_t number(std::string_view name, std::int64_t smallest, std::int64_t largest) const {
    const std::string value = text(name);
    std::int64_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc() || end != value.data() + value.size() || result < smallest || result > largest) {
      throw UsageError(fmt::format("the environment variable {} is '{}': expected a whole number from {} to {}", name,
                                   value, smallest, largest));
    }
    return result;
  }

  // Nothing where the launcher started one process alone.
  [[nodiscard]] std::optional<RankEnvironment> ranks(std::string_view rank, std::string_view size,
                                                     std::string_view started_by) const {
    constexpr std::int64_t kMostRanks = 1 << 20;
    const std::int64_t count = number(size, 1, kMostRanks);
    if (count == 1) return std::nullopt;
    RankEnvironment environment;
    environment.started_by = started_by;
    environment.size = static_cast<int>(count);
    environment.rank = static_cast<int>(number(rank, 0, count - 1));
    return environment;
  }

  [[nodiscard]] std::uint16_t port() const { return static_cast<std::uint16_t>(number("MASTER_PORT", 1, 65535)); }

 private:
  const Variables& variables_;
};

std::optional<RankEnvironment> by_mpi(std::optional<RankEnvironment> environment) {
  if (environment) environment->launcher = Launcher::kMpi;
  return environment;
}

// A script of sbatch has the variables of a rank, too, but is none: only srun starts steps.
bool is_slurm_step(const Reader& reader) {
  return reader.has("SLURM_PROCID") &&
         (reader.has("SLURM_STEP_NUM_TASKS") || (reader.has("SLURM_STEP_ID") && reader.has("SLURM_NTASKS")));
}

std::optional<RankEnvironment> slurm_step(const Reader& reader) {
  const char* size = reader.has("SLURM_STEP_NUM_TASKS") ? "SLURM_STEP_NUM_TASKS" : "SLURM_NTASKS";
  std::optional<RankEnvironment> environment = reader.ranks("SLURM_PROCID", size, "srun");
  if (!environment || reader.has("PMIX_RANK")) return by_mpi(environment);
  const char* hosts = reader.has("SLURM_STEP_NODELIST") ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST";
  environment->address = reader.has("MASTER_ADDR") ? reader.text("MASTER_ADDR") : first_host(reader.text(hosts));
  if (environment->address.empty()) {
    throw UsageError("started by srun, but neither MASTER_ADDR nor SLURM_STEP_NODELIST says where rank 0 is");
  }
  constexpr std::int64_t kLargest = std::int64_t{1} << 40;
  if (reader.has("MASTER_PORT")) {
    environment->port = reader.port();
  } else {
    const std::int64_t job = reader.has("SLURM_JOB_ID") ? reader.number("SLURM_JOB_ID", 0, kLargest) : 0;
    const std::int64_t step = reader.has("SLURM_STEP_ID") ? reader.number("SLURM_STEP_ID", 0, kLargest) : 0;
    environment->port = static_cast<std::uint16_t>(kFirstPort + (job * 37 + step) % kPorts);
  }
  return environment;
}

std::optional<RankEnvironment> by_variables(const Reader& reader) {
  std::optional<RankEnvironment> environment = reader.ranks("RANK", "WORLD_SIZE", "RANK and WORLD_SIZE");
  if (!environment) return environment;
  if (!reader.has("MASTER_ADDR") || !reader.has("MASTER_PORT")) {
    throw UsageError(
        "the environment variables RANK and WORLD_SIZE are set, but not MASTER_ADDR and MASTER_PORT, which say where "
        "rank 0 is: set them, too, or unset WORLD_SIZE to train in one process");
  }
  environment->address = reader.text("MASTER_ADDR");
  environment->port = reader.port();
  return environment;
}

}  // namespace

std::optional<RankEnvironment> rank_environment(const Variables& variables) {
  const Reader reader(variables);
  if (reader.has("OMPI_COMM_WORLD_RANK") && reader.has("OMPI_COMM_WORLD_SIZE")) {
    return by_mpi(reader.ranks("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "mpirun"));
  }
  if (is_slurm_step(reader)) return slurm_step(reader);
  if (reader.has("PMI_RANK") && reader.has("PMI_SIZE")) return by_mpi(reader.ranks("PMI_RANK", "PMI_SIZE", "mpiexec"));
  if (reader.has("RANK") && reader.has("WORLD_SIZE")) return by_variables(reader);
  return std::nullopt;
}

std::optional<RankEnvironment> rank_environment() {
  return rank_environment([](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());  // NOLINT(concurrency-mt-unsafe): before any thread
    if (value == nullptr) return std::nullopt;
    return value;
  });
}

std::string first_host(std::string_view host_list) {
  const std::size_t bracket = host_list.find('[');
  const std::size_t comma = host_list.find(',');
  if (bracket == std::string_view::npos || comma < bracket) return std::string(host_list.substr(0, comma));
  const std::string_view numbers = host_list.substr(bracket + 1);
  const std::string_view first = numbers.substr(0, numbers.find_first_of(",-]"));
  const std::size_t closed = host_list.find(']', bracket);
  std::string_view rest = closed == std::string_view::npos ? "" : host_list.substr(closed + 1);
  rest = rest.substr(0, rest.find(','));
  return std::string(host_list.substr(0, bracket)) + std::string(first) + std::string(rest);
}

}  // namespace mp::runtime

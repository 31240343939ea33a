#include "runtime/ranks/rank_environment.hpp"

#include <map>

#include "lib/base/error.hpp"
#include "runtime/ranks/host_devices.hpp"
#include "runtime/ranks/rank_group.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;

namespace {

std::optional<RankEnvironment> environment_of(const std::map<std::string, std::string, std::less<>>& variables) {
  return rank_environment([&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

RankEnvironment at(std::string by, int rank, int size, std::string address, std::uint16_t port) {
  return {.launcher = Launcher::kAddress,
          .started_by = std::move(by),
          .rank = rank,
          .size = size,
          .address = std::move(address),
          .port = port};
}

RankEnvironment by_mpi(std::string by, int rank, int size) {
  RankEnvironment environment = at(std::move(by), rank, size, "", 0);
  environment.launcher = Launcher::kMpi;
  return environment;
}

}  // namespace

TEST_CASE("launchers are known by their variables") {
  CHECK(!environment_of({}));
  CHECK(environment_of({{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}}) == by_mpi("mpirun", 3, 4));
  CHECK(environment_of({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}}) == by_mpi("mpiexec", 0, 2));
  CHECK(environment_of({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "29500"}}) ==
        at("RANK and WORLD_SIZE", 1, 2, "a", 29500));
}

TEST_CASE("a launcher that starts one process alone is no matter") {
  CHECK(!environment_of({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}));
  CHECK(!environment_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}));
  CHECK(!environment_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "1"}}));
}

TEST_CASE("a step of Slurm meets by MPI where there is PMIx, else on its first host") {
  std::map<std::string, std::string, std::less<>> slurm = {{"SLURM_PROCID", "2"},
                                                           {"SLURM_STEP_NUM_TASKS", "8"},
                                                           {"SLURM_STEP_ID", "1"},
                                                           {"SLURM_JOB_ID", "100"},
                                                           {"SLURM_STEP_NODELIST", "gpu[07-10],other"}};
  CHECK(environment_of(slurm) == at("srun", 2, 8, "gpu07", 20000 + 100 * 37 + 1));
  slurm["MASTER_ADDR"] = "head";
  slurm["MASTER_PORT"] = "1234";
  CHECK(environment_of(slurm) == at("srun", 2, 8, "head", 1234));
  slurm["PMIX_RANK"] = "2";
  CHECK(environment_of(slurm) == by_mpi("srun", 2, 8));
}

TEST_CASE("a script of sbatch is no rank, whatever its job's size") {
  CHECK(!environment_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "8"}, {"SLURM_JOB_NODELIST", "a"}}));
}

TEST_CASE("variables that make no sense are named") {
  CHECK_THROWS_WITH(environment_of({{"OMPI_COMM_WORLD_RANK", "x"}, {"OMPI_COMM_WORLD_SIZE", "4"}}),
                    Catch::Contains("OMPI_COMM_WORLD_RANK is 'x': expected a whole number from 0 to 3"));
  CHECK_THROWS_WITH(environment_of({{"RANK", "2"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}}),
                    Catch::Contains("RANK is '2'"));
  CHECK_THROWS_WITH(environment_of({{"RANK", "0"}, {"WORLD_SIZE", "2"}}), Catch::Contains("MASTER_ADDR"));
  CHECK_THROWS_AS(environment_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "2"}}), UsageError);
}

TEST_CASE("the first host of a list") {
  CHECK(first_host("a") == "a");
  CHECK(first_host("a,b") == "a");
  CHECK(first_host("gpu[007-012,20],login") == "gpu007");
  CHECK(first_host("gpu[3,5]") == "gpu3");
  CHECK(first_host("login,gpu[1-2]") == "login");
  CHECK(first_host("rack[1-2]-a,b") == "rack1-a");
  CHECK(first_host("").empty());
}

TEST_CASE("devices are shared out in contiguous blocks, each device once, as equally as can be") {
  CHECK(share_of(0, 2, 3) == DeviceShare{0, 2});
  CHECK(share_of(1, 2, 3) == DeviceShare{2, 3});
  for (int ranks = 1; ranks <= 9; ++ranks) {
    for (std::size_t devices = static_cast<std::size_t>(ranks); devices <= 20; ++devices) {
      std::size_t next = 0;
      std::size_t smallest = devices;
      std::size_t largest = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const DeviceShare share = share_of(rank, ranks, devices);
        CHECK(share.first == next);
        next = share.last;
        smallest = std::min(smallest, share.last - share.first);
        largest = std::max(largest, share.last - share.first);
      }
      CHECK(next == devices);
      CHECK(smallest >= 1);
      CHECK(largest - smallest <= 1);
    }
  }
}

TEST_CASE("devices are counted anew on each host") {
  const std::vector<std::string> hosts = {"a", "a", "b", "b", "a"};
  std::vector<std::size_t> numbers;
  for (std::size_t d = 0; d < hosts.size(); ++d) numbers.push_back(index(device_on_host(hosts, make_id<DeviceId>(d))));
  CHECK(numbers == std::vector<std::size_t>{0, 1, 0, 1, 2});
}

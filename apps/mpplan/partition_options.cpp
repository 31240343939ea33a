#include "apps/mpplan/partition_options.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "apps/mpplan/interrupt.hpp"
#include "lib/base/error.hpp"
#include "partition/acyclic_portfolio.hpp"

namespace mp::apps {

std::string algorithm_list() {
  return fmt::format("{}; with --acyclic: {}", fmt::join(partition::algorithm_names(), ", "),
                     fmt::join(partition::acyclic_algorithm_names(), ", "));
}

partition::PortfolioOptions portfolio_options(const PartitionOptions& options) {
  const std::optional<partition::Effort> effort = partition::effort_from(options.effort);
  if (!effort) throw UsageError(fmt::format("--effort {}: there are fast, default, high, best", options.effort));
  partition::PortfolioOptions result;
  result.algorithms = {options.algorithm};
  result.refine = options.refine;
  result.effort = *effort;
  result.seed = options.seed;
  result.threads = options.threads;
  result.time_limit_s = options.time_limit_s;
  result.stop = &interrupted();
  return result;
}

}  // namespace mp::apps

// The flags of mpplan partition.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/values.hpp"
#include "partition/portfolio.hpp"

namespace mp::apps {

struct PartitionOptions {
  std::string input;
  std::optional<std::int32_t> devices;
  std::optional<std::string> cluster;
  std::optional<std::string> profile;  // of the machine: mprun profile
  std::optional<std::int32_t> blocks;  // of a .graph file
  std::optional<std::string> imbalance;
  std::optional<std::string> memory_imbalance;
  StepFlags step;
  std::int32_t replicas = 1;
  std::int32_t zero = 0;
  std::optional<std::int64_t> bucket_bytes;
  std::string recompute = "none";
  std::vector<std::string> splits;  // --split, as given
  std::string objective = "cut";
  bool acyclic = false;
  bool contiguous = false;
  std::string algorithm = "auto";
  bool refine = false;
  std::string effort = "default";
  std::uint64_t seed = 1;
  std::int32_t threads = 1;
  std::optional<double> time_limit_s;
  std::optional<std::string> output;  // default: plan.json; GRAPH.part.N
  bool json = false;
};

// "metis, metis+kl, …, auto".
[[nodiscard]] std::string algorithm_list();

// Throws UsageError for names that are none, listing those there are.
[[nodiscard]] partition::PortfolioOptions portfolio_options(const PartitionOptions& options);

}  // namespace mp::apps

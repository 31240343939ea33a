// A placement plan: what runs where, in which order, and what was predicted of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/graph/node_split.hpp"
#include "lib/training/optimizer.hpp"
#include "lib/training/precision.hpp"

namespace mp {

// Order in which a device works on the passes of the microbatches. GPipe: Huang et al., NeurIPS 2019; 1F1B:
// Narayanan et al., SOSP 2019 (PipeDream-Flush: ICML 2021); interleaved (several stages on a device): Narayanan et al.,
// SC 2021; zero bubble (weight gradients fill the waits): Qi et al., ICLR 2024. What each does: lib/program/policy.hpp.
enum class Schedule : std::uint8_t { kGpipe, k1f1b, kInterleaved, kZeroBubble };
inline constexpr std::array kSchedules = {Schedule::kGpipe, Schedule::k1f1b, Schedule::kInterleaved,
                                          Schedule::kZeroBubble};
[[nodiscard]] std::string_view name_of(Schedule schedule);  // "gpipe", "1f1b", "interleaved", "zero-bubble"
[[nodiscard]] std::optional<Schedule> find_schedule(std::string_view name);

struct Imbalance {
  double compute = 0.0;  // max over devices of load / average load, minus 1 (loads relative to the device's speed)
  double memory = 0.0;
  friend bool operator==(const Imbalance&, const Imbalance&) = default;
};

struct DevicePrediction {
  std::int64_t nodes = 0;         // forward nodes
  std::int64_t parameters = 0;    // trained elements
  double compute_share = 0.0;     // of the whole step's compute, 0 … 1
  std::int64_t memory_bytes = 0;  // arena of the compiled Program
  friend bool operator==(const DevicePrediction&, const DevicePrediction&) = default;
};

// A placement the planner has tried.
struct Alternative {
  std::string algorithm;
  std::int64_t cut_bytes = 0;
  std::int64_t communication_volume_bytes = 0;
  Imbalance imbalance;
  bool feasible = true;               // within the balance and memory that were asked for
  std::optional<double> step_time_s;  // where it was simulated
  friend bool operator==(const Alternative&, const Alternative&) = default;
};

struct Prediction {
  std::string objective = "cut";
  std::int64_t cut_bytes = 0;
  std::int64_t communication_volume_bytes = 0;
  Imbalance imbalance;
  double step_time_s = 0.0;
  double bubble_fraction = 0.0;
  std::vector<DevicePrediction> devices;
  std::vector<Alternative> alternatives;  // tried, the chosen one among them
  friend bool operator==(const Prediction&, const Prediction&) = default;
};

// Devices that share the microbatches of what is assigned to the first of them, the leader: microbatch m runs on member
// m mod d of a group of d.
using ReplicaGroup = std::vector<DeviceId>;
inline constexpr std::int32_t kMaxZero = 3;
inline constexpr std::int64_t kDefaultBucketBytes =
    25'000'000;  // as PyTorch's DistributedDataParallel (Li et al., VLDB 2020)

// A stage of a pipeline as its planner means it: data_parallel replicas of tensor_parallel devices each, consecutive
// ones from `first_device` on, replica after replica.
struct PlanStage {
  struct Choice {
    std::string option;              // ParallelOption::name
    std::vector<std::string> nodes;  // that run in this way, in the model file's order
    friend bool operator==(const Choice&, const Choice&) = default;
  };
  DeviceId first_device = kNone<DeviceId>;
  std::int32_t data_parallel = 1;
  std::int32_t tensor_parallel = 1;
  std::int32_t in_flight_microbatches = 1;  // under way in each replica
  double time_per_microbatch_s = 0.0;       // of all replicas together
  std::int64_t memory_bytes = 0;            // of each device
  std::vector<Choice> choices;
  friend bool operator==(const PlanStage&, const PlanStage&) = default;
};

struct Plan {
  std::string model_path;    // as written in the file: relative to the plan's folder, or absolute
  std::string model_sha256;  // of the model file's bytes, lower-case hex
  std::string model_name;
  Bindings bindings;  // all dimensions, the batch being that of a whole step
  Cluster cluster;
  std::vector<NodeSplit> splits;  // nodes cut into parts before anything else; the assignment names the parts
  std::vector<std::pair<std::string, DeviceId>> assignment;  // node name → device, in the model file's order
  std::vector<ReplicaGroup> replicas;                        // distinct devices; one that is in no group works alone
  // What the members of a group hold once, on the parameter's owner, instead of each (ZeRO, Rajbhandari et al., SC
  // 2020): 0 nothing, 1 optimizer state, 2 and gradients, 3 and parameters.
  std::int32_t zero = 0;
  // Most bytes of gradients (or new values) that members send each other in one message; 1: each tensor by itself.
  std::int64_t bucket_bytes = kDefaultBucketBytes;
  std::vector<PlanStage> stages;       // of a pipeline planned as one, in its order; else none
  std::vector<std::string> recompute;  // forward nodes whose outputs backward makes again instead of keeping them
  Schedule schedule = Schedule::k1f1b;
  std::int32_t alive_limit = 0;  // most microbatches alive at once on a device; 0: as many as the schedule wants
  std::int32_t microbatches = 1;
  Optimizer optimizer;    // memory depends on it; a recipe may change it
  Precision precision = Precision::kFloat32;  // likewise
  std::string algorithm;  // empty: written by hand
  std::uint64_t seed = 0;
  std::optional<Prediction> predicted;
  friend bool operator==(const Plan&, const Plan&) = default;
};

}  // namespace mp

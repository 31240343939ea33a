// Pipelines of stages that are replicated (data parallel), split inside (tensor parallel) and recompute activations.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "partition/graph/weighted_graph.hpp"

namespace mp::partition {

// One way to run a node on `t` devices at once ("TMPC" in the paper). Times and bytes are per microbatch ("sample").
struct PiperOption {
  std::string name;                        // "vanilla", "activation recomp"
  double time_s = 0.0;                     // forward and backward
  double parameter_bytes = 0.0;            // on each of the t devices; what replicas exchange
  double memory_per_microbatch_bytes = 0;  // for each microbatch under way
  double memory_bytes = 0.0;               // whatever is under way
  // Bytes to gather or scatter where an edge crosses stages, in the order of the problem's edges into and out of the
  // node; empty: none.
  std::vector<double> sync_in_bytes;
  std::vector<double> sync_out_bytes;
};

struct PiperNode {
  std::map<std::int32_t, std::vector<PiperOption>> options;  // by tensor-parallel degree t; every list has one or more
};

struct PiperEdge {
  VertexId from = kNone<VertexId>;
  VertexId to = kNone<VertexId>;
  double bytes = 0.0;       // 0 or more
  std::int32_t output = 0;  // of `from`; edges of one output carry the same tensor
};

// What crosses between stages: added to the time of both, as in Piper, or moved beside the compute, so that the longer
// of both counts, as in PipeDream's optimizer. There every tensor that one stage or a later one reads crosses once into
// that stage, and sync bytes do not count.
enum class Transfers : std::uint8_t { kAdded, kBeside };

struct PiperProblem {
  std::vector<PiperNode> nodes;
  std::vector<PiperEdge> edges;  // acyclic, no two of the same ends
  std::int32_t devices = 1;
  double memory_bytes = 0.0;  // of each device
  double bandwidth_bytes_per_s = 1.0;
  // Microbatches between two exchanges of gradients: every data-parallel degree divides it, and all together are at
  // most as many. 0: as many as the stage has replicas, which is PipeDream's asynchronous training.
  std::int64_t microbatches = 0;
  Transfers transfers = Transfers::kAdded;
};

struct PiperStage {
  std::vector<VertexId> nodes;        // ascending
  std::vector<std::int32_t> options;  // of each node: position in its list for this tensor_parallel
  std::int32_t data_parallel = 1;     // d
  std::int32_t tensor_parallel = 1;   // t; the stage has d × t devices
  std::int32_t in_flight = 1;         // y: microbatches under way in each replica
  double time_s = 0.0;                // per microbatch
  double memory_bytes = 0.0;          // of each device
};

struct PiperPlan {
  std::vector<PiperStage> stages;  // in the order of the pipeline
  double time_s = 0.0;             // of the slowest stage: what is minimised
  double lower_bound_s = 0.0;
  bool optimal = false;  // time_s is the least there is, to 12 digits
  std::int64_t upsets = 0;
  std::int64_t rounds = 0;  // thresholds tried
};

struct PiperOptions {
  // Beyond these the stages are intervals of one topological order: a good plan, not a proof.
  std::int64_t max_upsets = 20'000;
  std::int64_t max_pairs = 20'000'000;
};

// The pipeline whose slowest stage is fastest, or nothing if none fits the memory. A stage (S, d, t, one option for
// each node) with s = data-parallel degrees of this and all later stages together, y = ⌈s / d⌉:
//
//   time   = Σ time / d + (2 (bytes of cut edges + their sync bytes) / d + 4 (d−1) / d · Σ parameters / N) / bandwidth
//   memory = Σ memory_per_microbatch · y + memory ≤ memory_bytes of a device
//
// with N = microbatches; with Transfers::kBeside instead
//
//   time   = max(Σ time / d + 4 (d−1) / d · Σ parameters / N / bandwidth, 2 bytes in / d / bandwidth, 2 bytes out / …)
//
// Source: J. Tarnawski, D. Narayanan, A. Phanishayee, Piper: Multidimensional planner for DNN
// parallelization, NeurIPS 2021, sections 3 and 4; with microbatches = 0 and kBeside D. Narayanan et al.,
// PipeDream, SOSP 2019, section 3.2.
//
// Where we deviate: the paper tabulates the best time for every (downset, devices, s), choosing options by a heuristic.
// We search for the least threshold τ that all stages can keep. For a given τ the only states worth keeping of a set
// closed under successors (an upset) are those in which neither fewer devices nor a smaller s would do: a smaller s
// leaves every earlier stage more memory, fewer devices leave it more devices. Options are chosen exactly.
//
// Throws std::logic_error for a problem that breaks what its members promise.
[[nodiscard]] std::optional<PiperPlan> plan_piper(const PiperProblem& problem, const PiperOptions& options = {});

// The least memory of a device, to 1 MiB, with which there is a plan; nothing if none would do.
[[nodiscard]] std::optional<double> least_memory_bytes(const PiperProblem& problem, const PiperOptions& options = {});

}  // namespace mp::partition

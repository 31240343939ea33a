// A profile: what nodes, moves and messages take on the machine at hand (mprun profile), in place of the roofline.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/cluster/cluster.hpp"
#include "lib/graph/model.hpp"
#include "lib/training/training_graph.hpp"

namespace mp {

struct Profile {
  std::string model_name;
  std::string model_sha256;  // of the model file's bytes
  Bindings bindings;         // of the model's dimensions, the batch being that of one microbatch
  std::string machine;       // "AMD EPYC, 2 cores"
  std::string backend;       // "cpu"
  std::int32_t threads = 1;  // of each device
  DeviceType device;         // the roofline that the measured nodes amount to, for nodes that were not
  MeasuredTimes measured;    // measured.devices: how many devices were measured at work at once
  std::vector<Link> links;   // per ordered pair of those devices, as Cluster::matrix
  TransferBy transfer_by = TransferBy::kBackground;
  double step_overhead_s = 0.0;          // of one device
  double step_overhead_crowded_s = 0.0;  // of measured.devices
  friend bool operator==(const Profile&, const Profile&) = default;
};

// The cluster as the profile measured it: its devices keep names, hosts and memory limits, and have the profile's
// speeds and links (beyond the profile's devices the mean of its links). Throws InputError (source: the cluster's name)
// where the cluster has devices of several types or hosts: a profile is of one machine.
[[nodiscard]] Cluster profiled_cluster(const Cluster& cluster, const Profile& profile);

// What a plan's file can say of such a cluster: its roofline and links. Programs are compiled for this one, so that
// mprun train compiles the very program that was planned.
[[nodiscard]] Cluster without_measured_times(Cluster cluster);

// Nodes of the training graph, views and those with costs of their own aside, whose signature the profile lacks.
[[nodiscard]] std::vector<NodeId> unmeasured_nodes(const TrainingGraph& training, const Profile& profile);

// What to tell of them; empty where there are none. Throws InputError (source: the profile's file) where the profile
// has none of the graph's nodes: it is of another model, or of other dimensions.
[[nodiscard]] std::string profile_gaps(const TrainingGraph& training, const Profile& profile,
                                       const std::string& profile_path);

// One measured node, for the roofline.
struct MeasuredNode {
  WorkClass work = WorkClass::kVector;
  double flops = 0.0;
  double moved_bytes = 0.0;
  double seconds = 0.0;
};

// The float32 roofline that measured nodes amount to: the least time is the launch overhead; the highest rates of FLOPs
// (of products, convolutions and attention) and of bytes (of the others) are the peaks; efficiency at a size is the
// median of the nodes within a factor of 4. Throws nothing; without nodes it is the generic device's.
[[nodiscard]] DeviceType fitted_roofline(const std::vector<MeasuredNode>& nodes, std::string name);

}  // namespace mp

// A model as its file says it: names and symbolic dimensions, nothing inferred yet.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/graph/attributes.hpp"
#include "lib/graph/types.hpp"

namespace mp {

// The dimension that microbatches divide.
inline constexpr std::string_view kBatchDimension = "batch";

// A fixed extent, or a name that is bound when the model becomes a Graph.
struct Dimension {
  std::int64_t extent = 0;  // used when name is empty
  std::string name;
  friend bool operator==(const Dimension&, const Dimension&) = default;
};

// Names of dimensions → extents. From the file's `dimensions` (defaults), overridden by --bind.
using Bindings = std::map<std::string, std::int64_t, std::less<>>;

struct ModelInput {
  std::string name;
  DataType type = DataType::kFloat32;
  std::vector<Dimension> shape;
  // What fills the input during training when no recipe says otherwise (empty: a recipe must):
  //   "normal"           independent standard normal values
  //   "tokens"           a window of consecutive tokens of the training text
  //   "next-tokens"      the same window, one token on (the targets of "tokens")
  //   "images"/"labels"  samples of the image set / their classes
  //   "copy:<input>"     the same values as another input (an autoencoder's target)
  std::string data;
  friend bool operator==(const ModelInput&, const ModelInput&) = default;
};

// kNormal: mean a, standard deviation b. kUniform: a … b. kConstant: a.
struct Initializer {
  enum class Kind : std::uint8_t { kNormal, kUniform, kConstant };
  Kind kind = Kind::kConstant;
  double a = 0.0;
  double b = 0.0;
  friend bool operator==(const Initializer&, const Initializer&) = default;
};

// Of a parameter that is a part of a larger one along one axis (the model was cut into parts: lib/graph/model_in_parts.hpp):
// where it lies. It begins with that stretch of the whole's first values, and files hold it under the whole's name.
struct ParameterShard {
  std::string of;                   // name of the whole
  std::vector<std::int64_t> whole;  // its shape
  std::int64_t axis = 0;
  std::int64_t begin = 0;  // along the axis
  friend bool operator==(const ParameterShard&, const ParameterShard&) = default;
};

struct ModelParameter {
  std::string name;
  DataType type = DataType::kFloat32;
  std::vector<Dimension> shape;
  Initializer initializer;
  bool trainable = true;     // false: state the model keeps (running mean of batch normalisation)
  bool weight_decay = true;  // false: excluded from weight decay (biases, normalisation)
  std::optional<ParameterShard> shard{};  // files have none: plans make them
  friend bool operator==(const ModelParameter&, const ModelParameter&) = default;
};

// Costs measured elsewhere; with them a node may be planned without a known operator.
struct MeasuredCost {
  double forward_s = 0.0;
  double backward_s = 0.0;
  std::int64_t parameter_bytes = 0;        // kept on the node's device besides the graph's own parameters
  std::vector<std::int64_t> output_bytes;  // one per output; needed when the operator is unknown
  // Name of a device type → seconds there, instead of forward_s; infinity: the node cannot run on such a device.
  std::map<std::string, double, std::less<>> forward_s_by_type{};
  // One per output: seconds to move it between a device and the memory of the host, instead of what the cluster's links
  // say. Empty: as the links say.
  std::vector<double> output_transfer_s{};
  friend bool operator==(const MeasuredCost&, const MeasuredCost&) = default;
};

// One way to run a node on `tensor_parallel` devices at once, measured elsewhere: what a pipeline planner chooses from.
// All is per device and, but for the parameters, per microbatch.
struct ParallelOption {
  std::string name;  // "vanilla", "activation recomp"; a node's options of one degree have different names
  std::int32_t tensor_parallel = 1;
  double time_s = 0.0;                           // forward and backward
  std::int64_t parameter_bytes = 0;              // what replicas exchange
  std::int64_t memory_per_microbatch_bytes = 0;  // kept for each microbatch under way
  std::int64_t memory_bytes = 0;                 // kept whatever is under way
  // Bytes to collect from, and to hand to, the other devices of the node where an input comes from another stage or an
  // output goes to one; one for each input, each output. Empty: none.
  std::vector<std::int64_t> sync_input_bytes;
  std::vector<std::int64_t> sync_output_bytes;
  friend bool operator==(const ParallelOption&, const ParallelOption&) = default;
};

struct ModelNode {
  std::string name;
  std::string op;
  std::vector<std::string> inputs;   // names of tensors; "" for an absent optional input
  std::vector<std::string> outputs;  // "" for an output nobody wants
  Attributes attributes;
  std::optional<MeasuredCost> cost;
  std::string colocate;                // nodes of one group share a device; empty: free
  std::optional<std::int64_t> device;  // pinned to this device of the plan
  bool backward = false;  // a node of the backward pass, as profiles list them: its group's forward pass leads
  std::vector<ParallelOption> parallel_options{};  // by ascending tensor_parallel; none: one device, by the cost
  friend bool operator==(const ModelNode&, const ModelNode&) = default;
};

// How the losses (and gradients) of the microbatches of a step combine into the step's.
enum class LossReduction : std::uint8_t { kMean, kSum };

struct Model {
  std::string name;
  std::string description;
  Bindings dimensions;
  std::vector<ModelInput> inputs;
  std::vector<ModelParameter> parameters;
  std::vector<ModelNode> nodes;  // in any order
  std::string loss;              // name of a scalar float32 tensor; empty: a model for planning only
  LossReduction loss_reduction = LossReduction::kMean;
  friend bool operator==(const Model&, const Model&) = default;
};

}  // namespace mp

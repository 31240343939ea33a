#include "partition/pipeline/model_pipeline.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "lib/base/error.hpp"
#include "lib/base/text.hpp"
#include "lib/plan/stage_parts.hpp"

namespace mp::partition {
namespace {

constexpr double kUnlimited = 1e18;  // bytes
constexpr double kGradientsToo = 2.0;

struct Output {
  VertexId producer = kNone<VertexId>;
  std::size_t position = 0;
};
using Producers = std::map<std::string_view, Output>;

Producers producers_of(const Model& model) {
  Producers producers;
  for (std::size_t v = 0; v < model.nodes.size(); ++v) {
    const ModelNode& node = model.nodes[v];
    for (std::size_t o = 0; o < node.outputs.size(); ++o)
      if (!node.outputs[o].empty()) producers.emplace(node.outputs[o], Output{make_id<VertexId>(v), o});
  }
  return producers;
}

double output_bytes(const ModelNode& node, std::size_t position) {
  const bool is_known = node.cost && position < node.cost->output_bytes.size();
  return is_known ? static_cast<double>(node.cost->output_bytes[position]) : 0.0;
}

std::vector<Issue> issues_of(const Model& model) {
  std::vector<Issue> issues;
  for (std::size_t v = 0; v < model.nodes.size(); ++v) {
    const ModelNode& node = model.nodes[v];
    const std::string place = fmt::format("/nodes/{}", v);
    if (node.parallel_options.empty() && !node.cost) {
      issues.push_back({place, fmt::format("node {} has neither \"parallel_options\" nor a \"cost\": planners of "
                                           "pipelines from measured costs need one of them",
                                           quoted(node.name))});
    }
    if (!node.colocate.empty() || node.device)
      issues.push_back({place, fmt::format("node {} is colocated or pinned, which this planner cannot keep; "
                                           "--objective max-load --algorithm auto can",
                                           quoted(node.name))});
  }
  return issues;
}

PiperOption cost_option(const ModelNode& node, PipelineCosts costs) {
  const auto parameters = static_cast<double>(node.cost->parameter_bytes);
  PiperOption option{.name = "measured",
                     .time_s = node.cost->forward_s + node.cost->backward_s,
                     .parameter_bytes = parameters,
                     .memory_per_microbatch_bytes = costs == PipelineCosts::kPipedream ? parameters : 0.0,
                     .memory_bytes = costs == PipelineCosts::kPipedream ? parameters : kGradientsToo * parameters,
                     .sync_in_bytes = {},
                     .sync_out_bytes = {}};
  for (std::size_t o = 0; o < node.outputs.size(); ++o) option.memory_per_microbatch_bytes += output_bytes(node, o);
  return option;
}

PiperNode node_options(const ModelNode& node, PipelineCosts costs) {
  PiperNode result;
  if (node.parallel_options.empty()) result.options[1].push_back(cost_option(node, costs));
  for (const ParallelOption& option : node.parallel_options) {
    result.options[option.tensor_parallel].push_back(
        {.name = option.name,
         .time_s = option.time_s,
         .parameter_bytes = static_cast<double>(option.parameter_bytes),
         .memory_per_microbatch_bytes = static_cast<double>(option.memory_per_microbatch_bytes),
         .memory_bytes = static_cast<double>(option.memory_bytes),
         .sync_in_bytes = {},
         .sync_out_bytes = {}});
  }
  return result;
}

// Adds the edge's sync bytes at one end to every option of the node there.
void add_sync(PiperNode& node, const ModelNode& model_node, bool is_input, std::size_t position) {
  std::map<std::int32_t, std::size_t> next;
  for (const ParallelOption& from : model_node.parallel_options) {
    PiperOption& option = node.options[from.tensor_parallel][next[from.tensor_parallel]++];
    const std::vector<std::int64_t>& bytes = is_input ? from.sync_input_bytes : from.sync_output_bytes;
    (is_input ? option.sync_in_bytes : option.sync_out_bytes)
        .push_back(bytes.empty() ? 0.0 : static_cast<double>(bytes[position]));
  }
}

void add_edges(PiperProblem& problem, const Model& model) {
  const Producers producers = producers_of(model);
  for (std::size_t v = 0; v < model.nodes.size(); ++v) {
    for (std::size_t i = 0; i < model.nodes[v].inputs.size(); ++i) {
      const auto found = producers.find(model.nodes[v].inputs[i]);
      if (found == producers.end()) continue;  // an input or a parameter of the model
      const auto [producer, position] = found->second;
      const ModelNode& from = model.nodes[index(producer)];
      problem.edges.push_back(
          {producer, make_id<VertexId>(v), output_bytes(from, position), static_cast<std::int32_t>(position)});
      if (!from.parallel_options.empty()) add_sync(problem.nodes[index(producer)], from, false, position);
      if (!model.nodes[v].parallel_options.empty()) add_sync(problem.nodes[v], model.nodes[v], true, i);
    }
  }
}

double least_memory(const Cluster& cluster) {
  double least = kUnlimited;
  for (const ClusterDevice& device : cluster.devices) {
    const auto bytes = cluster.types[static_cast<std::size_t>(device.type)].memory_bytes;
    if (bytes > 0) least = std::min(least, static_cast<double>(bytes));
  }
  return least;
}

double narrowest_link(const Cluster& cluster) {
  double least = std::numeric_limits<double>::infinity();
  const auto devices = static_cast<std::int32_t>(cluster.devices.size());
  for (std::int32_t a = 0; a < devices; ++a) {
    for (std::int32_t b = 0; b < devices; ++b) {
      if (a != b)
        least = std::min(least, cluster.link(make_id<DeviceId>(a), make_id<DeviceId>(b)).bandwidth_bytes_per_s);
    }
  }
  return least == std::numeric_limits<double>::infinity() ? 1.0 : least;  // one device: nothing is sent
}

std::vector<PlanStage::Choice> choices_of(const PiperStage& stage, const PiperProblem& problem, const Model& model) {
  std::vector<PlanStage::Choice> choices;
  for (std::size_t i = 0; i < stage.nodes.size(); ++i) {
    const std::size_t v = index(stage.nodes[i]);
    const auto& options = problem.nodes[v].options.at(stage.tensor_parallel);
    const std::string& name = options[static_cast<std::size_t>(stage.options[i])].name;
    auto choice = std::find_if(choices.begin(), choices.end(), [&](const auto& c) { return c.option == name; });
    if (choice == choices.end()) choice = choices.insert(choices.end(), PlanStage::Choice{name, {}});
    choice->nodes.push_back(model.nodes[v].name);
  }
  return choices;
}

// The node, or its parts on consecutive devices, as model_in_stage_parts() has them.
void assign(const ModelNode& node, bool can_be_split, Plan& plan, DeviceId first) {
  const auto stage =
      std::find_if(plan.stages.begin(), plan.stages.end(), [&](const PlanStage& s) { return s.first_device == first; });
  if (stage->tensor_parallel == 1 || !can_be_split) {
    plan.assignment.emplace_back(node.name, first);
    return;
  }
  for (std::int32_t t = 0; t < stage->tensor_parallel; ++t) {
    plan.assignment.emplace_back(stage_part_name(node.name, t),
                                 make_id<DeviceId>(index(first) + static_cast<std::size_t>(t)));
  }
}

}  // namespace

PiperProblem pipeline_problem(const Model& model, const Cluster& cluster, const PipelineSettings& settings,
                              const std::string& source) {
  if (std::vector<Issue> issues = issues_of(model); !issues.empty()) throw InputError(source, std::move(issues));
  const bool is_piper = settings.costs == PipelineCosts::kPiper;
  PiperProblem problem{.nodes = {},
                       .edges = {},
                       .devices = static_cast<std::int32_t>(cluster.devices.size()),
                       .memory_bytes = least_memory(cluster),
                       .bandwidth_bytes_per_s = narrowest_link(cluster),
                       .microbatches = is_piper ? settings.microbatches : 0,
                       .transfers = is_piper ? Transfers::kAdded : Transfers::kBeside};
  for (const ModelNode& node : model.nodes) problem.nodes.push_back(node_options(node, settings.costs));
  add_edges(problem, model);
  return problem;
}

void set_stages(Plan& plan, const PiperPlan& found, const PiperProblem& problem, const Model& model) {
  std::map<std::string, DeviceId, std::less<>> first_device_of;
  std::int32_t next = 0;
  for (const PiperStage& stage : found.stages) {
    const auto first = make_id<DeviceId>(next);
    for (const VertexId v : stage.nodes) first_device_of[model.nodes[index(v)].name] = first;
    for (std::int32_t t = 0; stage.data_parallel > 1 && t < stage.tensor_parallel; ++t) {
      ReplicaGroup& group = plan.replicas.emplace_back();
      for (std::int32_t r = 0; r < stage.data_parallel; ++r)
        group.push_back(make_id<DeviceId>(next + r * stage.tensor_parallel + t));
    }
    plan.stages.push_back({.first_device = first,
                           .data_parallel = stage.data_parallel,
                           .tensor_parallel = stage.tensor_parallel,
                           .in_flight_microbatches = stage.in_flight,
                           .time_per_microbatch_s = stage.time_s,
                           .memory_bytes = static_cast<std::int64_t>(stage.memory_bytes),
                           .choices = choices_of(stage, problem, model)});
    next += stage.data_parallel * stage.tensor_parallel;
  }
  for (const ModelNode& node : model.nodes) assign(node, model.loss.empty(), plan, first_device_of.at(node.name));
}

}  // namespace mp::partition

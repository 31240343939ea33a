#include "runtime/cpu/bfloat16/twin.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/graph/builder.hpp"
#include "runtime/cpu/registry.hpp"

namespace mp::runtime::cpu {

bool has_bfloat16(const Graph& graph, const Node& node) {
  const auto is_bfloat16 = [&](TensorId t) {
    return t != kNone<TensorId> && graph.tensor(t).type.type == DataType::kBfloat16;
  };
  return std::any_of(node.inputs.begin(), node.inputs.end(), is_bfloat16) ||
         std::any_of(node.outputs.begin(), node.outputs.end(), is_bfloat16);
}

TensorType widened(TensorType type) {
  if (type.type == DataType::kBfloat16) type.type = DataType::kFloat32;
  return type;
}

Twin widened_twin(const KernelCall& call) {
  Twin twin{.inputs = {}, .outputs = {}, .attributes = call.attributes()};
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    twin.inputs.push_back(call.has_input(i) ? widened(call.input(i)) : TensorType{});
  }
  for (std::size_t i = 0; i < call.node.outputs.size(); ++i) {
    twin.outputs.push_back(call.has_output(i) ? widened(call.output(i)) : TensorType{});
  }
  if (call.node.op_name == "Cast" && call.output(0).type == DataType::kBfloat16) {
    twin.attributes.set("to", std::string(name_of(DataType::kFloat32)));
  }
  return twin;
}

std::unique_ptr<Kernel> make_twin_kernel(const KernelCall& call, const Twin& twin, TwinPlace place) {
  GraphBuilder builder("twin");
  Node node;
  node.name = call.node.name;
  node.op = call.node.op;
  node.op_name = call.node.op_name;
  node.attributes = twin.attributes;
  for (std::size_t i = 0; i < twin.inputs.size(); ++i) {
    node.inputs.push_back(call.has_input(i) ? builder.add_input("input" + std::to_string(i), twin.inputs[i])
                                            : kNone<TensorId>);
  }
  std::vector<std::string> outputs;
  for (std::size_t i = 0; i < twin.outputs.size(); ++i) {
    outputs.push_back(call.has_output(i) ? "output" + std::to_string(i) : "");
  }
  const NodeId id = builder.add_checked(std::move(node), outputs, twin.outputs);
  const Graph graph = std::move(builder).build();
  const Layouts plain;
  return find_kernel(call.node.op_name)({graph, graph.node(id), place.team, plain, place.scratch});
}

}  // namespace mp::runtime::cpu

// Does a node satisfy its operator? Arity, attributes, types: shared by GraphBuilder and bind_model().
#pragma once

#include <span>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/graph.hpp"

namespace mp {

// The operator of a node: the opaque one where measured costs give the sizes of its outputs or no operator has its
// name; null where it has no costs and the name is unknown.
[[nodiscard]] const Operator* operator_of(std::string_view op_name, const std::optional<MeasuredCost>& cost);

// "unknown operator 'Gem'; did you mean 'Gemm'?"
[[nodiscard]] std::string unknown_operator(std::string_view op_name);

// Names and types of the attributes, numbers of inputs and outputs, measured costs. Places are relative to the node
// ("", "/attributes/axis"). node.op must be set; `outputs` is how many it names.
[[nodiscard]] std::vector<Issue> check_form(const Node& node, std::size_t outputs);

struct InferredTypes {
  std::vector<TensorType> types;  // one per output the operator can have: at least `outputs`
  std::vector<Issue> issues;      // why there are none
};

// Types of the outputs of a node whose form is good, from the types of its inputs (nullptr: absent).
[[nodiscard]] InferredTypes infer_types(const Node& node, std::span<const TensorType* const> inputs,
                                        std::size_t outputs);

// Why a tensor of this type may not exist: "" when it may.
[[nodiscard]] std::string type_problem(const TensorType& type);

}  // namespace mp

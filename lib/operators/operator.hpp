// What an operator is: arity, attributes, shape rule, cost, gradient: all in one place per operator.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "lib/cluster/efficiency.hpp"
#include "lib/graph/attributes.hpp"
#include "lib/graph/graph.hpp"
#include "lib/graph/types.hpp"

namespace mp {

class GradientBuilder;  // lib/operators/gradient.hpp

inline constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

struct Arity {
  std::size_t min = 1;
  std::size_t max = 1;
};

enum class AttributeKind : std::uint8_t { kInt, kFloat, kString, kInts, kFloats };

struct AttributeSpec {
  std::string name;
  AttributeKind kind = AttributeKind::kInt;
  bool required = false;
};

// Thrown by shape rules: what does not fit, with both values. The caller adds file and place.
class ShapeError final : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A node as its operator sees it: types of the inputs (nullptr: absent), attributes, number of outputs.
struct OperatorCall {
  std::span<const TensorType* const> inputs;
  const Attributes& attributes;
  std::size_t outputs = 1;

  [[nodiscard]] const TensorType& input(std::size_t i) const { return *inputs[i]; }
  [[nodiscard]] bool has_input(std::size_t i) const { return i < inputs.size() && inputs[i] != nullptr; }
};

// Work of one execution. A multiply and an add count two FLOPs. Bytes count each operand once (perfect cache inside
// an operator: the compulsory traffic of the roofline model, Williams et al., CACM 2009).
struct OperatorCost {
  double flops = 0.0;
  double bytes_read = 0.0;
  double bytes_written = 0.0;
};

// Output `output` is stored where input `input` is: the node updates it (running statistics, parameters).
struct InPlace {
  std::size_t output = 0;
  std::size_t input = 0;
};

struct PartsRequest;  // lib/operators/parts.hpp
struct PartsAnswer;

struct Operator {
  std::string name;  // ONNX's; gradients and updates have the names ONNX Runtime's training gives them where it has one
  Arity inputs = {};
  Arity outputs = {};
  std::vector<AttributeSpec> attributes = {};
  // Types of all outputs the operator can have (outputs.max of them; call.outputs where that is kAnyNumber).
  std::vector<TensorType> (*infer)(const OperatorCall& call) = nullptr;
  // FLOPs of one execution; null: none (data movement).
  double (*flops)(const OperatorCall& call, std::span<const TensorType> outputs) = nullptr;
  // Appends the nodes that compute the gradients of the inputs (lib/operators/gradient.hpp). Null: not
  // differentiable; a path from a trained parameter to the loss through it is an error that names the node.
  void (*differentiate)(GradientBuilder& gradient) = nullptr;
  std::vector<InPlace> in_place = {};
  // How to make output 0 in parts along an axis, each from parts of the inputs. Null, or an answer without operands: it
  // takes all of the node (lib/operators/parts.hpp).
  PartsAnswer (*in_parts)(const PartsRequest& request) = nullptr;
  bool is_view = false;    // the output is the first input's bytes under another shape (Reshape, Identity …)
  bool is_opaque = false;  // nodes known by measured costs alone
  WorkClass work = WorkClass::kVector;  // whose efficiency its FLOPs have
};

// The registry. Null when there is no such operator.
[[nodiscard]] const Operator* find_operator(std::string_view name);
// Every operator a model file may use and every one differentiation appends, by name.
[[nodiscard]] std::span<const Operator* const> all_operators();
// The operator of nodes known by measured costs alone: any arity, output sizes from the node's cost.
[[nodiscard]] const Operator& opaque_operator();

[[nodiscard]] OperatorCost cost_of(const Graph& graph, NodeId node);

}  // namespace mp

#include <cmath>
#include <map>
#include <string>

#include "lib/base/random.hpp"
#include "tests/runtime/cpu/support/reference.hpp"

namespace mp::runtime::testing {
namespace {

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); }
double gelu_tanh(double x) {
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}

double unary(const Node& node, double x) {
  const std::string& op = node.op_name;
  const auto alpha = [&](double fallback) { return node.attributes.get_float("alpha", fallback); };
  if (op == "Relu") return x > 0 ? x : 0;
  if (op == "LeakyRelu") return x > 0 ? x : alpha(0.01) * x;
  if (op == "Elu") return x > 0 ? x : alpha(1.0) * std::expm1(x);
  if (op == "Sigmoid") return sigmoid(x);
  if (op == "Tanh") return std::tanh(x);
  if (op == "Gelu") return node.attributes.get_string("approximate", "none") == "tanh" ? gelu_tanh(x) : gelu(x);
  if (op == "Swish") return x * sigmoid(alpha(1.0) * x);
  if (op == "Sqrt") return std::sqrt(x);
  if (op == "Exp") return std::exp(x);
  if (op == "Log") return std::log(x);
  if (op == "Erf") return std::erf(x);
  if (op == "Neg") return -x;
  return std::fabs(x);  // Abs
}

void run_unary(const ReferenceCall& call) {
  for (std::int64_t i = 0; i < call.out().size(); ++i) call.out().at(i) = unary(call.node, call.in(0).at(i));
}

double binary(const std::string& op, double a, double b) {
  if (op == "Add") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  if (op == "Div") return a / b;
  return std::pow(a, b);
}

void run_binary(const ReferenceCall& call) {
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const Index at = index_of(i, call.out().shape);
    call.out().at(i) = binary(call.node.op_name, call.in(0).at(broadcast_element(at, call.in(0).shape)),
                              call.in(1).at(broadcast_element(at, call.in(1).shape)));
  }
}

void run_where(const ReferenceCall& call) {
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const Index at = index_of(i, call.out().shape);
    const bool condition = call.in(0).at(broadcast_element(at, call.in(0).shape)) != 0.0;
    const Array& chosen = call.in(condition ? 1 : 2);
    call.out().at(i) = chosen.at(broadcast_element(at, chosen.shape));
  }
}

void run_cast(const ReferenceCall& call) {
  const std::string to = call.attributes().get_string("to", "float32");
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const double x = call.in(0).at(i);
    call.out().at(i) = to == "bool" ? (x != 0.0 ? 1.0 : 0.0) : to == "int64" ? std::trunc(x) : x;
  }
}

// The numbers of seed 0, step 0, microbatch 0.
void run_dropout(const ReferenceCall& call) {
  const double ratio = call.attributes().get_float("ratio", 0.5);
  const RandomStream stream(0, call.attributes().get_string("stream", call.node.name) + "/0", 0);
  for (std::int64_t i = 0; i < call.out().size(); ++i) {
    const bool kept = stream.uniform(static_cast<std::uint64_t>(i)) >= ratio;
    call.out().at(i) = kept ? call.in(0).at(i) / (1.0 - ratio) : 0.0;
  }
}

}  // namespace

Reference elementwise_reference(std::string_view op) {
  static const std::map<std::string, Reference, std::less<>> kTable{
      {"Relu", run_unary},     {"LeakyRelu", run_unary}, {"Elu", run_unary},   {"Sigmoid", run_unary},
      {"Tanh", run_unary},     {"Gelu", run_unary},      {"Swish", run_unary}, {"Sqrt", run_unary},
      {"Exp", run_unary},      {"Log", run_unary},       {"Erf", run_unary},   {"Neg", run_unary},
      {"Abs", run_unary},      {"Add", run_binary},      {"Sub", run_binary},  {"Mul", run_binary},
      {"Div", run_binary},     {"Pow", run_binary},      {"Where", run_where}, {"Cast", run_cast},
      {"Dropout", run_dropout}};
  const auto found = kTable.find(op);
  return found == kTable.end() ? nullptr : found->second;
}

}  // namespace mp::runtime::testing

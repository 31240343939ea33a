// LSTM, GRU: https://onnx.ai/onnx/operators/onnx__LSTM.html, …/onnx__GRU.html (Hochreiter, Schmidhuber, 1997; Cho et
// al., EMNLP 2014). The gates of every step are saved, so that the gradient, one node, needs no second forward pass.
#include <fmt/core.h>

#include "lib/base/error.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

constexpr std::size_t kSequenceLengths = 4;
constexpr std::size_t kInitialH = 5;
constexpr std::size_t kInitialC = 6;
constexpr std::size_t kPeepholes = 7;

// Blocks of `hidden` rows in W and R: input, output, forget, cell; or update, reset, hidden.
struct Kind {
  std::int64_t blocks;
  std::size_t states;  // hidden, and cell
};
constexpr Kind kLstm = {4, 2};
constexpr Kind kGru = {3, 1};
constexpr std::int64_t kSavedBlocks = 4;  // a GRU saves what its reset gate looks at beside its three gates

struct Sizes {
  std::int64_t steps, batch, inputs, hidden, directions;
  bool is_batch_first;

  [[nodiscard]] Shape outputs() const {
    if (is_batch_first) return {batch, steps, directions, hidden};
    return {steps, directions, batch, hidden};
  }
  [[nodiscard]] Shape state() const {
    if (is_batch_first) return {batch, directions, hidden};
    return {directions, batch, hidden};
  }
  [[nodiscard]] Shape saved(std::int64_t blocks) const { return {directions, steps, batch, blocks * hidden}; }
};

// Of a call whose inputs 0, 1, 2 are X, W, R.
Sizes sizes_of(const OperatorCall& call, const Kind& kind) {
  for (std::size_t i = 0; i < 3; ++i) need_rank(call, i, 3, 3);
  need_choice(call, "direction", {"forward", "reverse", "bidirectional"});
  const Shape& x = call.input(0).shape;
  Sizes s{x[0], x[1], x[2], call.input(2).shape[2], 1, flag(call, "layout")};
  if (s.is_batch_first) std::swap(s.steps, s.batch);
  if (call.attributes.get_string("direction", "forward") == "bidirectional") s.directions = 2;
  if (const std::int64_t said = int_at_least(call, "hidden_size", s.hidden, 1); said != s.hidden) {
    throw ShapeError(
        fmt::format("attribute hidden_size is {}, but R {} is for {}", said, to_string(call.input(2).shape), s.hidden));
  }
  const std::int64_t rows = kind.blocks * s.hidden;
  need_shape(call, 1, {s.directions, rows, s.inputs}, fmt::format("directions, {} · hidden, inputs", kind.blocks));
  need_shape(call, 2, {s.directions, rows, s.hidden}, fmt::format("directions, {} · hidden, hidden", kind.blocks));
  return s;
}

Sizes check_forward(const OperatorCall& call, const Kind& kind) {
  for (std::size_t i = 0; i < call.inputs.size(); ++i) {
    if (call.has_input(i) && i != kSequenceLengths) need_type(call, i, DataType::kFloat32);
  }
  const Sizes s = sizes_of(call, kind);
  if (call.has_input(3)) {
    need_shape(call, 3, {s.directions, 2 * kind.blocks * s.hidden},
               fmt::format("directions, {} · hidden", 2 * kind.blocks));
  }
  if (call.has_input(kSequenceLengths)) {
    throw ShapeError("sequence_lens are not supported: leave input 4 out and pad the sequences");
  }
  if (call.has_input(kInitialH)) need_shape(call, kInitialH, s.state(), "that of Y_h");
  return s;
}

std::vector<TensorType> infer_lstm(const OperatorCall& call) {
  const Sizes s = check_forward(call, kLstm);
  if (call.has_input(kInitialC)) need_shape(call, kInitialC, s.state(), "that of Y_c");
  if (call.has_input(kPeepholes)) throw ShapeError("peepholes are not supported: leave input 7 out");
  if (flag(call, "input_forget")) throw ShapeError("only input_forget 0 is supported");
  return {float32(s.outputs()), float32(s.state()), float32(s.state()), float32(s.saved(kSavedBlocks)),
          float32(s.saved(1))};
}

std::vector<TensorType> infer_gru(const OperatorCall& call) {
  const Sizes s = check_forward(call, kGru);
  flag(call, "linear_before_reset");
  return {float32(s.outputs()), float32(s.state()), float32(s.saved(kSavedBlocks))};
}

double products(const OperatorCall& call, const Kind& kind) {
  const Sizes s = sizes_of(call, kind);
  return 2.0 * static_cast<double>(s.steps) * static_cast<double>(s.batch) * static_cast<double>(s.directions) *
         static_cast<double>(kind.blocks * s.hidden) * static_cast<double>(s.inputs + s.hidden);
}

// The two matrix products, and about 8 operations for every gate.
double flops_lstm(const OperatorCall& call, std::span<const TensorType> outputs) {
  return products(call, kLstm) + 8.0 * count(outputs[3]);
}
double flops_gru(const OperatorCall& call, std::span<const TensorType> outputs) {
  return products(call, kGru) + 8.0 * count(outputs[2]);
}

// Behind X, W, R: Y, gates, and for the LSTM cells; then what may be absent: dY, the gradients of the last states,
// the initial states. B's gradient needs no B.
std::vector<TensorType> infer_grad(const OperatorCall& call, const Kind& kind) {
  need_float32(call);
  const Sizes s = sizes_of(call, kind);
  need_shape(call, 3, s.outputs(), "that of Y");
  need_shape(call, 4, s.saved(kSavedBlocks), "directions, steps, batch, 4 · hidden");
  std::size_t next = 5;
  if (kind.states == 2) need_shape(call, next++, s.saved(1), "directions, steps, batch, hidden");
  if (call.has_input(next)) need_shape(call, next, s.outputs(), "that of Y");
  for (std::size_t i = next + 1; i < next + 1 + 2 * kind.states; ++i) {
    if (call.has_input(i)) need_shape(call, i, s.state(), "that of Y_h");
  }
  std::vector<TensorType> types = {call.input(0), call.input(1), call.input(2),
                                   float32({s.directions, 2 * kind.blocks * s.hidden})};
  types.insert(types.end(), kind.states, float32(s.state()));
  return types;
}

std::vector<TensorType> infer_lstm_grad(const OperatorCall& call) { return infer_grad(call, kLstm); }
std::vector<TensorType> infer_gru_grad(const OperatorCall& call) {
  flag(call, "linear_before_reset");
  return infer_grad(call, kGru);
}

double flops_lstm_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 2.0 * products(call, kLstm) + 8.0 * count(call.input(4));
}
double flops_gru_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 2.0 * products(call, kGru) + 8.0 * count(call.input(4));
}

void differentiate(GradientBuilder& gradient, const Kind& kind) {
  gradient.refuse_gradients_from(1 + kind.states);
  const TensorId y = gradient.saved_output(0, "Y");
  const TensorId gates = gradient.saved_output(kind.states + 1, "gates");
  std::vector<TensorId> inputs = {gradient.input(0), gradient.input(1), gradient.input(2), y, gates};
  if (kind.states == 2) inputs.push_back(gradient.saved_output(4, "cells"));
  for (std::size_t i = 0; i <= kind.states; ++i) inputs.push_back(gradient.output_gradient(i));
  for (std::size_t i = 0; i < kind.states; ++i) inputs.push_back(gradient.input(kInitialH + i));
  while (inputs.back() == kNone<TensorId>) inputs.pop_back();
  // Input i of the forward node has its gradient in output `at` of the backward one.
  const std::size_t positions[] = {0, 1, 2, 3, kInitialH, kInitialC};
  const char* whats[] = {"X", "W", "R", "B", "initial_h", "initial_c"};
  std::vector<std::string> names;
  for (std::size_t at = 0; at < 4 + kind.states; ++at) {
    names.emplace_back(gradient.wants(positions[at]) ? whats[at] : "");
  }
  const std::vector<TensorId> gradients =
      gradient.add_many(gradient.node().op->name + "Grad", std::move(inputs), names, gradient.node().attributes);
  for (std::size_t at = 0; at < gradients.size(); ++at) {
    if (gradient.wants(positions[at])) gradient.set_input_gradient(positions[at], gradients[at]);
  }
}

void differentiate_lstm(GradientBuilder& gradient) { differentiate(gradient, kLstm); }
void differentiate_gru(GradientBuilder& gradient) { differentiate(gradient, kGru); }

}  // namespace

std::vector<Operator> recurrent_operators() {
  const std::vector<AttributeSpec> shared = {
      {"hidden_size", AttributeKind::kInt}, {"direction", AttributeKind::kString}, {"layout", AttributeKind::kInt}};
  std::vector<AttributeSpec> lstm = shared;
  lstm.push_back({"input_forget", AttributeKind::kInt});
  std::vector<AttributeSpec> gru = shared;
  gru.push_back({"linear_before_reset", AttributeKind::kInt});
  return {{.name = "LSTM",
           .inputs = {3, 8},
           .outputs = {1, 5},
           .attributes = lstm,
           .infer = infer_lstm,
           .flops = flops_lstm,
           .differentiate = differentiate_lstm},
          {.name = "LSTMGrad",
           .inputs = {6, 11},
           .outputs = {1, 6},
           .attributes = lstm,
           .infer = infer_lstm_grad,
           .flops = flops_lstm_grad},
          {.name = "GRU",
           .inputs = {3, 6},
           .outputs = {1, 3},
           .attributes = gru,
           .infer = infer_gru,
           .flops = flops_gru,
           .differentiate = differentiate_gru},
          {.name = "GRUGrad",
           .inputs = {5, 8},
           .outputs = {1, 5},
           .attributes = gru,
           .infer = infer_gru_grad,
           .flops = flops_gru_grad}};
}

}  // namespace mp

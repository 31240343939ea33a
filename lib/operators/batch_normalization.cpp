// BatchNormalization: https://onnx.ai/onnx/operators/onnx__BatchNormalization.html (Ioffe, Szegedy, ICML 2015)
#include "lib/base/error.hpp"
#include "lib/operators/families.hpp"
#include "lib/operators/gradient.hpp"
#include "lib/operators/shape_rules.hpp"

namespace mp {
namespace {

constexpr std::size_t kSavedMean = 3;
constexpr std::size_t kSavedInverse = 4;

Shape per_channel(const OperatorCall& call, std::size_t image) {
  need_rank(call, image, 2, kMaxRank);
  return {call.input(image).shape[1]};
}

std::vector<TensorType> infer(const OperatorCall& call) {
  need_float_values(call, 1);
  const Shape channels = per_channel(call, 0);
  for (std::size_t i = 1; i < 5; ++i) need_shape(call, i, channels, "one per channel of X");
  float_at_least(call, "epsilon", 1e-5, 0.0);
  float_at_least(call, "momentum", 0.9, 0.0);
  if (!flag(call, "training_mode") && call.outputs > 1) {
    throw ShapeError("outputs besides Y exist in training alone: set training_mode to 1");
  }
  return {call.input(0), float32(channels), float32(channels), float32(channels), float32(channels)};
}

// Mean, variance, normalise, scale and shift: 8 operations an element.
double flops(const OperatorCall& call, std::span<const TensorType> /*outputs*/) { return 8.0 * count(call.input(0)); }

// dY, X, saved_mean, saved_inv_std_dev
std::vector<TensorType> infer_weight_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  const Shape channels = per_channel(call, 0);
  need_same_shape(call, 1, 0);
  for (std::size_t i = 2; i < 4; ++i) need_shape(call, i, channels, "one per channel");
  return {float32(channels), float32(channels)};
}

double flops_grad(const OperatorCall& call, std::span<const TensorType> /*outputs*/) {
  return 5.0 * count(call.input(0));
}

// dY, X, scale, saved_mean, saved_inv_std_dev, dscale, dB
std::vector<TensorType> infer_input_grad(const OperatorCall& call) {
  need_float_values(call, 2);
  const Shape channels = per_channel(call, 0);
  need_same_shape(call, 1, 0);
  for (std::size_t i = 2; i < 7; ++i) need_shape(call, i, channels, "one per channel");
  return {call.input(0)};
}

// The sums over a channel are the weights' gradients and half of the input's: made once, for both.
void differentiate(GradientBuilder& gradient) {
  gradient.refuse_gradients_from(1);
  if (gradient.node().attributes.get_int("training_mode", 0) == 0) {
    throw InputError("<graph>", Issue{gradient.node().name,
                                      "BatchNormalization has no gradient in inference: set training_mode to 1"});
  }
  if (gradient.wants(3) || gradient.wants(4)) {
    throw InputError("<graph>", Issue{gradient.node().name,
                                      "running mean and variance cannot be trained: give them "
                                      "\"trainable\": false"});
  }
  const TensorId dy = gradient.output_gradient(0);
  const TensorId x = gradient.input(0);
  const TensorId mean = gradient.saved_output(kSavedMean, "saved_mean");
  const TensorId inverse = gradient.saved_output(kSavedInverse, "saved_inv_std_dev");
  const std::vector<TensorId> weights =
      gradient.add_many("BatchNormalizationWeightGrad", {dy, x, mean, inverse}, {"scale", "B"});
  if (gradient.wants(1)) gradient.set_input_gradient(1, weights[0]);
  if (gradient.wants(2)) gradient.set_input_gradient(2, weights[1]);
  if (!gradient.wants(0)) return;
  gradient.differentiate_input(0, "BatchNormalizationInputGrad", "X",
                               {dy, x, gradient.input(1), mean, inverse, weights[0], weights[1]});
}

}  // namespace

std::vector<Operator> batch_normalization_operators() {
  return {{.name = "BatchNormalization",
           .inputs = {5, 5},
           .outputs = {1, 5},
           .attributes = {{"epsilon", AttributeKind::kFloat},
                          {"momentum", AttributeKind::kFloat},
                          {"training_mode", AttributeKind::kInt}},
           .infer = infer,
           .flops = flops,
           .differentiate = differentiate,
           .in_place = {{.output = 1, .input = 3}, {.output = 2, .input = 4}}},
          {.name = "BatchNormalizationWeightGrad",
           .inputs = {4, 4},
           .outputs = {2, 2},
           .infer = infer_weight_grad,
           .flops = flops_grad},
          {.name = "BatchNormalizationInputGrad", .inputs = {7, 7}, .infer = infer_input_grad, .flops = flops_grad}};
}

}  // namespace mp

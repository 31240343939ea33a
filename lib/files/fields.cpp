#include "lib/files/fields.hpp"

#include <array>
#include <string>

namespace mp {
namespace {

constexpr std::array kOptimizers = {OptimizerKind::kSgd, OptimizerKind::kAdam, OptimizerKind::kAdamW};

void read_fraction(JsonValue value, double& target) {
  if (!value.present()) return;
  target = value.number_at_least(0.0);
  if (target >= 1.0) value.issue("must be less than 1");
}

}  // namespace

Bindings read_bindings(JsonValue value) {
  Bindings bindings;
  for (const auto& [name, extent] : value.members()) {
    if (name.empty()) extent.issue("a dimension needs a name");
    bindings.emplace(name, extent.integer(1));
  }
  return bindings;
}

void write_bindings(JsonWriter& writer, const Bindings& bindings) {
  writer.begin_object(JsonWriter::Layout::kInline);
  for (const auto& [name, extent] : bindings) writer.member(name, extent);
  writer.end();
}

Optimizer read_optimizer(JsonValue value) {
  Optimizer optimizer;
  const JsonObject any = value.object({"kind", "momentum", "beta1", "beta2", "epsilon", "weight_decay"});
  if (!value.present()) return optimizer;
  optimizer.kind = any.require("kind").enumerator("optimizer", kOptimizers);
  const bool is_sgd = optimizer.kind == OptimizerKind::kSgd;
  if (optimizer.kind != OptimizerKind::kAdamW) optimizer.weight_decay = 0.0;
  for (const std::string_view key : {"beta1", "beta2", "epsilon"}) {
    if (is_sgd) any[key].issue("sgd has none; its constants are momentum and weight_decay");
  }
  if (!is_sgd) any["momentum"].issue("belongs to sgd; beta1 is the momentum of adam and adamw");
  read_fraction(any["momentum"], optimizer.momentum);
  read_fraction(any["beta1"], optimizer.beta1);
  read_fraction(any["beta2"], optimizer.beta2);
  if (any["epsilon"].present()) optimizer.epsilon = any["epsilon"].number_at_least(0.0);
  if (any["weight_decay"].present()) optimizer.weight_decay = any["weight_decay"].number_at_least(0.0);
  return optimizer;
}

void write_optimizer(JsonWriter& writer, const Optimizer& optimizer) {
  writer.begin_object(JsonWriter::Layout::kInline).member("kind", name_of(optimizer.kind));
  if (optimizer.kind == OptimizerKind::kSgd) {
    writer.member("momentum", optimizer.momentum);
  } else {
    writer.member("beta1", optimizer.beta1).member("beta2", optimizer.beta2).member("epsilon", optimizer.epsilon);
  }
  writer.member("weight_decay", optimizer.weight_decay).end();
}

}  // namespace mp

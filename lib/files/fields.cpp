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

namespace {

ParameterGroup read_group(JsonValue value) {
  const JsonObject fields = value.object({"parameters", "weight_decay", "learning_rate_factor"});
  ParameterGroup group;
  const JsonValue parameters = fields.require("parameters");
  if (parameters.kind() == JsonKind::kString) {
    group.patterns.push_back(parameters.nonempty_string());
  } else {
    for (const JsonValue item : parameters.items()) group.patterns.push_back(item.nonempty_string());
  }
  if (fields["weight_decay"].present()) group.weight_decay = fields["weight_decay"].number_at_least(0.0);
  if (fields["learning_rate_factor"].present()) {
    group.learning_rate_factor = fields["learning_rate_factor"].number_at_least(0.0);
  }
  return group;
}

void write_group(JsonWriter& writer, const ParameterGroup& group) {
  writer.begin_object().key("parameters").values(group.patterns);
  if (group.weight_decay) writer.member("weight_decay", *group.weight_decay);
  if (group.learning_rate_factor != 1.0) writer.member("learning_rate_factor", group.learning_rate_factor);
  writer.end();
}

}  // namespace

Optimizer read_optimizer(JsonValue value) {
  Optimizer optimizer;
  const JsonObject any =
      value.object({"kind", "momentum", "beta1", "beta2", "epsilon", "weight_decay", "clip_norm", "groups"});
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
  if (any["clip_norm"].present()) optimizer.clip_norm = any["clip_norm"].positive_number();
  for (const JsonValue group : any["groups"].items()) optimizer.groups.push_back(read_group(group));
  return optimizer;
}

void write_optimizer(JsonWriter& writer, const Optimizer& optimizer) {
  writer.begin_object(JsonWriter::Layout::kInline).member("kind", name_of(optimizer.kind));
  if (optimizer.kind == OptimizerKind::kSgd) {
    writer.member("momentum", optimizer.momentum);
  } else {
    writer.member("beta1", optimizer.beta1).member("beta2", optimizer.beta2).member("epsilon", optimizer.epsilon);
  }
  writer.member("weight_decay", optimizer.weight_decay);
  if (optimizer.clip_norm > 0.0) writer.member("clip_norm", optimizer.clip_norm);
  if (!optimizer.groups.empty()) {
    writer.key("groups").begin_array();
    for (const ParameterGroup& group : optimizer.groups) write_group(writer, group);
    writer.end();
  }
  writer.end();
}

}  // namespace mp

#include "runtime/semantics/activation.hpp"

#include <array>
#include <string_view>
#include <utility>

#include "lib/base/check.hpp"

namespace mp::runtime {

ActivationCall activation_of(const NodeCall& call) {
  using Entry = std::pair<std::string_view, ActivationCall>;
  static constexpr std::array<Entry, 13> kTable{{{"Relu", {Activation::kRelu, 0.0}},
                                                 {"LeakyRelu", {Activation::kLeakyRelu, 0.01}},
                                                 {"Elu", {Activation::kElu, 1.0}},
                                                 {"Sigmoid", {Activation::kSigmoid, 0.0}},
                                                 {"Tanh", {Activation::kTanh, 0.0}},
                                                 {"Gelu", {Activation::kGelu, 0.0}},
                                                 {"Swish", {Activation::kSwish, 1.0}},
                                                 {"Sqrt", {Activation::kSqrt, 0.0}},
                                                 {"Exp", {Activation::kExp, 0.0}},
                                                 {"Log", {Activation::kLog, 0.0}},
                                                 {"Erf", {Activation::kErf, 0.0}},
                                                 {"Neg", {Activation::kNeg, 0.0}},
                                                 {"Abs", {Activation::kAbs, 0.0}}}};
  std::string_view name = call.node.op_name;
  if (name.ends_with("Grad")) name.remove_suffix(4);
  for (const auto& [entry, found] : kTable) {
    if (entry != name) continue;
    ActivationCall result = found;
    result.alpha = call.attributes().get_float("alpha", result.alpha);
    if (name == "Gelu" && call.attributes().get_string("approximate", "none") == "tanh") {
      result.kind = Activation::kGeluTanh;
    }
    return result;
  }
  MP_CHECK(false && "an elementwise operator of the table");
  return {};
}

}  // namespace mp::runtime

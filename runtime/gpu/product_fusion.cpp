#include "runtime/gpu/product_fusion.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/gpu/fused_product.hpp"
#include "runtime/gpu/fusion_steps.hpp"

namespace mp::runtime::gpu {
namespace {

bool is_bfloat16_product(const FusionStep& step) {
  const ProductRole* role = role_of<ProductRole>(step);
  return role != nullptr && all_bfloat16(step, role->bias == kNoOperand ? 2 : 3);
}

Epilogue activation_epilogue(const FusionStep& product, const FusionStep& other, const ActivationRole& activation) {
  const std::byte* y = product.outputs[0].first;
  const bool is_of_product = other.inputs[0].first == y && activation.kind == Activation::kGeluTanh;
  if (!is_of_product || !all_bfloat16(other, activation.is_gradient ? 2 : 1)) return Epilogue::kNone;
  if (!activation.is_gradient) return Epilogue::kGelu;
  const bool is_possible = is_read_once(product, 0) && role_of<ProductRole>(product)->bias == kNoOperand &&
                           !overlap(other.outputs, {other.inputs[1]}) && other.inputs[1].first != y;
  return is_possible ? Epilogue::kGeluGradient : Epilogue::kNone;
}

Epilogue sums_epilogue(const FusionStep& product, const FusionStep& other, const ColumnSumRole& sums) {
  const ProductRole& role = *role_of<ProductRole>(product);
  if (role.bias != kNoOperand || !all_bfloat16(other, 1)) return Epilogue::kNone;
  if (overlap(other.outputs, product.outputs)) return Epilogue::kNone;
  const MatrixProduct& p = role.product;
  const auto is_operand = [&](std::size_t operand, std::int64_t columns) {
    return other.inputs[0].first == product.inputs[operand].first && sums.rows == p.k && sums.columns == columns;
  };
  if (!p.transpose_b && is_operand(role.b, p.n)) return Epilogue::kColumnSums;
  if (p.transpose_a && is_operand(role.a, p.m)) return Epilogue::kRowSums;
  return Epilogue::kNone;
}

// What `other` is to the product; kNone: nothing that can be done with it.
Epilogue epilogue_of(const FusionStep& product, const FusionStep& other) {
  if (const auto* activation = role_of<ActivationRole>(other)) return activation_epilogue(product, other, *activation);
  if (const auto* sums = role_of<ColumnSumRole>(other)) return sums_epilogue(product, other, *sums);
  return Epilogue::kNone;
}

// The sum of the product, which nobody else reads, and another matrix as large.
bool is_addition(const FusionStep& product, const FusionStep& other) {
  const SumRole* sum = role_of<SumRole>(other);
  const MatrixProduct& p = role_of<ProductRole>(product)->product;
  if (sum == nullptr || sum->size != p.m * p.n || p.ldc != p.n || !all_bfloat16(other, 2)) return false;
  const std::byte* y = product.outputs[0].first;
  return is_read_once(product, 0) && (other.inputs[0].first == y) != (other.inputs[1].first == y);
}

// `made`, read by this cast to float32 alone.
bool is_only_cast_of(const FusionStep& maker, const FusionStep& other) {
  return role_of<CastRole>(other) != nullptr && other.inputs[0].first == maker.outputs[0].first &&
         is_bfloat16_output(maker, 0) && !is_bfloat16_output(other, 0) && is_read_once(maker, 0);
}

class Finder {
 public:
  Finder(std::span<const FusionStep> steps, StepOrder& order, std::size_t product)
      : steps_(steps), order_(order), product_(product), place_(product) {}

  // The product's first follower alone says what else can follow.
  std::optional<Fusion> find(Device& device) {
    look_for(FollowerKind::kEpilogue, [&](const FusionStep& other) {
      epilogue_ = epilogue_of(steps_[product_], other);
      return epilogue_ != Epilogue::kNone;
    });
    const bool is_plain = found_.empty();
    if (is_plain) {
      look_for(FollowerKind::kAddition, [&](const FusionStep& other) { return is_addition(steps_[product_], other); });
    }
    const bool has_sums = !is_plain && (epilogue_ == Epilogue::kColumnSums || epilogue_ == Epilogue::kRowSums);
    if (has_sums || found_.empty()) add_casts(has_sums);
    if (found_.empty()) return std::nullopt;
    return fusion(device);
  }

 private:
  struct Found {
    std::size_t step;
    Follower follower;
  };

  void add_casts(bool has_sums) {
    const FusionStep& product = steps_[product_];
    look_for(FollowerKind::kCast, [&](const FusionStep& other) { return is_only_cast_of(product, other); });
    if (!has_sums) return;
    const FusionStep& sums = steps_[found_.front().step];
    look_for(FollowerKind::kCastOfSums, [&](const FusionStep& other) { return is_only_cast_of(sums, other); });
  }

  template <class IsWanted>
  void look_for(FollowerKind kind, const IsWanted& is_wanted) {
    const FusionStep& product = steps_[product_];
    const std::size_t end = std::min(steps_.size(), product_ + 1 + kFarthestStep);
    for (std::size_t j = product_ + 1; j < end && !steps_[j].is_barrier; ++j) {
      const bool is_free = order_.is_free(j) && steps_[j].microbatch == product.microbatch;
      if (!is_free || overlap(steps_[j].outputs, product.inputs) || !is_wanted(steps_[j]) || !come_together(j))
        continue;
      const Epilogue epilogue = kind == FollowerKind::kEpilogue ? epilogue_ : Epilogue::kNone;
      found_.push_back({j, {.kind = kind, .epilogue = epilogue, .part = part_of(steps_[j])}});
      return;
    }
    if (kind == FollowerKind::kEpilogue) epilogue_ = Epilogue::kNone;
  }

  // What follows comes forward to the product, or the product goes back to what follows first: the memory of either may
  // be used otherwise in between.
  [[nodiscard]] bool come_together(std::size_t later) {
    std::vector<std::size_t> together;
    for (const Found& found : found_) together.push_back(found.step);
    if (order_.can_move(later, place_, together)) return true;
    if (!found_.empty() || !order_.can_move(product_, later, {})) return false;
    place_ = later;
    return true;
  }

  Fusion fusion(Device& device) {
    std::sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) { return a.step < b.step; });
    Fusion fusion{.steps = {}, .kernel = nullptr};
    FusedProductParts parts{
        .product = part_of(steps_[product_]), .followers = {}, .product_is_last = place_ != product_};
    if (!parts.product_is_last) fusion.steps.push_back(product_);
    for (const Found& found : found_) {
      fusion.steps.push_back(found.step);
      parts.followers.push_back(found.follower);
    }
    if (parts.product_is_last) fusion.steps.push_back(product_);
    order_.fuse(fusion.steps, place_);
    fusion.kernel = make_fused_product(device, std::move(parts));
    return fusion;
  }

  std::span<const FusionStep> steps_;
  StepOrder& order_;
  std::size_t product_;
  std::size_t place_;  // where all of it will be done
  Epilogue epilogue_ = Epilogue::kNone;
  std::vector<Found> found_;
};

}  // namespace

void find_product_fusions(Device& device, std::span<const FusionStep> steps, StepOrder& order,
                          std::vector<Fusion>& fusions) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (!order.is_free(i) || !is_bfloat16_product(steps[i])) continue;
    if (std::optional<Fusion> fusion = Finder(steps, order, i).find(device)) fusions.push_back(std::move(*fusion));
  }
}

}  // namespace mp::runtime::gpu

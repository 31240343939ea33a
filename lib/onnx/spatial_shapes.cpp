#include "lib/onnx/spatial_shapes.hpp"

#include <algorithm>
#include <string>

namespace mp::onnx {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 40;  // no extent is larger; keeps the sums below in range

// One spatial axis of a node.
struct Axis {
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pads = 0;  // at both ends together
  std::int64_t output_padding = 0;

  [[nodiscard]] bool is_sane() const {
    return std::min({kernel, stride, dilation}) >= 1 && std::max({kernel, stride, dilation}) <= (1 << 20) &&
           std::abs(pads) <= kMost && std::abs(output_padding) <= kMost;
  }
  [[nodiscard]] std::int64_t reach() const { return (kernel - 1) * dilation + 1; }
};

std::int64_t at(const Node& node, std::string_view attribute, std::size_t i, std::int64_t fallback) {
  const Attribute* found = node.find(attribute);
  return found != nullptr && i < found->integers.size() ? found->integers[i] : fallback;
}

Axis axis_of(const Node& node, std::size_t i, std::size_t axes, const std::vector<Dimension>& weights) {
  const std::int64_t kernel = i + 2 < weights.size() ? weights[i + 2].extent : 0;
  return {.kernel = at(node, "kernel_shape", i, kernel),
          .stride = at(node, "strides", i, 1),
          .dilation = at(node, "dilations", i, 1),
          .pads = std::clamp(at(node, "pads", i, 0), -kMost / 2, kMost / 2) +
                  std::clamp(at(node, "pads", axes + i, 0), -kMost / 2, kMost / 2),
          .output_padding = at(node, "output_padding", i, 0)};
}

Dimension slid(const Node& node, const Dimension& in, const Axis& axis) {
  if (!is_number(in) || in.extent > kMost || !axis.is_sane()) return {};
  const Attribute* auto_pad = node.find("auto_pad");
  const std::string mode = auto_pad != nullptr && auto_pad->text ? *auto_pad->text : "NOTSET";
  if (node.op == "ConvTranspose") {
    if (mode != "NOTSET" || node.find("output_shape") != nullptr) return {};
    return {axis.stride * (in.extent - 1) + axis.output_padding + axis.reach() - axis.pads, ""};
  }
  if (mode.starts_with("SAME")) return {(in.extent + axis.stride - 1) / axis.stride, ""};
  const std::int64_t room = in.extent + axis.pads - axis.reach();
  const std::int64_t more = integer_or(node, "ceil_mode", 0) != 0 ? axis.stride - 1 : 0;
  return room < 0 ? Dimension{} : Dimension{(room + more) / axis.stride + 1, ""};
}

}  // namespace

std::optional<std::int64_t> product_of(const std::vector<Dimension>& dims) {
  std::int64_t product = 1;
  for (const Dimension& d : dims) {
    if (!is_number(d) || __builtin_mul_overflow(product, d.extent, &product)) return std::nullopt;
  }
  return product;
}

std::int64_t integer_or(const Node& node, std::string_view attribute, std::int64_t fallback) {
  const Attribute* found = node.find(attribute);
  return found != nullptr && found->integer ? *found->integer : fallback;
}

std::optional<std::vector<Dimension>> spatial_shape(const Node& node, const std::vector<Dimension>& images,
                                                    const std::vector<Dimension>& weights) {
  const bool is_global = node.op == "GlobalAveragePool" || node.op == "GlobalMaxPool";
  const bool is_pool = node.op == "MaxPool" || node.op == "AveragePool";
  const bool is_transposed = node.op == "ConvTranspose";
  if (!is_global && !is_pool && !is_transposed && node.op != "Conv") return std::nullopt;
  const bool has_weights = !is_global && !is_pool;
  if (images.size() < 3 || (has_weights && weights.size() != images.size())) return std::nullopt;
  std::vector<Dimension> result{images[0], images[1]};
  if (node.op == "Conv") result[1] = weights[0];
  if (is_transposed) {
    const std::optional<std::int64_t> channels = product_of({weights[1], {integer_or(node, "group", 1), ""}});
    result[1] = channels ? Dimension{*channels, ""} : Dimension{};
  }
  const std::size_t axes = images.size() - 2;
  for (std::size_t i = 0; i < axes; ++i)
    result.push_back(is_global ? Dimension{1, ""} : slid(node, images[i + 2], axis_of(node, i, axes, weights)));
  return result;
}

}  // namespace mp::onnx

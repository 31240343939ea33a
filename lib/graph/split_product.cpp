// Gemm and MatMul in parts: by columns of the result, or by the inner dimension (Shoeybi et al., Megatron-LM, 2019,
// section 3: column-parallel and row-parallel weights).
#include <fmt/core.h>

#include <utility>

#include "lib/graph/node_parts.hpp"

namespace mp {
namespace {

class ProductParts {
 public:
  explicit ProductParts(NodeParts& node)
      : node_(node),
        is_gemm_(node.whole().op == "Gemm"),
        rank_a_(static_cast<std::int64_t>(node.input_shape(0).size())),
        rank_b_(static_cast<std::int64_t>(node.input_shape(1).size())),
        transposed_a_(is_gemm_ && node.whole().attributes.get_int("transA", 0) != 0),
        transposed_b_(is_gemm_ && node.whole().attributes.get_int("transB", 0) != 0) {}

  void by_columns() {
    node_.need_extent(node_.output_shape().back(), "columns");
    node_.share_out(1, "weights", transposed_b_ ? rank_b_ - 2 : rank_b_ - 1);
    const bool shares_bias = has_bias() && !node_.input_shape(2).empty() && node_.input_shape(2).back() > 1;
    if (shares_bias) node_.share_out(2, "bias", static_cast<std::int64_t>(node_.input_shape(2).size()) - 1);
    for (std::int64_t i = 0; i < node_.parts(); ++i) {
      std::vector<std::string> inputs = {node_.whole().inputs[0], node_.part_name("weights", i)};
      if (has_bias()) inputs.push_back(shares_bias ? node_.part_name("bias", i) : node_.whole().inputs[2]);
      node_.add(node_.whole().op, node_.part_name("part", i), std::move(inputs), node_.whole().attributes);
    }
    node_.concatenate(static_cast<std::int64_t>(node_.output_shape().size()) - 1);
  }

  // What Gemm adds is added once, by the first part.
  void by_inputs() {
    const std::int64_t axis_a = transposed_a_ ? rank_a_ - 2 : rank_a_ - 1;
    node_.need_extent(node_.input_shape(0)[static_cast<std::size_t>(axis_a)], "columns to sum over");
    node_.share_out(0, "inputs", axis_a);
    node_.share_out(1, "weights", transposed_b_ ? rank_b_ - 1 : rank_b_ - 2);
    for (std::int64_t i = 0; i < node_.parts(); ++i) {
      std::vector<std::string> inputs = {node_.part_name("inputs", i), node_.part_name("weights", i)};
      if (has_bias() && i == 0) inputs.push_back(node_.whole().inputs[2]);
      node_.add(node_.whole().op, node_.part_name("part", i), std::move(inputs), node_.whole().attributes);
    }
    node_.add_up();
  }

 private:
  [[nodiscard]] bool has_bias() const { return node_.has_input(2); }

  NodeParts& node_;
  bool is_gemm_ = false;
  std::int64_t rank_a_ = 2;
  std::int64_t rank_b_ = 2;
  bool transposed_a_ = false;
  bool transposed_b_ = false;
};

}  // namespace

void split_product(NodeParts& node) {
  ProductParts product(node);
  switch (node.way()) {
    case SplitWay::kColumns:
      return product.by_columns();
    case SplitWay::kInputs:
      return product.by_inputs();
    case SplitWay::kChannels:
    case SplitWay::kRows:
      node.refuse("a product is split by columns or inputs");
  }
}

}  // namespace mp

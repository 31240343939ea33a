// Values that an ONNX graph computes from constants and shapes alone: what our operators take as attributes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "lib/onnx/integer_constant.hpp"
#include "lib/onnx/onnx_file.hpp"
#include "lib/onnx/tensor_values.hpp"

namespace mp::onnx {

class Constants {
 public:
  Constants(const File& file, const std::string& folder, const std::string& source);

  // Tries to compute the outputs of a node (its inputs' nodes came before); whether it could. Otherwise learns the
  // shapes of its results, which files need not say.
  bool evaluate(const Node& node);

  [[nodiscard]] const IntegerConstant* integers(std::string_view tensor) const;
  [[nodiscard]] std::optional<double> number(std::string_view tensor) const;  // of one element, float or integer
  [[nodiscard]] std::optional<std::vector<double>> numbers(
      std::string_view tensor) const;                         // of a constant, or a list put together
  [[nodiscard]] bool is_zero(std::string_view tensor) const;  // whatever its shape: an initial state, say
  // An initializer, or the value of a Constant node.
  [[nodiscard]] const Tensor* tensor(std::string_view name) const;
  [[nodiscard]] const std::vector<Dimension>* shape(std::string_view tensor) const;
  // The same, or that of a constant.
  [[nodiscard]] std::optional<std::vector<Dimension>> shape_of(std::string_view name) const;

 private:
  [[nodiscard]] std::optional<IntegerConstant> result_of(const Node& node) const;
  [[nodiscard]] std::optional<IntegerConstant> shape_result(const Node& node) const;
  [[nodiscard]] std::optional<IntegerConstant> slice_result(const Node& node) const;
  [[nodiscard]] std::optional<IntegerConstant> filled_result(const Node& node) const;
  [[nodiscard]] std::optional<IntegerConstant> axes_result(const Node& node) const;
  [[nodiscard]] std::optional<IntegerConstant> concat_result(const Node& node) const;
  void add_tensor(const std::string& name, const Tensor& tensor);
  void add_constant_node(const Node& node);
  void learn_shapes(const Node& node);
  void join_numbers(const Node& node);
  [[nodiscard]] bool makes_zeros(const Node& node) const;

  const std::string& folder_;
  const std::string& source_;
  std::map<std::string, IntegerConstant, std::less<>> integers_;
  std::map<std::string, double, std::less<>> numbers_;
  std::map<std::string, std::vector<double>, std::less<>> joined_;  // lists of numbers, by Concat
  std::set<std::string, std::less<>> zeros_;
  std::map<std::string, Tensor, std::less<>> made_;  // tensors of Constant nodes given by attributes
  std::map<std::string, const Tensor*, std::less<>> tensors_;
  std::map<std::string, std::vector<Dimension>, std::less<>> shapes_;
};

}  // namespace mp::onnx

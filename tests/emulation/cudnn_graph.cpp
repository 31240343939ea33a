#include "tests/emulation/cudnn_graph.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "lib/base/bfloat16.hpp"
#include "tests/emulation/cudnn_shapes.hpp"

namespace mp::emulation {
namespace {

// Tensor cores take bfloat16, whatever lies between the operations.
float rounded(float value) { return from_bfloat16(to_bfloat16(value)); }

template <class Visit>
void visit_elements(const Extents& e, const Visit& visit) {
  for (std::int64_t i = 0; i < e[0]; ++i) {
    for (std::int64_t j = 0; j < e[1]; ++j) {
      for (std::int64_t k = 0; k < e[2]; ++k) {
        for (std::int64_t l = 0; l < e[3]; ++l) visit(Extents{i, j, k, l});
      }
    }
  }
}

std::int64_t place_of(const Extents& strides, const Extents& index) {
  return index[0] * strides[0] + index[1] * strides[1] + index[2] * strides[2] + index[3] * strides[3];
}

// One element along an axis is read for all, and one head for a group of heads.
Extents broadcast(const Extents& extents, const Extents& wanted, const Extents& index) {
  Extents result{};
  for (std::size_t axis = 0; axis < 4; ++axis) result[axis] = index[axis] * extents[axis] / wanted[axis];
  return result;
}

class Run {
 public:
  Run(const OperationGraph& graph, const GraphAddresses& addresses, const Defects& defects)
      : graph_(graph), addresses_(addresses), defects_(defects) {}

  void operator()() {
    for (const auto& [id, tensor] : graph_.tensors) values_[id] = start_of(tensor);
    for (const GraphOperation& operation : graph_.operations) {
      compute_one(operation);
      write(graph_.output_of(operation));
    }
  }

 private:
  using Values = std::vector<float>;

  [[nodiscard]] Values start_of(const GraphTensor& t) const {
    if (t.is_number) return {addresses_.numbers.at(t.id)};
    if (t.is_virtual || !graph_.is_input(t.id)) return Values(static_cast<std::size_t>(t.span()));
    return load(addresses_.tensors.at(t.id), t.type, t.span());
  }
  [[nodiscard]] const GraphTensor& tensor(std::int64_t id) const { return graph_.tensors.at(id); }
  // As the output's index sees it.
  [[nodiscard]] float at(std::int64_t id, const Extents& wanted, const Extents& index) const {
    const GraphTensor& t = tensor(id);
    const std::int64_t place = place_of(t.strides, broadcast(t.extents, wanted, index));
    return values_.at(id)[static_cast<std::size_t>(place)];
  }
  void set(const GraphTensor& t, const Extents& index, float value) {
    const auto place = static_cast<std::size_t>(place_of(t.strides, index));
    values_[t.id][place] = t.type == CUDNN_DATA_BFLOAT16 ? rounded(value) : value;
  }

  void compute_one(const GraphOperation& operation) {
    switch (operation.kind) {
      case GraphOperation::Kind::kMatmul:
        return multiply(operation);
      case GraphOperation::Kind::kPointwise:
        return point_by_point(operation);
      case GraphOperation::Kind::kReduction:
        return reduce(operation);
      case GraphOperation::Kind::kReshape:  // the same memory, seen otherwise
        visit_elements(graph_.output_of(operation).extents, [&](const Extents& index) {
          const GraphTensor& y = graph_.output_of(operation);
          set(y, index, values_.at(operation.inputs[0])[static_cast<std::size_t>(place_of(y.strides, index))]);
        });
    }
  }

  void multiply(const GraphOperation& operation) {
    const GraphTensor& a = tensor(operation.inputs[0]);
    const GraphTensor& b = tensor(operation.inputs[1]);
    const GraphTensor& c = graph_.output_of(operation);
    const std::int64_t depth = a.extents[3];
    const bool is_sum = !c.is_virtual && c.type == CUDNN_DATA_FLOAT;
    const bool adds_in_order = defects_.is_deterministic || c.is_virtual;
    const Values before =
        is_sum && defects_.adds_to_sums ? load(addresses_.tensors.at(c.id), c.type, c.span()) : Values();
    std::vector<float> row(static_cast<std::size_t>(c.extents[3]));
    visit_elements({c.extents[0], c.extents[1], c.extents[2], 1}, [&](const Extents& index) {
      std::fill(row.begin(), row.end(), 0.0F);
      for (std::int64_t k = 0; k < depth; ++k) {
        const float x =
            rounded(at(a.id, {c.extents[0], c.extents[1], c.extents[2], depth}, {index[0], index[1], index[2], k}));
        const Extents first = broadcast(b.extents, {c.extents[0], c.extents[1], depth, 1}, {index[0], index[1], k, 0});
        const float* y = values_.at(b.id).data() + place_of(b.strides, first);
        for (std::size_t l = 0; l < row.size(); ++l)
          row[l] += x * rounded(y[static_cast<std::int64_t>(l) * b.strides[3]]);
      }
      for (std::int64_t l = 0; l < c.extents[3]; ++l) {
        const Extents to{index[0], index[1], index[2], l};
        const float old = before.empty() ? 0.0F : before[static_cast<std::size_t>(place_of(c.strides, to))];
        set(c, to, (adds_in_order ? 1.0F : any_order()) * row[static_cast<std::size_t>(l)] + old);
      }
    });
  }

  void point_by_point(const GraphOperation& operation) {
    const GraphTensor& y = graph_.output_of(operation);
    visit_elements(y.extents, [&](const Extents& index) {
      std::array<float, 3> x{};
      for (std::size_t i = 0; i < operation.inputs.size(); ++i) x[i] = at(operation.inputs[i], y.extents, index);
      const float position =
          operation.axis < 0 ? 0.0F : static_cast<float>(index[static_cast<std::size_t>(operation.axis)]);
      set(y, index, value_of(operation.mode, x, position));
    });
  }

  static float value_of(int mode, const std::array<float, 3>& x, float position) {
    switch (mode) {
      case CUDNN_POINTWISE_ADD:
        return x[0] + x[1];
      case CUDNN_POINTWISE_SUB:
        return x[0] - x[1];
      case CUDNN_POINTWISE_MUL:
        return x[0] * x[1];
      case CUDNN_POINTWISE_DIV:
        return x[0] / x[1];
      case CUDNN_POINTWISE_EXP:
        return std::exp(x[0]);
      case CUDNN_POINTWISE_LOG:
        return std::log(x[0]);
      case CUDNN_POINTWISE_IDENTITY:
        return x[0];
      case CUDNN_POINTWISE_GEN_INDEX:
        return position;
      case CUDNN_POINTWISE_CMP_GE:
        return x[0] >= x[1] ? 1.0F : 0.0F;
      case CUDNN_POINTWISE_BINARY_SELECT:
        return x[2] != 0.0F ? x[0] : x[1];
      default:
        throw std::logic_error("a mode that is not emulated");
    }
  }

  void reduce(const GraphOperation& operation) {
    const bool is_sum = operation.mode == CUDNN_REDUCE_TENSOR_ADD;
    const GraphTensor& x = tensor(operation.inputs[0]);
    const GraphTensor& y = graph_.output_of(operation);
    Values& result = values_[y.id];
    std::fill(result.begin(), result.end(), is_sum ? 0.0F : -std::numeric_limits<float>::infinity());
    visit_elements(x.extents, [&](const Extents& index) {
      const float value = at(x.id, x.extents, index);
      float& sum = result[static_cast<std::size_t>(place_of(y.strides, broadcast(y.extents, x.extents, index)))];
      sum = is_sum ? sum + value : std::max(sum, value);
    });
    visit_elements(y.extents, [&](const Extents& index) { set(y, index, at(y.id, y.extents, index)); });
  }

  void write(const GraphTensor& t) {
    if (t.is_virtual) return;
    void* const to = addresses_.tensors.at(t.id);
    visit_elements(t.extents, [&](const Extents& index) {
      const float value = defects_.is_wrong ? std::numeric_limits<float>::quiet_NaN() : at(t.id, t.extents, index);
      store(to, t.type, place_of(t.strides, index), value);
    });
  }

  const OperationGraph& graph_;
  const GraphAddresses& addresses_;
  Defects defects_;
  std::map<std::int64_t, Values> values_;  // by their places in memory
};

}  // namespace

std::int64_t GraphTensor::span() const {
  return 1 + place_of(strides, {extents[0] - 1, extents[1] - 1, extents[2] - 1, extents[3] - 1});
}

bool OperationGraph::is_input(std::int64_t id) const {
  return std::none_of(operations.begin(), operations.end(), [id](const GraphOperation& o) { return o.output == id; });
}

void compute(const OperationGraph& graph, const GraphAddresses& addresses, const Defects& defects) {
  Run(graph, addresses, defects)();
}

}  // namespace mp::emulation

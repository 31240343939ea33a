// A graph of cuDNN's operations, and what it computes. Tensors have four axes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "tests/emulation/cudnn.hpp"

namespace mp::emulation {

using Extents = std::array<std::int64_t, 4>;

struct GraphTensor {
  std::int64_t id = 0;
  cudnnDataType_t type = CUDNN_DATA_FLOAT;
  Extents extents{};
  Extents strides{};
  std::int64_t alignment = 0;
  bool is_virtual = false;
  bool is_number = false;  // in the host's memory

  // From the first element to behind the last.
  [[nodiscard]] std::int64_t span() const;
  friend bool operator==(const GraphTensor&, const GraphTensor&) = default;
};

struct GraphOperation {
  enum class Kind : std::uint8_t { kMatmul, kPointwise, kReduction, kReshape };
  Kind kind = Kind::kPointwise;
  int mode = 0;                      // cudnnPointwiseMode_t or cudnnReduceTensorOp_t
  std::int64_t axis = -1;            // of an index
  std::vector<std::int64_t> inputs;  // by id; of a selection: x, otherwise, condition
  std::int64_t output = 0;
};

struct OperationGraph {
  cudnnHandle_t handle = nullptr;  // null: for a device that is not there
  std::map<std::int64_t, GraphTensor> tensors;
  std::vector<GraphOperation> operations;  // in an order in which they can be done

  [[nodiscard]] const GraphTensor& output_of(const GraphOperation& operation) const {
    return tensors.at(operation.output);
  }
  [[nodiscard]] bool is_input(std::int64_t id) const;  // no operation makes it
};

// What an engine does otherwise than the graph says.
struct Defects {
  bool is_deterministic = true;
  bool adds_to_sums = false;  // float32 results of products are added to what their memory held
  bool is_wrong = false;
};

// Element e of tensor t is at addresses[t] + Σ index · stride; numbers have their values instead.
struct GraphAddresses {
  std::map<std::int64_t, void*> tensors;
  std::map<std::int64_t, float> numbers;
};
void compute(const OperationGraph& graph, const GraphAddresses& addresses, const Defects& defects);

}  // namespace mp::emulation

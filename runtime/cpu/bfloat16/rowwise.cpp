// Operators whose rows stand each for itself (elementwise functions, normalisation of rows): some rows at a time are
// widened into a scratch that fits the cache, computed by the float32 kernel, and rounded. What goes through memory is
// bfloat16.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/cpu/bfloat16/convert.hpp"
#include "runtime/cpu/bfloat16/kernels.hpp"
#include "runtime/cpu/bfloat16/twin.hpp"
#include "runtime/cpu/index.hpp"

namespace mp::runtime::cpu {
namespace {

constexpr std::string_view kElementwise[] = {
    "Abs",  "AbsGrad",  "Add",       "Div",           "Elu", "EluGrad", "Erf",  "ErfGrad",     "Exp",
    "Gelu", "GeluGrad", "LeakyRelu", "LeakyReluGrad", "Log", "Mul",     "Neg",  "Pow",         "Relu",
    "Sqrt", "ReluGrad", "Swish",     "SwishGrad",     "Sub", "Sigmoid", "Tanh", "SigmoidGrad", "TanhGrad"};
constexpr std::string_view kNormalizations[] = {"LayerNormalization", "LayerNormalizationInputGrad", "RMSNormalization",
                                                "RMSNormalizationInputGrad"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

struct RowOperand {
  bool exists = false;
  bool is_sliced = false;  // else all of it is read for every row
  bool is_bfloat16 = false;
  Shape row;              // without the row axes; of one that is not sliced: its shape
  std::int64_t size = 0;  // elements of that
};

struct Rows {
  std::int64_t count = 0;
  std::int64_t at_once = 0;
  std::vector<RowOperand> inputs;
  std::vector<RowOperand> outputs;
  Attributes attributes;
};

// The shape without leading axes of extent 1.
Shape trimmed(const Shape& shape) {
  const auto first = std::find_if(shape.begin(), shape.end(), [](std::int64_t extent) { return extent != 1; });
  return {first, shape.end()};
}

// Row axes are the first `axes` of `shape`. An operand that has them is sliced; one that has none of them is not; with
// only some of them (nullopt) rows do not stand for themselves.
std::optional<RowOperand> row_operand(const TensorType& type, const Shape& shape, std::size_t axes) {
  RowOperand operand;
  operand.exists = true;
  operand.is_bfloat16 = type.type == DataType::kBfloat16;
  const auto rows_end = shape.begin() + static_cast<std::ptrdiff_t>(axes);
  operand.is_sliced = type.shape.size() == shape.size() && std::equal(shape.begin(), rows_end, type.shape.begin());
  if (operand.is_sliced) {
    operand.row.assign(type.shape.begin() + static_cast<std::ptrdiff_t>(axes), type.shape.end());
  } else {
    operand.row = type.shape;
    if (trimmed(type.shape).size() > shape.size() - axes) return std::nullopt;
    if (type.shape.size() > shape.size() - axes) operand.row = trimmed(type.shape);
  }
  operand.size = elements(operand.row);
  return operand;
}

// As many of the leading axes as all operands have, or do without.
std::size_t elementwise_row_axes(const KernelCall& call, const Shape& shape) {
  std::size_t axes = shape.size();
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    if (call.input(i).shape != shape) axes = std::min(axes, shape.size() - trimmed(call.input(i).shape).size());
  }
  return axes;
}

std::optional<Rows> rows_of(const KernelCall& call) {
  const std::string_view op = call.node.op_name;
  const Shape& shape = call.output(0).shape;
  Rows rows;
  rows.attributes = call.attributes();
  std::size_t axes = 0;
  if (contains(kElementwise, op)) {
    axes = elementwise_row_axes(call, shape);
  } else if (contains(kNormalizations, op)) {
    axes = static_cast<std::size_t>(positive_axis(call.attributes().get_int("axis", -1), shape.size()));
    rows.attributes.set("axis", std::int64_t{1});
  }
  if (axes == 0) return std::nullopt;
  rows.count = elements({shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axes)});
  std::int64_t row_size = 1;
  const auto add = [&](std::vector<RowOperand>& operands, bool exists, const auto& type_of) {
    const std::optional<RowOperand> operand = exists ? row_operand(type_of(), shape, axes) : RowOperand{};
    if (!operand) return false;
    row_size = std::max(row_size, operand->size);
    operands.push_back(*operand);
    return true;
  };
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    if (!add(rows.inputs, call.has_input(i), [&] { return call.input(i); })) return std::nullopt;
  }
  for (std::size_t i = 0; i < call.node.outputs.size(); ++i) {
    if (!add(rows.outputs, call.has_output(i), [&] { return call.output(i); })) return std::nullopt;
  }
  constexpr std::int64_t kElementsAtOnce = 8192;
  rows.at_once = std::clamp<std::int64_t>(kElementsAtOnce / row_size, 1, std::max<std::int64_t>(rows.count, 1));
  return rows;
}

Twin twin_of(const KernelCall& call, const Rows& rows, std::int64_t count) {
  Twin twin = widened_twin(call);
  twin.attributes = rows.attributes;
  const auto reshape = [count](const std::vector<RowOperand>& operands, std::vector<TensorType>& types) {
    for (std::size_t i = 0; i < operands.size(); ++i) {
      types[i].shape = operands[i].row;
      if (operands[i].is_sliced) types[i].shape.insert(types[i].shape.begin(), count);
    }
  };
  reshape(rows.inputs, twin.inputs);
  reshape(rows.outputs, twin.outputs);
  return twin;
}

// Kernels and scratch of one thread.
struct Lane {
  SharedScratch of_kernels;
  std::unique_ptr<Kernel> kernel;       // of rows.at_once rows
  std::unique_ptr<Kernel> last_kernel;  // of what is left of them
  std::vector<float> scratch;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
};

class RowwiseKernel final : public Kernel {
 public:
  RowwiseKernel(const KernelCall& call, Rows rows) : team_(call.team), rows_(std::move(rows)), alone_(1) {
    std::int64_t scratch_size = 0;
    for (const std::vector<RowOperand>* operands : {&rows_.inputs, &rows_.outputs}) {
      for (const RowOperand& operand : *operands) scratch_size += scratch_size_of(operand);
    }
    const std::int64_t left = rows_.count % rows_.at_once;
    lanes_ = std::vector<Lane>(static_cast<std::size_t>(team_.threads()));  // never moved: kernels know their scratch
    for (Lane& lane : lanes_) {
      lane.kernel = make_twin_kernel(call, twin_of(call, rows_, rows_.at_once), {alone_, lane.of_kernels});
      if (left > 0) lane.last_kernel = make_twin_kernel(call, twin_of(call, rows_, left), {alone_, lane.of_kernels});
      lane.scratch.resize(static_cast<std::size_t>(scratch_size));
      lane.inputs.resize(rows_.inputs.size());
      lane.outputs.resize(rows_.outputs.size());
      workspace_bytes_ += scratch_size * std::int64_t{sizeof(float)} + lane.of_kernels.size_bytes();
    }
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    team_.for_each((rows_.count + rows_.at_once - 1) / rows_.at_once, [&](std::int64_t part, int worker) {
      Lane& lane = lanes_[static_cast<std::size_t>(worker)];
      const std::int64_t first = part * rows_.at_once;
      const std::int64_t count = std::min(rows_.at_once, rows_.count - first);
      float* free = lane.scratch.data();
      for (std::size_t i = 0; i < rows_.inputs.size(); ++i) {
        lane.inputs[i] = input_at(rows_.inputs[i], inputs[i], first, count, free);
      }
      for (std::size_t i = 0; i < rows_.outputs.size(); ++i) {
        lane.outputs[i] = output_at(rows_.outputs[i], outputs[i], first, free);
      }
      Kernel& kernel = count == rows_.at_once ? *lane.kernel : *lane.last_kernel;
      kernel.run(lane.inputs, lane.outputs, context);
      for (std::size_t i = 0; i < rows_.outputs.size(); ++i) {
        const RowOperand& operand = rows_.outputs[i];
        if (!operand.exists || !operand.is_bfloat16) continue;
        narrow(static_cast<const float*>(lane.outputs[i]),
               static_cast<std::uint16_t*>(outputs[i]) + first * operand.size, count * operand.size);
      }
    });
  }

  [[nodiscard]] std::int64_t workspace_bytes() const override { return workspace_bytes_; }

 private:
  static constexpr std::int64_t kAlignedFloats = 16;

  [[nodiscard]] std::int64_t scratch_size_of(const RowOperand& operand) const {
    if (!operand.exists || !operand.is_bfloat16) return 0;
    const std::int64_t size = operand.size * (operand.is_sliced ? rows_.at_once : 1);
    return (size + kAlignedFloats - 1) / kAlignedFloats * kAlignedFloats;
  }

  // Where the kernel reads the operand's rows; takes what it needs of the free scratch.
  const void* input_at(const RowOperand& operand, const void* data, std::int64_t first, std::int64_t count,
                       float*& free) const {
    if (!operand.exists) return nullptr;
    const std::int64_t skipped = operand.is_sliced ? first * operand.size : 0;
    if (!operand.is_bfloat16) return static_cast<const float*>(data) + skipped;
    float* place = free;
    free += scratch_size_of(operand);
    widen(static_cast<const std::uint16_t*>(data) + skipped, place, operand.size * (operand.is_sliced ? count : 1));
    return place;
  }

  void* output_at(const RowOperand& operand, void* data, std::int64_t first, float*& free) const {
    if (!operand.exists) return nullptr;
    if (!operand.is_bfloat16) return static_cast<float*>(data) + first * operand.size;
    float* place = free;
    free += scratch_size_of(operand);
    return place;
  }

  Team& team_;
  Rows rows_;
  Team alone_;  // of the lanes' kernels
  std::vector<Lane> lanes_;
  std::int64_t workspace_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Kernel> make_rowwise_kernel(const KernelCall& call) {
  std::optional<Rows> rows = rows_of(call);
  if (!rows) return nullptr;
  return std::make_unique<RowwiseKernel>(call, *std::move(rows));
}

}  // namespace mp::runtime::cpu

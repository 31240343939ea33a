// A table in device memory that is made of operands' addresses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/gpu/device.hpp"

namespace mp::runtime::gpu {

// Rows are written anew when the operands have moved, which waits for the device. The buffers of a Program stay where
// they are: that is in the first step, before any work is recorded.
template <class Row>
class OperandTable {
 public:
  OperandTable(Device& device, std::size_t rows)
      : device_(&device), size_bytes_(static_cast<std::int64_t>(rows * sizeof(Row))) {
    memory_ = device.allocate_scratch(size_bytes_);
  }
  [[nodiscard]] std::int64_t size_bytes() const { return size_bytes_; }

  // make_rows(): the std::vector<Row> of these operands.
  template <class MakeRows>
  [[nodiscard]] const Row* rows(std::span<const void* const> inputs, std::span<void* const> outputs,
                                const MakeRows& make_rows) {
    if (!is_written_ || !std::ranges::equal(inputs, inputs_) || !std::ranges::equal(outputs, outputs_)) {
      const std::vector<Row> made = make_rows();
      device_->upload(memory_.get(), made.data(), size_bytes_);
      inputs_.assign(inputs.begin(), inputs.end());
      outputs_.assign(outputs.begin(), outputs.end());
      is_written_ = true;
    }
    return reinterpret_cast<const Row*>(memory_.get());
  }

 private:
  Device* device_;
  std::int64_t size_bytes_;
  DeviceMemory memory_;
  bool is_written_ = false;
  std::vector<const void*> inputs_;
  std::vector<void*> outputs_;
};

}  // namespace mp::runtime::gpu

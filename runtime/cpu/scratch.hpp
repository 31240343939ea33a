// Memory kernels use besides the arena: aligned for vector instructions, made before the first step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace mp::runtime::cpu {

class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(std::size_t size_bytes)
      : size_bytes_(size_bytes),
        memory_(size_bytes == 0 ? nullptr : static_cast<std::byte*>(::operator new(size_bytes, kAlignment))) {}

  [[nodiscard]] std::byte* data() const { return memory_.get(); }
  [[nodiscard]] std::int64_t size_bytes() const { return static_cast<std::int64_t>(size_bytes_); }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Delete {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  std::size_t size_bytes_ = 0;
  std::unique_ptr<std::byte, Delete> memory_;
};

// What all kernels of a device use in turns: as large as the largest asks for. What it holds is lost from one kernel's
// run to the next.
class SharedScratch {
 public:
  // While kernels are made. Moves the memory: data() is for their runs.
  void reserve(std::size_t size_bytes) {
    if (static_cast<std::int64_t>(size_bytes) > scratch_.size_bytes()) scratch_ = Scratch(size_bytes);
  }
  [[nodiscard]] std::byte* data() const { return scratch_.data(); }
  [[nodiscard]] std::int64_t size_bytes() const { return scratch_.size_bytes(); }

 private:
  Scratch scratch_;
};

}  // namespace mp::runtime::cpu

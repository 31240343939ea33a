// Memory a kernel keeps besides the arena: made once, aligned for vector instructions.
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

}  // namespace mp::runtime::cpu

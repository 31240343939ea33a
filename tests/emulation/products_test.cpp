// What the CUDA backend relies on in cuBLAS and cuBLASLt, and what it does where they refuse.
#include <cstdint>
#include <vector>

#include "lib/base/bfloat16.hpp"
#include "runtime/cuda/cuda_device.hpp"
#include "tests/emulation/machine.hpp"
#include "tests/support/catch.hpp"

namespace mp::emulation {
namespace {

using runtime::gpu::MatrixProduct;

// bfloat16 numbers on the device, at a distance from where its memory begins.
class Numbers {
 public:
  Numbers(cuda::CudaDevice& device, const std::vector<float>& values, std::size_t offset_bytes = 0)
      : device_(device), size_(values.size()), offset_(offset_bytes) {
    std::vector<std::uint16_t> bits;
    for (const float value : values) bits.push_back(to_bfloat16(value));
    memory_ = device.allocate_scratch(static_cast<std::int64_t>(offset_bytes + 2 * size_));
    device.upload(data(), bits.data(), static_cast<std::int64_t>(2 * size_));
  }
  [[nodiscard]] void* data() const { return memory_.get() + offset_; }
  [[nodiscard]] std::vector<float> values() const {
    std::vector<std::uint16_t> bits(size_);
    device_.host_copies().to_host(bits.data(), data(), static_cast<std::int64_t>(2 * size_));
    device_.synchronize();
    std::vector<float> values;
    for (const std::uint16_t value : bits) values.push_back(from_bfloat16(value));
    return values;
  }

 private:
  cuda::CudaDevice& device_;
  std::size_t size_;
  std::size_t offset_;
  runtime::DeviceMemory memory_;
};

constexpr std::int64_t kSize = 8;

std::vector<float> ones(std::int64_t rows, std::int64_t columns) {
  return std::vector<float>(static_cast<std::size_t>(rows * columns), 1.0F);
}

MatrixProduct product_of(const Numbers& a, const Numbers& b, const Numbers& c, std::int64_t k) {
  return {.m = kSize,
          .n = kSize,
          .k = k,
          .a = {a.data(), true},
          .lda = k,
          .b = {b.data(), true},
          .ldb = kSize,
          .c = {c.data(), true},
          .ldc = kSize};
}

}  // namespace

TEST_CASE("parts of a product in bfloat16 are added up in float32", "[emulation]") {
  const MachineForTest machine({.devices = 1});
  cuda::CudaDevice device({});
  // The emulation cuts the sum behind 257 ones, a number that bfloat16 has not.
  constexpr std::int64_t kDepth = 512;
  std::vector<float> left(static_cast<std::size_t>(kSize * kDepth), 1.0F);
  for (std::int64_t row = 0; row < kSize; ++row) {
    for (std::int64_t k = 257; k < kDepth; ++k) left[static_cast<std::size_t>(row * kDepth + k)] = -1.0F;
  }
  const Numbers a(device, left);
  const Numbers b(device, ones(kDepth, kSize));
  const Numbers c(device, ones(kSize, kSize));
  const Numbers bias(device, std::vector<float>(kSize, 0.0F));
  for (const bool has_bias : {false, true}) {
    MatrixProduct product = product_of(a, b, c, kDepth);
    if (has_bias) product.bias = {bias.data(), true};
    device.multiply(product);
    CHECK(c.values() == std::vector<float>(kSize * kSize, 2.0F));
  }
}

TEST_CASE("a plan of cuBLASLt serves addresses that are aligned as little as any", "[emulation]") {
  const MachineForTest machine({.devices = 1});
  cuda::CudaDevice device({});
  const Numbers a(device, ones(kSize, kSize));
  const Numbers b(device, ones(kSize, kSize));
  const Numbers c(device, ones(kSize, kSize));
  for (const std::size_t offset : {0U, 64U}) {  // the first is what the plan is made for
    const Numbers bias(device, ones(1, kSize), offset);
    MatrixProduct product = product_of(a, b, c, kSize);
    product.bias = {bias.data(), true};
    CHECK(device.multiply_fused(product));
    CHECK(c.values() == std::vector<float>(kSize * kSize, kSize + 1.0F));
  }
}

TEST_CASE("what cuBLASLt proposes and then refuses is done without it", "[emulation]") {
  const MachineForTest machine({.devices = 1, .proposes_in_vain = true});
  cuda::CudaDevice device({});
  const Numbers a(device, ones(kSize, kSize));
  const Numbers b(device, ones(kSize, kSize));
  const Numbers c(device, ones(kSize, kSize));
  const Numbers bias(device, ones(1, kSize));
  MatrixProduct product = product_of(a, b, c, kSize);
  product.bias = {bias.data(), true};
  for (int i = 0; i < 2; ++i) {
    CHECK(!device.multiply_fused(product));
    device.multiply(product);
    CHECK(c.values() == std::vector<float>(kSize * kSize, kSize + 1.0F));
  }
}

TEST_CASE("products that are tuned are done by the fastest algorithm that runs", "[emulation]") {
  for (const Timing timing : {Timing::kPrompt, Timing::kLate}) {
    const MachineForTest machine({.devices = 1, .timing = timing});
    cuda::CudaDevice device({.tunes_products = true});
    const Numbers a(device, ones(kSize, kSize));
    const Numbers b(device, ones(kSize, kSize));
    const Numbers c(device, ones(kSize, kSize));
    const Numbers bias(device, ones(1, kSize));
    const MatrixProduct plain = product_of(a, b, c, kSize);
    MatrixProduct biased = plain;
    biased.bias = {bias.data(), true};
    const auto check_products = [&] {
      CHECK(device.multiply_fused(biased));
      CHECK(c.values() == std::vector<float>(kSize * kSize, kSize + 1.0F));
      device.multiply(plain);
      CHECK(c.values() == std::vector<float>(kSize * kSize, kSize));
    };
    const Counts before = counts();
    check_products();
    const Counts tuned = counts();
    CHECK(tuned.slow_products > before.slow_products);  // tried, too
    check_products();
    CHECK(counts().slow_products == tuned.slow_products);
  }
}

TEST_CASE("a sum in place, which is another one each time, is made once while products are tuned", "[emulation]") {
  const MachineForTest machine({.devices = 1});
  cuda::CudaDevice device({.tunes_products = true});
  const Numbers a(device, ones(kSize, kSize));
  const Numbers b(device, ones(kSize, kSize));
  const Numbers c(device, ones(kSize, kSize));
  MatrixProduct product = product_of(a, b, c, kSize);
  product.added = {c.data(), true};
  CHECK(device.multiply_fused(product));
  CHECK(c.values() == std::vector<float>(kSize * kSize, kSize + 1.0F));
}

}  // namespace mp::emulation

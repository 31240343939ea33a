// A backend whose kernels are functions of the test.
#pragma once

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "lib/base/error.hpp"
#include "runtime/backend.hpp"

namespace mp::runtime::test {

using KernelFunction = std::function<void(std::span<const void* const>, std::span<void* const>, const StepContext&)>;
using KernelFunctions = std::map<std::string, KernelFunction>;  // by node name

class FakeKernel final : public Kernel {
 public:
  explicit FakeKernel(KernelFunction function) : function_(std::move(function)) {}
  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext& context) override {
    function_(inputs, outputs, context);
  }
  [[nodiscard]] std::int64_t workspace_bytes() const override { return 7; }

 private:
  KernelFunction function_;
};

class FakeBackend final : public Backend {
 public:
  explicit FakeBackend(KernelFunctions kernels) : kernels_(std::move(kernels)) {}
  [[nodiscard]] std::string_view name() const override { return "fake"; }
  [[nodiscard]] DeviceMemory allocate(std::int64_t size_bytes) override {
    if (size_bytes > std::int64_t{1} << 40) throw RunError("no such memory");
    void* memory = std::calloc(1, static_cast<std::size_t>(size_bytes));
    return {static_cast<std::byte*>(memory), [](std::byte* p) { std::free(p); }};
  }
  [[nodiscard]] std::unique_ptr<Kernel> make_kernel(const Graph& graph, NodeId node) override {
    const auto found = kernels_.find(graph.node(node).name);
    if (found == kernels_.end()) throw RunError("no kernel");
    return std::make_unique<FakeKernel>(found->second);
  }
  void copy_from_host(void* device, const void* host, std::int64_t size_bytes) override {
    copy(device, host, size_bytes);
  }
  void copy_to_host(void* host, const void* device, std::int64_t size_bytes) override {
    copy(host, device, size_bytes);
  }
  void copy(void* to, const void* from, std::int64_t size_bytes) override {
    std::memcpy(to, from, static_cast<std::size_t>(size_bytes));
  }
  void accumulate(float* sum, const float* addend, std::int64_t elements) override {
    for (std::int64_t i = 0; i < elements; ++i) sum[i] += addend[i];
  }
  void synchronize() override {}

 private:
  KernelFunctions kernels_;
};

}  // namespace mp::runtime::test

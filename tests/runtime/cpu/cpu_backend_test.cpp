#include "runtime/cpu/cpu_backend.hpp"

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "lib/graph/builder.hpp"
#include "lib/program/program.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime {
namespace {

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const RunError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("CPU memory is aligned and zeroed, and copies are exact") {
  const auto backend = make_cpu_backend({.threads = 2});
  CHECK(backend->name() == "cpu");
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{1}, std::int64_t{1000003}}) {
    const DeviceMemory memory = backend->allocate(size);
    CHECK(reinterpret_cast<std::uintptr_t>(memory.get()) % kBufferAlignment == 0);
    for (std::int64_t i = 0; i < size; ++i) REQUIRE(memory.get()[i] == std::byte{0});
  }
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const auto size_bytes = static_cast<std::int64_t>(numbers.size() * sizeof(int));
  const DeviceMemory a = backend->allocate(size_bytes);
  const DeviceMemory b = backend->allocate(size_bytes);
  backend->copy_from_host(a.get(), numbers.data(), size_bytes);
  backend->copy(b.get(), a.get(), size_bytes);
  std::vector<int> back(numbers.size());
  backend->copy_to_host(back.data(), b.get(), size_bytes);
  CHECK(back == numbers);
}

TEST_CASE("accumulation adds element by element, in parts for the whole team") {
  const auto backend = make_cpu_backend({.threads = 3});
  std::vector<float> sum(100003, 1.5F);
  std::vector<float> addend(sum.size());
  for (std::size_t i = 0; i < addend.size(); ++i) addend[i] = static_cast<float>(i);
  backend->accumulate(sum.data(), addend.data(), static_cast<std::int64_t>(sum.size()));
  for (std::size_t i = 0; i < sum.size(); ++i) REQUIRE(sum[i] == static_cast<float>(i) + 1.5F);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their allocators end the program instead
TEST_CASE("memory that is not there is an error with the size") {
  const auto backend = make_cpu_backend({.threads = 1});
  CHECK(message_of([&] { static_cast<void>(backend->allocate(std::int64_t{1} << 52)); }) ==
        "cpu: not enough memory for 4503599627370496 bytes (4194304.0 GiB)");
}
#endif

TEST_CASE("a node without kernel is an error that names node and operator") {
  const auto backend = make_cpu_backend({.threads = 1});
  GraphBuilder builder("types");
  const TensorId flags = builder.add_input("flags", {DataType::kBool, {3}});
  builder.add("Cast", "to_flags", {flags}, {{"to", std::string("bool")}});
  Node unknown;
  unknown.name = "unknown";
  unknown.op_name = "Unheard";
  unknown.cost = MeasuredCost{};
  builder.add_opaque(unknown, {"out"}, {{DataType::kFloat32, {3}}});
  const Graph graph = std::move(builder).build();
  CHECK(backend->make_kernel(graph, NodeId{0}) != nullptr);
  CHECK(message_of([&] { static_cast<void>(backend->make_kernel(graph, NodeId{1})); }) ==
        "node 'unknown': the CPU backend has no kernel for operator Unheard");
}

}  // namespace mp::runtime

// Chains in one pass have the bits of their parts; teams keep to their cores.
#include "runtime/cpu/elementwise.hpp"

#include <cmath>
#include <vector>

#include "lib/graph/builder.hpp"
#include "runtime/cpu/affinity.hpp"
#include "runtime/cpu/cpu_backend.hpp"
#include "tests/support/catch.hpp"

namespace mp::runtime::testing {

TEST_CASE("a chain in one pass has the bits of its parts one after the other", "[fused]") {
  constexpr std::int64_t kSize = 40001;
  GraphBuilder builder("chain");
  const TensorType type{DataType::kFloat32, {kSize}};
  const TensorId a = builder.add_input("a", type);
  const TensorId b = builder.add_input("b", type);
  const TensorId sum = builder.add("Add", "sum", {a, b});
  const TensorId gelu = builder.add("Gelu", "gelu", {sum});
  builder.add("Mul", "product", {gelu, a});
  const Graph graph = std::move(builder).build();
  for (const int threads : {1, 3}) {
    const auto backend = make_cpu_backend({.threads = threads});
    std::vector<std::unique_ptr<Kernel>> kernels;
    std::vector<FusedPart> parts;
    for (const NodeId id : ids<NodeId>(graph.nodes().size())) {
      kernels.push_back(backend->make_kernel(graph, id));
      REQUIRE(kernels.back()->elementwise_size() == kSize);
      parts.push_back({kernels.back().get(), graph.node(id).inputs.size(), 1});
    }
    const auto size = static_cast<std::size_t>(kSize);
    std::vector<float> x(size);
    std::vector<float> y(size);
    for (std::size_t i = 0; i < size; ++i) {
      x[i] = std::sin(static_cast<float>(i));
      y[i] = std::cos(static_cast<float>(3 * i));
    }
    const auto run = [&](bool fused) {
      std::vector<float> s(size);
      std::vector<float> g(size);
      std::vector<float> p(size);
      const std::vector<const void*> inputs{x.data(), y.data(), s.data(), g.data(), x.data()};
      const std::vector<void*> outputs{s.data(), g.data(), p.data()};
      if (fused) {
        const auto kernel = backend->fuse(parts);
        REQUIRE(kernel != nullptr);
        kernel->run(inputs, outputs, {});
      } else {
        kernels[0]->run(std::span(inputs).subspan(0, 2), std::span(outputs).subspan(0, 1), {});
        kernels[1]->run(std::span(inputs).subspan(2, 1), std::span(outputs).subspan(1, 1), {});
        kernels[2]->run(std::span(inputs).subspan(3, 2), std::span(outputs).subspan(2, 1), {});
      }
      return p;
    };
    CHECK(run(true) == run(false));
  }
}

TEST_CASE("devices that fill more than half of the cores have cores of their own", "[affinity]") {
  const std::vector<int> usable{2, 3, 5, 7, 8, 9};
  CHECK(cpu::cores_of_device(usable, 2, 2, 0) == std::vector<int>{2, 3});
  CHECK(cpu::cores_of_device(usable, 2, 2, 1) == std::vector<int>{5, 7});
  CHECK(cpu::cores_of_device(usable, 3, 2, 2) == std::vector<int>{8, 9});
  CHECK(cpu::cores_of_device(usable, 1, 3, 0).empty());  // half is free
  CHECK(cpu::cores_of_device(usable, 7, 1, 0).empty());  // more threads than cores
  CHECK(cpu::cores_of_device({}, 1, 1, 0).empty());
}

TEST_CASE("every thread of a team keeps to the core it is given", "[affinity]") {
  const std::vector<int> usable = cpu::usable_cores();
  if (usable.empty()) return;
  std::thread([&] {  // so that the test's own thread stays free
    const std::vector<int> cores(3, usable.back());
    Team team(3, cores);
    std::vector<std::vector<int>> seen(16);
    team.for_each(16, [&](std::int64_t part, int) { seen[static_cast<std::size_t>(part)] = cpu::usable_cores(); });
    for (const std::vector<int>& own : seen) CHECK(own == std::vector<int>{usable.back()});
  })
      .join();
}

}  // namespace mp::runtime::testing

// Runs a graph on a backend, every tensor in memory of its own: what an executor does, without plan or arena.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "lib/graph/graph.hpp"
#include "runtime/cpu/cpu_backend.hpp"

namespace mp::runtime::testing {

class GraphRunner {
 public:
  // As an executor has it, each tensor in the layout its graph suggests; or all plain.
  enum class Layouts : std::uint8_t { kPrepared, kPlain };
  GraphRunner(const Graph& graph, int threads, Layouts layouts = Layouts::kPrepared);  // of a CPU backend
  GraphRunner(const Graph& graph, std::unique_ptr<Backend> backend, Layouts layouts = Layouts::kPrepared);

  void set(TensorId tensor, const std::vector<float>& values);
  void set(TensorId tensor, const std::vector<std::int64_t>& values);
  void set(TensorId tensor, const std::vector<bool>& values);
  // Every node whose flag is set, in order; all nodes where there are no flags. What a node makes is NaN before it
  // runs, and no node writes behind the end of its outputs: throws where one does.
  void run(const StepContext& context = {}, const std::vector<bool>& nodes = {});

  [[nodiscard]] std::vector<float> floats(TensorId tensor) const;
  [[nodiscard]] std::vector<std::byte> bytes_of(TensorId tensor) const;
  [[nodiscard]] std::int64_t workspace_bytes() const;

 private:
  void set_bytes(TensorId tensor, const void* values, std::size_t size_bytes);
  void poison(TensorId tensor);
  void run_node(NodeId node, const StepContext& context);
  void check_guard(TensorId tensor) const;

  const Graph& graph_;
  std::unique_ptr<Backend> backend_;
  IdVector<TensorId, DeviceMemory> memory_;
  std::vector<std::unique_ptr<Kernel>> kernels_;
};

}  // namespace mp::runtime::testing

// Capture, instantiation and launch of graphs, and what may not be done meanwhile.
#include "tests/emulation/graph.hpp"

#include <atomic>
#include <mutex>
#include <set>
#include <utility>

#include "tests/emulation/machine.hpp"
#include "tests/emulation/queue.hpp"
#include "tests/emulation/state.hpp"

namespace mp::emulation {
namespace {

thread_local std::set<CUgraph_st*> own_captures;  // begun by this thread, not in relaxed mode

std::mutex& global_mutex() {
  static std::mutex mutex;
  return mutex;
}
std::set<CUgraph_st*>& global_captures() {
  static std::set<CUgraph_st*> all;
  return all;
}

}  // namespace

cudaError_t unsafe_in_capture() {
  const std::lock_guard lock(global_mutex());
  for (CUgraph_st* capture : own_captures) capture->is_broken = true;
  for (CUgraph_st* capture : global_captures()) capture->is_broken = true;
  return own_captures.empty() && global_captures().empty() ? cudaSuccess : cudaErrorStreamCaptureUnsupported;
}

}  // namespace mp::emulation

using namespace mp::emulation;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  if (stream->capture != nullptr) return report(cudaErrorIllegalState);
  auto graph = std::make_unique<CUgraph_st>();
  graph->mode = mode;
  count_things(1);
  if (mode != cudaStreamCaptureModeRelaxed) own_captures.insert(graph.get());
  const std::lock_guard lock(global_mutex());
  if (mode == cudaStreamCaptureModeGlobal) global_captures().insert(graph.get());
  stream->capture = graph.release();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  CUgraph_st* const captured = stream->capture;
  if (captured == nullptr) return report(cudaErrorIllegalState);
  if (captured->mode != cudaStreamCaptureModeRelaxed && !own_captures.contains(captured)) {
    return report(cudaErrorStreamCaptureWrongThread);
  }
  own_captures.erase(captured);
  {
    const std::lock_guard lock(global_mutex());
    global_captures().erase(captured);
  }
  stream->capture = nullptr;
  if (captured->is_broken) {
    static_cast<void>(cudaGraphDestroy(captured));
    return report(cudaErrorStreamCaptureInvalidated);
  }
  *graph = captured;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long /*flags*/) {
  if (const cudaError_t error = obstacle(); error != cudaSuccess) return report(error);
  std::vector<Work> nodes = graph->nodes;
  const std::int64_t dropped = machine().dropped_node;
  if (dropped >= 0 && dropped < static_cast<std::int64_t>(nodes.size())) nodes.erase(nodes.begin() + dropped);
  *executable = new CUgraphExec_st{std::make_shared<const std::vector<Work>>(std::move(nodes))};
  count_things(1);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  count_things(-1);
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;  // one that is being executed is freed behind its execution
  count_things(-1);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const int device = device_of(stream);
  const cudaError_t error = put_in(stream, [device, nodes = executable->nodes] {
    for (const Work& node : *nodes) do_work(device, node);
  });
  if (error != cudaSuccess) return report(error);
  add_to(mutable_counts().graph_launches, 1);
  return cudaSuccess;
}

// The reference training "winograd" (tests/reference/models, compared with PyTorch in torch_training_test.cpp) is what
// its name says.
#include "runtime/cpu/kernels/winograd.hpp"

#include <string>

#include "lib/files/model_file.hpp"
#include "lib/graph/builder.hpp"
#include "lib/operators/operator.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/source_dir.hpp"

namespace mp::runtime::cpu {
namespace {

using onednn::Convolution;
using onednn::ConvolutionPass;
using onednn::ConvolutionShape;

bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
#else
  return false;
#endif
}

// Of a Conv 3 × 3 with padding 1, as the models have them.
ConvolutionShape shape_of(const Graph& graph, const Node& node) {
  const Shape& x = graph.tensor(node.inputs[0]).type.shape;
  const Shape& y = graph.tensor(node.outputs[0]).type.shape;
  return {.batch = x[0],
          .source_channels = x[1],
          .destination_channels = y[1],
          .source = {x[2], x[3]},
          .kernel = {3, 3},
          .destination = {y[2], y[3]},
          .pads_begin = {1, 1},
          .pads_end = {1, 1},
          .source_layout = Layout::kBlocked,
          .destination_layout = Layout::kBlocked};
}

int count_of(const std::string& name) {
  const std::string path = mp::test::source_dir() + "/tests/reference/models/" + name + ".json";
  const Graph graph = bind_model(read_model(path).model, {}, path);
  int count = 0;
  for (const Node& node : graph.nodes()) {
    if (node.op_name != "Conv") continue;
    const ConvolutionShape shape = shape_of(graph, node);
    if (!suits_winograd(shape)) continue;
    ++count;
    if (!has_avx512()) continue;
    for (const auto pass :
         {ConvolutionPass::kForward, ConvolutionPass::kSourceGradient, ConvolutionPass::kWeightGradient}) {
      const Convolution convolution(
          shape, {.pass = pass, .winograd = true, .destination_channels = shape.destination_channels});
      INFO(convolution.implementation());
      CHECK(convolution.implementation().find("wino") != std::string::npos);
    }
  }
  return count;
}

}  // namespace

TEST_CASE("the reference training called winograd takes Winograd's algorithm, the smaller resnet does not", "[torch]") {
  CHECK(count_of("winograd") == 2);
  CHECK(count_of("resnet") == 0);
}

}  // namespace mp::runtime::cpu

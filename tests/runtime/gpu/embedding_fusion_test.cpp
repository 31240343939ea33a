// Gradients of embeddings that are added to another one of the same table as they are made, with the same bits.
#include <cstddef>
#include <string>
#include <vector>

#include "lib/graph/builder.hpp"
#include "runtime/gpu/fusion.hpp"
#include "tests/runtime/gpu/support/steps.hpp"
#include "tests/support/catch.hpp"

using namespace mp;
using namespace mp::runtime;
using namespace mp::runtime::test;

namespace {

using Found = std::vector<std::vector<std::size_t>>;

struct Embedding {
  std::int64_t indices = 30;  // 0, 1, 2, 0, 1 …: slices that several have, and slices that none has
  std::int64_t width = 24;
  DataType type = DataType::kFloat32;
  bool comes_second = true;  // the gradient of the embedding, in the sum
  bool is_wanted = false;    // by somebody else, too
};

GraphBuilder tied(const Embedding& e) {
  GraphBuilder builder("tied");
  const Shape table{5, e.width};
  const TensorId dy = builder.add_input("dy", {e.type, {e.indices, e.width}});
  const TensorId indices = builder.add_input("indices", {DataType::kInt64, {e.indices}});
  const TensorId other = builder.add_input("other", {DataType::kFloat32, table});
  const TensorId dx = builder.add("GatherGrad", "dx", {dy, indices}, {{"axis", std::int64_t{0}}, {"shape", table}});
  builder.add("Add", "sum", e.comes_second ? std::vector<TensorId>{other, dx} : std::vector<TensorId>{dx, other});
  if (e.is_wanted) builder.add("Neg", "more", {dx});
  return builder;
}

Found found(const Embedding& e, const GpuHostOptions& options = {}) { return Steps(tied(e), options).fused(); }

}  // namespace

TEST_CASE("the gradient of an embedding is added to another as it is made, with the same bits",
          "[gpu-kernels][fused]") {
  // A sum in one run of indices and over several; rows of whole packs and others.
  for (const Embedding& e : {Embedding{}, Embedding{.indices = 1500, .width = 8}, Embedding{.width = 5},
                             Embedding{.type = DataType::kBfloat16, .comes_second = false}}) {
    CAPTURE(e.indices, e.width);
    for (const bool is_in_place : {false, true}) {
      Steps fused(tied(e));
      Steps plain(tied(e));
      if (is_in_place) fused.put("sum", "other");
      CHECK(fused.fused() == Found{{0, 1}});
      fused.fill();
      plain.fill();
      fused.run(true);
      plain.run(false);
      CHECK(fused.floats("sum") == plain.floats("sum"));
      CHECK(plain.floats("dx")[0] != 0.0F);
      CHECK(plain.floats("dx").back() == 0.0F);
    }
  }
}

TEST_CASE("sums of parameters' gradients, which are no microbatch's, are made with an embedding's",
          "[gpu-kernels][fused]") {
  const Steps steps(tied({}));
  std::vector<FusionStep> all = steps.steps();
  all[1].microbatch = -1;
  CHECK(steps.fused(all) == Found{{0, 1}});
  all[1].microbatch = 1;  // of another
  CHECK(steps.fused(all).empty());
}

TEST_CASE("the gradient of an embedding is made by itself where its sum cannot come with it", "[gpu-kernels][fused]") {
  CHECK(found({}, {.epilogues = false}).empty());
  CHECK(found({.is_wanted = true}).empty());
  for (const std::string over : {"dy", "indices"}) {
    INFO(over);
    Steps steps(tied({}));
    steps.put("sum", over);
    CHECK(steps.fused().empty());
  }
}

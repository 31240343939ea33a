// Gemm, MatMul, FusedMatMul, MatMulWeightGrad of bfloat16: one product, cut into tiles by its shape alone.
#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/cpu/bfloat16/kernels.hpp"
#include "runtime/cpu/onednn_matmul.hpp"

namespace mp::runtime::cpu {
namespace {

using onednn::Matmul;
using onednn::MatmulShape;

constexpr std::int64_t kTileMultiple = 64;

struct Cut {
  std::int64_t row_extent = 0;
  std::int64_t column_extent = 0;
};

std::int64_t halved(std::int64_t extent) {
  return ((extent + 1) / 2 + kTileMultiple - 1) / kTileMultiple * kTileMultiple;
}

// Halves the longer side of the tiles while each keeps enough work for a thread of its own, and there are few of them.
Cut cut_of(const MatmulShape& s) {
  constexpr double kTileFlops = 96e6;
  constexpr int kMostHalvings = 4;
  Cut cut{s.m, s.n};
  for (int i = 0; i < kMostHalvings; ++i) {
    const double flops =
        2.0 * static_cast<double>(cut.row_extent) * static_cast<double>(cut.column_extent) * static_cast<double>(s.k);
    std::int64_t& longer = cut.row_extent > cut.column_extent ? cut.row_extent : cut.column_extent;
    if (flops < 2.0 * kTileFlops || longer < 4 * kTileMultiple) break;
    longer = halved(longer);
  }
  return cut;
}

struct Tile {
  std::shared_ptr<const Matmul> product;
  std::int64_t a = 0;  // offsets, in elements
  std::int64_t b = 0;
  std::int64_t c = 0;
  std::int64_t bias = 0;
};

// Nothing where oneDNN has no such product.
std::vector<Tile> tiles_of(const MatmulShape& whole) {
  const Cut cut = cut_of(whole);
  std::map<std::pair<std::int64_t, std::int64_t>, std::shared_ptr<const Matmul>> products;
  std::vector<Tile> tiles;
  for (std::int64_t row = 0; row < whole.m; row += cut.row_extent) {
    for (std::int64_t column = 0; column < whole.n; column += cut.column_extent) {
      MatmulShape part = whole;
      part.m = std::min(cut.row_extent, whole.m - row);
      part.n = std::min(cut.column_extent, whole.n - column);
      std::shared_ptr<const Matmul>& product = products[{part.m, part.n}];
      if (!product) product = Matmul::make(part);
      if (!product) return {};
      tiles.push_back({product, whole.transpose_a ? row : row * whole.lda,
                       whole.transpose_b ? column * whole.ldb : column, row * whole.ldc + column, column});
    }
  }
  return tiles;
}

// Which input is which operand.
struct Roles {
  std::size_t a = 0;
  std::size_t b = 1;
};

class MatmulKernel final : public Kernel {
 public:
  MatmulKernel(const KernelCall& call, const MatmulShape& shape, Roles roles, std::vector<Tile> tiles)
      : team_(call.team),
        roles_(roles),
        tiles_(std::move(tiles)),
        has_bias_(shape.has_bias),
        c_bytes_(static_cast<std::int64_t>(shape.is_float32 ? sizeof(float) : sizeof(std::uint16_t))) {
    std::size_t most = 0;
    for (const Tile& tile : tiles_) most = std::max(most, tile.product->scratch_bytes());
    for (int i = 0; i < team_.threads(); ++i) scratch_.emplace_back(most);
  }

  void run(std::span<const void* const> inputs, std::span<void* const> outputs, const StepContext&) override {
    constexpr std::int64_t kBytes = sizeof(std::uint16_t);
    const auto* a = static_cast<const std::byte*>(inputs[roles_.a]);
    const auto* b = static_cast<const std::byte*>(inputs[roles_.b]);
    const auto* bias = has_bias_ ? static_cast<const std::byte*>(inputs[2]) : nullptr;
    auto* c = static_cast<std::byte*>(outputs[0]);
    team_.for_each(static_cast<std::int64_t>(tiles_.size()), [&](std::int64_t part, int worker) {
      const Tile& tile = tiles_[static_cast<std::size_t>(part)];
      tile.product->run({.a = a + tile.a * kBytes,
                         .b = b + tile.b * kBytes,
                         .bias = has_bias_ ? bias + tile.bias * kBytes : nullptr,
                         .c = c + tile.c * c_bytes_},
                        scratch_[static_cast<std::size_t>(worker)].data());
    });
  }

  [[nodiscard]] std::int64_t workspace_bytes() const override {
    return static_cast<std::int64_t>(scratch_.size()) * scratch_.front().size_bytes();
  }

 private:
  Team& team_;
  Roles roles_;
  std::vector<Tile> tiles_;
  bool has_bias_;
  std::int64_t c_bytes_;
  std::vector<Scratch> scratch_;
};

// A left operand of any rank against one matrix; nothing where the product is a batch of several.
std::optional<MatmulShape> shape_of(const KernelCall& call) {
  const Shape& a = call.input(0).shape;
  const Shape& b = call.input(1).shape;
  MatmulShape s;
  s.is_float32 = call.output(0).type == DataType::kFloat32;
  if (call.node.op_name == "MatMulWeightGrad") {  // of dY and A: Aᵀ · dY
    s.transpose_a = true;
    s.m = s.lda = b.back();
    s.n = s.ldb = s.ldc = a.back();
    s.k = elements(b) / b.back();
    return s;
  }
  s.transpose_a = call.attributes().get_int("transA", 0) != 0;
  s.transpose_b = call.attributes().get_int("transB", 0) != 0;
  const bool is_one_product = b.size() == 2 && (a.size() == 2 || !s.transpose_a);
  if (!is_one_product || a.size() < 2 || call.attributes().get_float("alpha", 1.0) != 1.0) return std::nullopt;
  s.lda = a.back();
  s.ldb = b[1];
  s.n = s.ldc = s.transpose_b ? b[0] : b[1];
  s.m = s.transpose_a ? a[1] : elements(a) / a.back();
  s.k = s.transpose_a ? a[0] : a.back();
  if (!call.has_input(2)) return s;
  const Shape& c = call.input(2).shape;
  const bool is_row = elements(c) == s.n && c.back() == s.n;
  if (!is_row || call.attributes().get_float("beta", 1.0) != 1.0) return std::nullopt;
  s.has_bias = true;
  return s;
}

}  // namespace

std::unique_ptr<Kernel> make_bfloat16_matmul(const KernelCall& call) {
  const std::optional<MatmulShape> shape = shape_of(call);
  if (!shape || shape->m == 0 || shape->n == 0 || shape->k == 0) return nullptr;
  std::vector<Tile> tiles = tiles_of(*shape);
  if (tiles.empty()) return nullptr;
  const bool is_weight_grad = call.node.op_name == "MatMulWeightGrad";
  return std::make_unique<MatmulKernel>(call, *shape, is_weight_grad ? Roles{1, 0} : Roles{0, 1}, std::move(tiles));
}

}  // namespace mp::runtime::cpu

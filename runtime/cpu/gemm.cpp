#include "runtime/cpu/gemm.hpp"

#include <algorithm>

#include "runtime/cpu/onednn.hpp"

namespace mp::runtime::cpu {
namespace {

struct Grid {
  std::int64_t rows = 1;
  std::int64_t columns = 1;
};

constexpr std::int64_t kTileMultiple = 48;  // a whole number of register tiles of every instruction set oneDNN knows

// Doubles the number of tiles, cutting the longer side, while a tile keeps at least this many FLOPs: below, waking a
// thread costs more than it brings; and a tile of a large product is never so small that packing its operands shows.
Grid choose_grid(std::int64_t m, std::int64_t n, std::int64_t k) {
  constexpr double kTileFlops = 48e6;
  constexpr std::int64_t kMostTiles = 16;
  Grid grid;
  const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  while (grid.rows * grid.columns < kMostTiles &&
         flops / static_cast<double>(grid.rows * grid.columns * 2) >= kTileFlops) {
    const bool cut_rows = m / grid.rows > n / grid.columns;
    if ((cut_rows ? m / grid.rows : n / grid.columns) < 4 * kTileMultiple) break;
    (cut_rows ? grid.rows : grid.columns) *= 2;
  }
  return grid;
}

std::int64_t tile_extent(std::int64_t size, std::int64_t parts) {
  if (parts == 1) return size;
  return ((size + parts - 1) / parts + kTileMultiple - 1) / kTileMultiple * kTileMultiple;
}

// All that is left of a product over nothing.
void scale(const Gemm& call) {
  for (std::int64_t i = 0; i < call.m; ++i) {
    float* row = call.c + i * call.ldc;
    for (std::int64_t j = 0; j < call.n; ++j) row[j] = call.beta == 0.0F ? 0.0F : call.beta * row[j];
  }
}

}  // namespace

void gemm(const Gemm& call) {
  if (call.m == 0 || call.n == 0) return;
  if (call.k == 0) return scale(call);
  onednn::sgemm(call);
}

void gemm(Team& team, const Gemm& call) {
  const Grid grid = choose_grid(call.m, call.n, call.k);
  const std::int64_t tile_m = tile_extent(call.m, grid.rows);
  const std::int64_t tile_n = tile_extent(call.n, grid.columns);
  team.for_each(grid.rows * grid.columns, [&](std::int64_t part, int) {
    const std::int64_t row = part / grid.columns * tile_m;
    const std::int64_t column = part % grid.columns * tile_n;
    if (row >= call.m || column >= call.n) return;
    Gemm tile = call;
    tile.m = std::min(tile_m, call.m - row);
    tile.n = std::min(tile_n, call.n - column);
    tile.a += call.transpose_a ? row : row * call.lda;
    tile.b += call.transpose_b ? column * call.ldb : column;
    tile.c += row * call.ldc + column;
    gemm(tile);
  });
}

}  // namespace mp::runtime::cpu

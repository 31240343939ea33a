// GradientL2, GradientNorm: the norm of all gradients together, summed in an order that no placement changes.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "lib/operators/gradient_norm.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/sums.hpp"

namespace mp::runtime::cpu {
namespace {

// A part of an input, which one thread sums.
struct Piece {
  std::size_t input = 0;
  std::int64_t begin = 0;
  std::int64_t count = 0;
};

std::vector<Piece> pieces_of(const KernelCall& call) {
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    const std::int64_t size = elements(call.input(i).shape);
    for (std::int64_t begin = 0; begin < size; begin += kNormElements) {
      pieces.push_back({.input = i, .begin = begin, .count = std::min(kNormElements, size - begin)});
    }
  }
  return pieces;
}

}  // namespace

KernelPointer make_gradient_l2(const KernelCall& call) {
  std::vector<Piece> pieces = pieces_of(call);
  return function_kernel([&team = call.team, pieces = std::move(pieces)](const Operands& io) {
    team.for_each(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t i, int) {
      const Piece& piece = pieces[static_cast<std::size_t>(i)];
      io.out(0)[i] = static_cast<float>(std::sqrt(sum_of_squares(io.in(piece.input) + piece.begin, piece.count)));
    });
  });
}

// As PyTorch's clip_grad_norm_ has it. A norm that is no number makes a factor that is none.
KernelPointer make_gradient_norm(const KernelCall& call) {
  constexpr double kEpsilon = 1e-6;
  const double clip_norm = call.attributes().get_float("clip_norm", 0.0);
  std::vector<std::pair<std::size_t, std::int64_t>> from;  // input, position in it
  for (std::size_t i = 0; i < call.node.inputs.size(); ++i) {
    for (std::int64_t j = 0; j < call.input(i).shape[0]; ++j) from.emplace_back(i, j);
  }
  std::vector<std::pair<std::size_t, std::int64_t>> ordered;
  for (const std::int64_t position : call.attributes().get_ints("order", {})) {
    ordered.push_back(from[static_cast<std::size_t>(position)]);
  }
  return function_kernel([clip_norm, ordered = std::move(ordered)](const Operands& io) {
    double total = 0.0;
    for (const auto& [input, position] : ordered) {
      const auto norm = static_cast<double>(io.in(input)[position]);
      total += norm * norm;
    }
    const double norm = std::sqrt(total);
    const double factor = clip_norm / (norm + kEpsilon);
    *io.out(0) = static_cast<float>(norm);
    *io.out(1) = static_cast<float>(factor > 1.0 ? 1.0 : factor);
  });
}

}  // namespace mp::runtime::cpu

// RotaryEmbedding and its gradient, the rotation by the opposite angles.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/error.hpp"
#include "runtime/cpu/kernels/kernels.hpp"
#include "runtime/cpu/simd.hpp"
#include "runtime/semantics/rotation.hpp"

namespace mp::runtime::cpu {
namespace {

// … with where its heads are, and who asks.
struct HeadRotation : Rotation {
  std::string node;

  [[nodiscard]] std::int64_t at(std::int64_t b, std::int64_t s, std::int64_t head) const {
    return heads_outside ? ((b * heads + head) * sequence + s) * size : ((b * sequence + s) * heads + head) * size;
  }
};

struct Tables {
  std::vector<float> cosines;  // [sequence, rotated / 2]
  std::vector<float> sines;
};

Tables tables_of(const Rotation& r, double theta) {
  Tables tables;
  for (std::int64_t s = 0; s < r.sequence; ++s) {
    for (std::int64_t i = 0; i < r.rotated / 2; ++i) {
      const double turns = -2.0 * static_cast<double>(i) / static_cast<double>(r.rotated);
      const double angle = static_cast<double>(s) * std::pow(theta, turns);
      tables.cosines.push_back(static_cast<float>(std::cos(angle)));
      tables.sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return tables;
}

MP_SIMD void rotate_halves(const float* x, const float* cosine, const float* sine, float sign, float* y,
                           std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[half + i];
    y[i] = cosine[i] * a - sign * sine[i] * b;
    y[half + i] = sign * sine[i] * a + cosine[i] * b;
  }
}

MP_SIMD void rotate_pairs(const float* x, const float* cosine, const float* sine, float sign, float* y,
                          std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = x[2 * i];
    const float b = x[2 * i + 1];
    y[2 * i] = cosine[i] * a - sign * sine[i] * b;
    y[2 * i + 1] = sign * sine[i] * a + cosine[i] * b;
  }
}

// All heads of one place in one sequence; row: where its cosines and sines are.
void rotate_place(const HeadRotation& r, const Operands& io, const float* cosines, const float* sines, std::int64_t row,
                  std::int64_t place) {
  const std::int64_t half = r.rotated / 2;
  for (std::int64_t head = 0; head < r.heads; ++head) {
    const std::int64_t at = r.at(place / r.sequence, place % r.sequence, head);
    const auto rotate = r.is_interleaved ? rotate_pairs : rotate_halves;
    rotate(io.in(0) + at, cosines + row * half, sines + row * half, r.sign, io.out(0) + at, half);
    std::copy(io.in(0) + at + r.rotated, io.in(0) + at + r.size, io.out(0) + at + r.rotated);
  }
}

std::int64_t position_at(const HeadRotation& r, const std::int64_t* positions, std::int64_t place, std::int64_t known) {
  const std::int64_t position = positions[place];
  if (position >= 0 && position < known) return position;
  throw RunError(fmt::format("node '{}' (RotaryEmbedding): position {} of batch item {} is not in [0, {})", r.node,
                             position, place / r.sequence, known));
}

}  // namespace

KernelPointer make_rotary_embedding(const KernelCall& call) {
  if (call.input(0).type != DataType::kFloat32) call.refuse_type(call.input(0).type);
  const HeadRotation r{rotation_of(call), call.node.name};
  const bool has_tables = call.has_input(1);
  const std::int64_t known = has_tables ? call.input(1).shape[0] : 0;
  Tables tables;
  if (!has_tables) tables = tables_of(r, call.attributes().get_float("theta", 10000.0));
  const auto workspace = static_cast<std::int64_t>(2 * tables.cosines.size() * sizeof(float));
  return function_kernel(
      [&team = call.team, r, has_tables, known, tables](const Operands& io) {
        const std::int64_t grain = std::max<std::int64_t>(1, kElementwiseGrain / (r.heads * r.size));
        team.for_range(r.batch * r.sequence, grain, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t place = begin; place < end; ++place) {
            if (!has_tables) {
              rotate_place(r, io, tables.cosines.data(), tables.sines.data(), place % r.sequence, place);
            } else {
              const auto* positions = io.in<std::int64_t>(3);
              const std::int64_t row = positions == nullptr ? place : position_at(r, positions, place, known);
              rotate_place(r, io, io.in(1), io.in(2), row, place);
            }
          }
        });
      },
      workspace);
}

}  // namespace mp::runtime::cpu
